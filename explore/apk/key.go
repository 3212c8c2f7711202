package apk

import (
	"archive/tar"
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"regexp"
	"time"
)

// DefaultBits is the size of new keys, that of Alpine's own.
const DefaultBits = 4096

// keyName is what a file in /etc/apk/keys may be called here: the name stands in a header of tar, behind .SIGN.RSA256., and must be no path.
var keyName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9@._+-]{0,77}\.rsa\.pub$`)

// CheckKeyName returns an error that wraps [ErrKey] for what cannot be the name of a public key: letters, digits and @._+- before .rsa.pub, 86 in all.
func CheckKeyName(name string) error {
	if !keyName.MatchString(name) {
		return fmt.Errorf("%w: %.100q is no name of a public key, such as repo-5f3a.rsa.pub", ErrKey, name)
	}
	return nil
}

// Keys are those that are trusted, by the name of their file in /etc/apk/keys: a signature says by which it was made.
type Keys map[string]*rsa.PublicKey

// Add adds a public key in PEM under its file's name.
func (k Keys) Add(name string, raw []byte) error {
	public, err := ParsePublicKey(raw)
	if err == nil {
		k[name] = public
	}
	return err
}

// ParsePublicKey reads a public key as apk does: PEM of a SubjectPublicKeyInfo (RFC 5280, 4.1). The error wraps [ErrKey].
func ParsePublicKey(raw []byte) (*rsa.PublicKey, error) {
	block, _ := pem.Decode(raw)
	if block == nil || block.Type != "PUBLIC KEY" {
		return nil, fmt.Errorf("%w: no PEM of a public key", ErrKey)
	}
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%w: %.200v", ErrKey, err)
	}
	public, ok := parsed.(*rsa.PublicKey)
	if !ok {
		return nil, fmt.Errorf("%w: of another algorithm than RSA", ErrKey)
	}
	return public, nil
}

// Key signs indexes.
type Key struct {
	name    string
	private *rsa.PrivateKey
}

// NewKey makes a key whose public half is to be the file name in /etc/apk/keys. bits 0 is [DefaultBits], which takes a second or several.
func NewKey(name string, bits int) (*Key, error) {
	if err := CheckKeyName(name); err != nil {
		return nil, err
	}
	if bits == 0 {
		bits = DefaultBits
	}
	private, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	return &Key{name, private}, nil
}

// ParseKey reads a private key of RSA in PEM, of PKCS #8 or, as openssl genrsa once wrote it, PKCS #1. The error wraps [ErrKey].
func ParseKey(name string, raw []byte) (*Key, error) {
	if err := CheckKeyName(name); err != nil {
		return nil, err
	}
	block, _ := pem.Decode(raw)
	if block == nil {
		return nil, fmt.Errorf("%w: no PEM of a private key", ErrKey)
	}
	if block.Type == "RSA PRIVATE KEY" {
		private, err := x509.ParsePKCS1PrivateKey(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%w: it cannot be read as PKCS #1", ErrKey)
		}
		return &Key{name, private}, nil
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	private, ok := parsed.(*rsa.PrivateKey)
	if err != nil || !ok {
		return nil, fmt.Errorf("%w: it cannot be read as PKCS #8 of RSA", ErrKey) // what is wrong with a private key is nobody's to read
	}
	return &Key{name, private}, nil
}

// Name is that of the public key's file.
func (k *Key) Name() string { return k.name }

// PEM is the private key, as [ParseKey] reads it.
func (k *Key) PEM() ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(k.private)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// PublicPEM is what belongs into /etc/apk/keys under the key's name.
func (k *Key) PublicPEM() ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(&k.private.PublicKey)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), nil
}

// Sign returns the member that goes before content: signatures over SHA-256 and, for versions of apk before 2.10, over SHA-1. Each apk takes the first
// that it knows. PKCS #1 v1.5 has no randomness: the same content is always signed by the same bytes.
func (k *Key) Sign(content []byte) ([]byte, error) {
	var plain bytes.Buffer
	t := tar.NewWriter(&plain)
	for _, a := range algorithms {
		if a.name == "RSA512" {
			continue
		}
		sum := a.hash.New()
		sum.Write(content)
		raw, err := rsa.SignPKCS1v15(nil, k.private, a.hash, sum.Sum(nil))
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrKey, err)
		}
		if err := addFile(t, signPrefix+a.name+"."+k.name, raw, time.Time{}); err != nil {
			return nil, err
		}
	}
	if err := t.Flush(); err != nil { // no Close: the end of the archive is in the last member
		return nil, err
	}
	return compress(plain.Bytes())
}
