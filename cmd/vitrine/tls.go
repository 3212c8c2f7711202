package main

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// certRecheck is how often a handshake looks whether the files have changed.
const certRecheck = time.Second

// certificates gives out the pair of two files, and reads them again when they have changed. A pair that can't be read leaves
// the one before it in force.
type certificates struct {
	log *slog.Logger

	mu        sync.Mutex
	cert, key string
	stamp     [2]stamp // of what was read last, or tried
	pair      *tls.Certificate
	looked    time.Time
}

// stamp tells one state of a file from another.
type stamp struct {
	size  int64
	mtime time.Time
}

func stampOf(name string) stamp {
	fi, err := os.Stat(name)
	if err != nil {
		return stamp{size: -1}
	}
	return stamp{fi.Size(), fi.ModTime()}
}

// loadPair reads a pair. The stamps are taken first, so that a change while it reads is found afterwards.
func loadPair(cert, key string) (*tls.Certificate, [2]stamp, error) {
	st := [2]stamp{stampOf(cert), stampOf(key)}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return nil, st, fmt.Errorf("TLS: certificate %s, key %s: %w", cert, key, err)
	}
	return &pair, st, nil
}

// set puts a pair in force that loadPair has read.
func (c *certificates) set(cert, key string, pair *tls.Certificate, st [2]stamp) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cert, c.key, c.pair, c.stamp = cert, key, pair, st
}

// get is a tls.Config's GetCertificate.
func (c *certificates) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); now.Sub(c.looked) >= certRecheck {
		c.looked = now
		c.refresh()
	}
	return c.pair, nil
}

// refresh reads the files again if they are others than at the last try.
func (c *certificates) refresh() {
	if c.stamp == [2]stamp{stampOf(c.cert), stampOf(c.key)} {
		return
	}
	pair, st, err := loadPair(c.cert, c.key)
	c.stamp = st
	if err != nil {
		c.log.Error("the changed certificate is not taken, the old one stays in force", "error", err)
		return
	}
	c.pair = pair
	c.log.Info("certificate read again", "file", c.cert)
}

func (c *certificates) config() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: c.get}
}
