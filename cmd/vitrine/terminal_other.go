//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly)

package main

import (
	"errors"
	"os"
)

// hideInput knows no way here: a password is read as a line of the input.
func hideInput(*os.File) (show func(), err error) { return nil, errors.ErrUnsupported }
