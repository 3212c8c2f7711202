package oauth

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// maxCookie bounds a cookie's value in bytes: browsers drop larger ones (RFC 6265, 6.1).
const maxCookie = 4000

// box encrypts what browsers keep for us, so that they can neither read nor change it: AES-256-GCM, with a random nonce, under the cookie's name.
type box struct{ aead cipher.AEAD }

func newBox() (*box, error) {
	key := make([]byte, 32)
	rand.Read(key)
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	return &box{aead}, err
}

func (b *box) seal(name string, v any) (string, error) {
	plain, err := json.Marshal(v)
	if err != nil {
		return "", err
	}
	text := base64.RawURLEncoding.EncodeToString(b.aead.Seal(nil, nil, plain, []byte(name)))
	if len(text) > maxCookie {
		return "", fmt.Errorf("a cookie of %d bytes", len(text))
	}
	return text, nil
}

func (b *box) open(name, text string, v any) bool {
	if len(text) > maxCookie {
		return false
	}
	sealed, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return false
	}
	plain, err := b.aead.Open(nil, nil, sealed, []byte(name))
	return err == nil && json.Unmarshal(plain, v) == nil
}

// set has the browser keep v, which no script and no other site's form sees.
func (f *Flow) set(w http.ResponseWriter, name string, v any, lasts time.Duration) error {
	text, err := f.box.seal(name, v)
	if err != nil {
		return err
	}
	http.SetCookie(w, &http.Cookie{Name: name, Value: text, Path: "/", MaxAge: int(lasts.Seconds()), Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode})
	return nil
}

func clearCookie(w http.ResponseWriter, name string) {
	http.SetCookie(w, &http.Cookie{Name: name, Path: "/", MaxAge: -1, Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode})
}

// read opens the cookie of that name. A browser that sends two of them has one that is not ours.
func (f *Flow) read(r *http.Request, name string, v any) bool {
	all := r.CookiesNamed(name)
	return len(all) == 1 && f.box.open(name, all[0].Value, v)
}
