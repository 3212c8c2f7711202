package repodata

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// ErrMismatch is metadata that does not fit the repomd.xml that it was read for.
var ErrMismatch = errors.New("metadata that does not match its repomd.xml")

// Client reads a repository, on one connection as librepo does for a repository.
type Client struct {
	base string // with a slash at its end
	http *http.Client
}

// NewClient returns a client of the repository at base, a URL with a slash at its end.
func NewClient(base string) *Client {
	return &Client{base, &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxConnsPerHost: 1, DisableCompression: true}}}
}

// Close ends the connection.
func (c *Client) Close() { c.http.CloseIdleConnections() }

type repomd struct {
	Revision int `xml:"revision"`
	Data     []struct {
		Type     string `xml:"type,attr"`
		Checksum string `xml:"checksum"`
		Location struct {
			Href string `xml:"href,attr"`
		} `xml:"location"`
	} `xml:"data"`
}

// Read reads repomd.xml, its signature and all that it names, and compares the checksums. It returns which generation that was, and wraps ErrMismatch.
func (c *Client) Read(ctx context.Context) (generation int, err error) {
	raw, err := c.get(ctx, root, true)
	if err != nil {
		return 0, err
	}
	var md repomd
	if err := xml.Unmarshal(raw, &md); err != nil || len(md.Data) != len(kinds) {
		return 0, fmt.Errorf("%w: a repomd.xml of %d files, %v: %.100q", ErrMismatch, len(md.Data), err, raw)
	}
	signed, err := c.get(ctx, root+".asc", false)
	if err != nil {
		return 0, err
	}
	if string(signed) != string(signature(raw)) {
		return 0, fmt.Errorf("%w: generation %d has the signature of another", ErrMismatch, md.Revision)
	}
	for _, d := range md.Data {
		b, err := c.get(ctx, d.Location.Href, false)
		if err != nil {
			return 0, fmt.Errorf("generation %d: %w", md.Revision, err)
		}
		if Sum(b) != d.Checksum {
			return 0, fmt.Errorf("%w: %s of generation %d", ErrMismatch, d.Type, md.Revision)
		}
	}
	return md.Revision, nil
}

// get reads a file. dnf wants repomd.xml, and nothing else, to be looked after by caches.
func (c *Client) get(ctx context.Context, path string, fresh bool) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, "GET", c.base+path, nil)
	if err != nil {
		return nil, err
	}
	if fresh {
		req.Header["Cache-Control"], req.Header["Pragma"] = []string{"no-cache"}, []string{"no-cache"}
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %.200q", path, res.Status, b)
	}
	return b, err
}
