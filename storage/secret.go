package storage

import "context"

// SecretKeeper keeps small things that nobody but this server may read, such as the keys that it signs with. It is an ability of a Store that keeps what it is given.
type SecretKeeper interface {
	// Secret returns the secret of that name, durable, and made by make if there is none yet: once, however many ask. A name is letters, digits and @._+-,
	// without a dot in front, and has 100 bytes at most: fs.ErrInvalid.
	Secret(ctx context.Context, name string, make func() ([]byte, error)) ([]byte, error)
}

// ValidSecretName reports whether a SecretKeeper takes the name.
func ValidSecretName(name string) bool {
	for _, c := range []byte(name) {
		isLetter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
		if !isLetter && c != '@' && c != '.' && c != '_' && c != '+' && c != '-' {
			return false
		}
	}
	return name != "" && len(name) <= maxSecretName && name[0] != '.'
}

// maxSecretName fits into a file's name, with what a store may add to it.
const maxSecretName = 100
