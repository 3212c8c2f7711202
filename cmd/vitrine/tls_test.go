package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"strings"
	"testing"
	"time"
)

func TestTLS(t *testing.T) {
	dir := t.TempDir()
	cert, key := dir+"/cert.pem", dir+"/key.pem"
	pair(t, cert, key, "first")
	r := start(t, nil, "--ephemeral", "--tls-cert", cert, "--tls-key", key)
	if got := serving(t, r); got != "first" {
		t.Errorf("the certificate is %q", got)
	}
	write(t, cert, "no certificate")
	r.reload(t, "configuration not taken")
	if got := serving(t, r); got != "first" {
		t.Errorf("after a bad one the certificate is %q", got)
	}
	pair(t, cert, key, "second")
	r.reload(t, "configuration read again")
	if got := serving(t, r); got != "second" {
		t.Errorf("after SIGHUP the certificate is %q", got)
	}
	resp, err := client(t).Get(r.url + "/v2/")
	if err != nil || resp.ProtoMajor != 2 || resp.StatusCode != 200 {
		t.Fatal(resp, err)
	}
	resp.Body.Close()
	if got := status(t, client(t), "GET", strings.Replace(r.url, "https", "http", 1), nil); got != 400 {
		t.Errorf("plain HTTP gets %d", got)
	}
}

// TestCertificateWatched goes without a signal, and without waiting for the second that is between two looks.
func TestCertificateWatched(t *testing.T) {
	dir := t.TempDir()
	cert, key := dir+"/cert.pem", dir+"/key.pem"
	pair(t, cert, key, "first")
	c := defaults()
	c.tlsCert, c.tlsKey = cert, key
	var log buffer
	s, err := newServer(c, &log)
	if err != nil {
		t.Fatal(err)
	}
	name := func() string {
		s.certs.looked = time.Time{}
		p, err := s.certs.get(nil)
		if err != nil {
			t.Fatal(err)
		}
		return p.Leaf.Subject.CommonName
	}
	os.Truncate(key, 5)
	for range 3 {
		if got := name(); got != "first" {
			t.Errorf("with a broken key: %q", got)
		}
	}
	if n := strings.Count(log.String(), "stays in force"); n != 1 {
		t.Errorf("told %d times\n%s", n, log.String())
	}
	pair(t, cert, key, "second")
	if got := name(); got != "second" {
		t.Errorf("after the change: %q", got)
	}
}

// serving is the name in the certificate that a fresh connection sees.
func serving(t *testing.T, r *running) string {
	t.Helper()
	conn, err := tls.Dial("tcp", strings.TrimPrefix(r.url, "https://"), &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0].Subject.CommonName
}

// pair writes a certificate for name and its key.
func pair(t *testing.T, cert, key, name string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, k.Public(), k)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	write(t, cert, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	write(t, key, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})))
}
