package oauth

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Bounds of the provider's answer.
const (
	maxAnswer = 64 << 10
	maxToken  = 2 << 10 // Google's have up to 2048 bytes; a cookie has to hold one
)

// ProviderError is trouble with the provider.
type ProviderError struct {
	Host   string
	Status int    // of its answer; 0: none came
	Code   string // the error code of its answer (RFC 6749, 5.2), "" if it has none
}

func (e *ProviderError) Error() string {
	if e.Status == 0 {
		return fmt.Sprintf("%s did not answer", e.Host)
	}
	if e.Code == "" {
		return fmt.Sprintf("%s answered %d", e.Host, e.Status)
	}
	return fmt.Sprintf("%s answered %d: %.64q", e.Host, e.Status, e.Code)
}

// exchange trades a code for a token (RFC 6749, 4.1.3). Errors have nothing of either in them.
func (f *Flow) exchange(ctx context.Context, code, verifier string) (token string, lasts time.Duration, err error) {
	form := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {f.o.RedirectURL}, "client_id": {f.o.ClientID},
		"client_secret": {f.o.ClientSecret}, "code_verifier": {verifier}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, f.o.TokenURL, strings.NewReader(form.Encode()))
	if err != nil {
		return "", 0, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	res, err := f.o.Client.Do(req)
	if err != nil {
		return "", 0, &ProviderError{Host: req.URL.Host}
	}
	defer res.Body.Close()
	var answer struct {
		AccessToken string  `json:"access_token"`
		TokenType   string  `json:"token_type"`
		ExpiresIn   float64 `json:"expires_in"`
		Error       string  `json:"error"`
	}
	raw, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err == nil {
		err = json.Unmarshal(raw, &answer)
	}
	if err != nil || res.StatusCode != http.StatusOK || !isToken(answer.AccessToken) || !strings.EqualFold(answer.TokenType, "Bearer") {
		return "", 0, &ProviderError{req.URL.Host, res.StatusCode, answer.Error}
	}
	if lasts = time.Duration(min(answer.ExpiresIn, longest.Seconds()) * float64(time.Second)); lasts <= margin {
		lasts = 2 * margin // it did not say, or it is hardly worth anything
	}
	return answer.AccessToken, lasts, nil
}

// isToken reports whether s can stand in a header and in a cookie.
func isToken(s string) bool {
	return s != "" && len(s) <= maxToken && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}
