package files

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"

	"vitrine/explore/apk"
	"vitrine/registry/api"
	"vitrine/storage"
)

// keySuffix ends the names of public keys, in /etc/apk/keys and at /keys/.
const keySuffix = ".rsa.pub"

// AlpineKeys are the keys that the indexes made here are signed with, by the names of their public halves. Each is made when it is first used.
type AlpineKeys struct {
	secrets storage.SecretKeeper
	bits    int

	mu   sync.Mutex
	keys map[string]*apk.Key
}

// NewAlpineKeys returns the keys that are kept in secrets, those that are missing being made with so many bits; 0 is apk.DefaultBits.
func NewAlpineKeys(secrets storage.SecretKeeper, bits int) *AlpineKeys {
	return &AlpineKeys{secrets: secrets, bits: bits, keys: map[string]*apk.Key{}}
}

// Key returns the key whose public half is called name. The error wraps apk.ErrKey where that cannot be, or is the keeper's.
func (k *AlpineKeys) Key(ctx context.Context, name string) (*apk.Key, error) {
	if err := apk.CheckKeyName(name); err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if key := k.keys[name]; key != nil {
		return key, nil
	}
	raw, err := k.secrets.Secret(ctx, name[:len(name)-len(".pub")], func() ([]byte, error) {
		key, err := apk.NewKey(name, k.bits)
		if err != nil {
			return nil, err
		}
		return key.PEM()
	})
	if err != nil {
		return nil, err
	}
	key, err := apk.ParseKey(name, raw)
	if err == nil {
		k.keys[name] = key
	}
	return key, err
}

// keyPrefix is where public keys are.
const keyPrefix = "/keys/"

// routeKey finds the repositories whose key is called name. The error wraps api.ErrNoRoute.
func (h *handler) routeKey(name string) (route, error) {
	rt := route{endpoint: publicKey, path: name}
	for _, repo := range h.repos {
		if repo.Key != "" && repo.Key == name && h.Keys != nil {
			return rt, nil
		}
	}
	return rt, fmt.Errorf("%w: %.100q is no public key", api.ErrNoRoute, name)
}

// getKey serves a public key to those who may read a repository whose indexes it signs.
func (h *handler) getKey(w http.ResponseWriter, r *http.Request, rt route) error {
	if err := h.mayReadKey(r, rt.path); err != nil {
		return err
	}
	key, err := h.Keys.Key(r.Context(), rt.path)
	if err != nil {
		return err
	}
	raw, err := key.PublicPEM()
	if err != nil {
		return err
	}
	header := w.Header()
	header["Content-Type"] = []string{"application/x-pem-file"}
	header["Content-Disposition"] = []string{"attachment; filename=" + rt.path} // which has no character that would have to be escaped
	header["Cache-Control"] = []string{"no-cache"}
	return send(w, raw)
}

// mayReadKey is why whoever asks may read none of the repositories that the key signs for, nil if he may.
func (h *handler) mayReadKey(r *http.Request, name string) (refused error) {
	for _, repo := range h.repos {
		if repo.Key != name {
			continue
		}
		err := readable(r, repo)
		if err == nil {
			return nil
		}
		refused = err
	}
	return refused
}

// nowhere is a directory that is not there: to list it has nobody make an index, as to list the topmost may.
const nowhere = "-"

// readable is why whoever asks may not read the repository, nil if he may.
func readable(r *http.Request, repo *Repository) error {
	for _, err := range repo.Reader.ListFiles(r.Context(), repo.Name, nowhere, "") {
		if errors.Is(err, storage.ErrDenied) || errors.Is(err, storage.ErrNoIdentity) {
			return err
		}
		break
	}
	return nil
}
