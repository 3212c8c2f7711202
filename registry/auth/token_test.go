package auth

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// token fetches a token with the credentials, "" for none.
func token(t *testing.T, h http.Handler, credentials string) string {
	t.Helper()
	return tokenIn(t, ask(h, strings.TrimSpace("GET /v2/_token "+credentials)))
}

// tokenIn reads the answer of the token service.
func tokenIn(t *testing.T, w *httptest.ResponseRecorder) string {
	t.Helper()
	var answer struct {
		Token       string    `json:"token"`
		AccessToken string    `json:"access_token"`
		IssuedAt    time.Time `json:"issued_at"`
	}
	err := json.Unmarshal(w.Body.Bytes(), &answer)
	if w.Code != 200 || err != nil || answer.Token == "" || answer.Token != answer.AccessToken || answer.IssuedAt.IsZero() {
		t.Fatalf("GET /v2/_token = %d, %q", w.Code, w.Body)
	}
	if got := w.Header().Get("Cache-Control"); got != "no-store" {
		t.Errorf("GET /v2/_token: Cache-Control %q", got)
	}
	return answer.Token
}

func TestTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, u := serve(t, publicRules, Options{})
		alice, bob, nobody := "Bearer "+token(t, h, "alice:U*U"), "bearer "+token(t, h, "bob:abc"), "Bearer "+token(t, h, "")
		wantStatus(t, h, "GET /v2/ "+alice, 200, "alice true")
		wantStatus(t, h, "GET /v2/ "+bob, 200, "bob true")
		wantStatus(t, h, "GET /v2/ "+nobody, 200, " false")

		w := wantStatus(t, h, "POST /v2/a/blobs/uploads/ "+nobody, 401, "UNAUTHORIZED")
		if got, want := w.Header().Get("WWW-Authenticate"), bearer+`,error="insufficient_scope"`; got != want {
			t.Errorf("challenge to an anonymous token %q, want %q", got, want)
		}
		other, _ := serve(t, publicRules, Options{})
		wantStatus(t, other, "GET /v2/ "+alice, 401, "not valid")
		for i := len("Bearer "); i < len(alice); i++ {
			forged := []byte(alice)
			forged[i] ^= 1
			if w := ask(h, "GET /v2/ "+string(forged)); w.Code == 200 {
				t.Errorf("a token changed at byte %d is taken", i)
			}
		}

		time.Sleep(tokenFor - time.Second)
		wantStatus(t, h, "GET /v2/ "+alice, 200, "alice true")
		write(t, u.path, "alice:BCRYPT\nbob:OTHER\n")
		time.Sleep(time.Second / 2) // the file was looked at this second
		wantStatus(t, h, "GET /v2/ "+bob, 200, "bob true")
		if err := u.Reload(); err != nil {
			t.Fatal(err)
		}
		wantStatus(t, h, "GET /v2/ "+bob, 401, "not valid") // another password
		wantStatus(t, h, "GET /v2/ "+alice, 200, "alice true")
		time.Sleep(time.Second / 2)
		wantStatus(t, h, "GET /v2/ "+alice, 401, "not valid")
		wantStatus(t, h, "GET /v2/ "+nobody, 401, "not valid")
	})
}

// TestTokenOfNobody has a user leave the file while its password is hashed, so that the token is made for a line that is not there.
func TestTokenOfNobody(t *testing.T) {
	u := load(t, "alice:BCRYPT\n")
	tokens := newTokens()
	if id, err := tokens.read(tokens.issue("bob", u, time.Now()), u, time.Now()); err == nil {
		t.Errorf("the token of one who is not in the file is that of %+v", id)
	}
}

// TestTokenByForm is what containerd does with a password.
func TestTokenByForm(t *testing.T) {
	h, _ := serve(t, publicRules, Options{})
	for _, tt := range []struct {
		form   string
		status int
	}{
		{"grant_type=password&username=bob&password=abc&service=vitrine&client_id=x&scope=repository:a:pull", 200},
		{"grant_type=password&username=bob&password=wrong", 401},
		{"grant_type=password", 401},
		{"grant_type=refresh_token&refresh_token=x", 400},
		{"grant_type=%", 400},
		{"grant_type=password&username=bob&password=abc&x=" + strings.Repeat("x", maxForm), 400},
	} {
		r := httptest.NewRequest("POST", "/v2/_token", strings.NewReader(tt.form))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != tt.status {
			t.Errorf("POST %.80q = %d, %q, want %d", tt.form, w.Code, w.Body, tt.status)
		}
		if tt.status != 200 {
			continue
		}
		var answer map[string]any
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
			t.Fatal(err)
		}
		wantStatus(t, h, fmt.Sprint("GET /v2/ Bearer ", answer["access_token"]), 200, "bob true")
	}
}

func TestFormIsNoQuery(t *testing.T) { // a password does not belong into a URL, which logs show
	h, _ := serve(t, publicRules, Options{})
	q := url.Values{"grant_type": {"password"}, "username": {"bob"}, "password": {"abc"}}
	wantStatus(t, h, "POST /v2/_token?"+q.Encode(), 400, "grant_type")
}

// TestTokenForMirrors holds that a wrong password for pulling gets what no password gets, even where its address has to wait, and counts as wrong all the same.
func TestTokenForMirrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, _ := serve(t, publicRules, Options{})
		for i := range freeFailures + 1 {
			w := wantStatus(t, h, fmt.Sprintf("GET /v2/_token?scope=repository:a:pull bob:%d", i), 200, "access_token")
			wantStatus(t, h, "GET /v2/a/tags/list Bearer "+tokenIn(t, w), 200, " false")
		}
		wantStatus(t, h, "GET /v2/_token bob:abc", 429, "TOOMANYREQUESTS")
		w := wantStatus(t, h, "GET /v2/_token?scope=repository:a:pull bob:abc", 200, "access_token")
		wantStatus(t, h, "GET /v2/a/tags/list Bearer "+tokenIn(t, w), 200, " false") // the right password, which is not looked at
	})
}
