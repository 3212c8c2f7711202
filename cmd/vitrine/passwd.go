package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"vitrine/registry/auth"
)

// maxPassword bounds the line that a password is read from, in bytes.
const maxPassword = 4096

// passwd prints "USER:hash" for the password that it asks for, or reads from the first line of the input if that is no terminal.
func passwd(ctx context.Context, p *process) error {
	if len(p.args) != 1 {
		return usagef("want one argument, the name of the user: vitrine passwd USER")
	}
	user := p.args[0]
	if user == "" || user == auth.Anonymous || user == auth.Everyone || strings.ContainsFunc(user, notInName) {
		return usagef("%.64q can't be the name of a user", user)
	}
	password, err := askPassword(ctx, p)
	if err != nil {
		return err
	}
	if password == "" {
		return errors.New("the password is empty")
	}
	hash, err := auth.Hash(password)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.stdout, "%s:%s\n", user, hash)
	return err
}

// notInName reports whether r would end the name in a line of the file, or in the header of RFC 7617, or hide what it is.
func notInName(r rune) bool { return r == ':' || r < ' ' || r == 0x7f }

// askPassword asks twice at a terminal, where a slip can't be seen.
func askPassword(ctx context.Context, p *process) (string, error) {
	f, ok := p.stdin.(*os.File)
	if !ok {
		return waitPassword(ctx, p)
	}
	show, err := hideInput(f)
	if err != nil { // no terminal
		return waitPassword(ctx, p)
	}
	defer show()
	first, err := prompt(ctx, p, "Password: ")
	if err != nil {
		return "", err
	}
	again, err := prompt(ctx, p, "The same again: ")
	if err == nil && again != first {
		err = errors.New("the two are not the same")
	}
	return first, err
}

func prompt(ctx context.Context, p *process, text string) (string, error) {
	fmt.Fprint(p.stderr, text)
	defer fmt.Fprintln(p.stderr)
	return waitPassword(ctx, p)
}

// waitPassword gives up when ctx ends. What it leaves behind then still reads, and ends with the process.
func waitPassword(ctx context.Context, p *process) (string, error) {
	type result struct {
		password string
		err      error
	}
	got := make(chan result, 1)
	go func() {
		password, err := readPassword(p.stdin)
		got <- result{password, err}
	}()
	select {
	case r := <-got:
		return r.password, r.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// readPassword reads a line, and not a byte more, so that there can be a next one.
func readPassword(r io.Reader) (string, error) {
	line, err := bufio.NewReaderSize(byteReader{io.LimitReader(r, maxPassword)}, 16).ReadString('\n')
	switch {
	case err != nil && err != io.EOF:
		return "", err
	case err == io.EOF && line == "":
		return "", errors.New("no password came")
	case len(line) == maxPassword:
		return "", fmt.Errorf("the password is longer than %d bytes", maxPassword-1)
	}
	return strings.TrimRight(line, "\r\n"), nil
}

// byteReader reads one byte at a time.
type byteReader struct{ r io.Reader }

func (b byteReader) Read(p []byte) (int, error) { return b.r.Read(p[:1]) }
