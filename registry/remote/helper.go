package remote

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// Bounds of a credential helper.
const (
	helperTime   = 10 * time.Second
	helperDelay  = time.Second // for its children to let go of its output
	helperOutput = 64 << 10
)

// help returns what a helper knows of server: nothing is an answer too. It is asked once for all who want to know at the same time.
func (d *dockerConfig) help(ctx context.Context, helper, server string) (Login, error) {
	key := helper + " " + server
	if login, ok := d.helped.get(key); ok {
		return login, nil
	}
	return d.flights.do(ctx, key, func() (Login, error) {
		login, err := runHelper(ctx, helper, server)
		if err == nil {
			d.helped.put(key, login, 1, time.Now().Add(helperKept))
		}
		return login, err
	})
}

// notFound is how helpers say that they know nothing, on their standard output.
const notFound = "credentials not found in native keychain"

// runHelper runs "docker-credential-NAME get": the server goes to its standard input, JSON comes out.
func runHelper(ctx context.Context, name, server string) (Login, error) {
	if strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") != "" {
		return Login{}, fmt.Errorf("%.64q is no name of a credential helper", name)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, helperTime, errSlow)
	defer cancel()
	cmd := exec.CommandContext(ctx, "docker-credential-"+name, "get")
	out := &bounded{max: helperOutput, full: cancel}
	cmd.Stdin, cmd.Stdout, cmd.WaitDelay = strings.NewReader(server), out, helperDelay
	err := cmd.Run()
	switch {
	case strings.Contains(out.buf.String(), notFound):
		return Login{}, nil
	case out.over:
		err = errors.New("it says too much")
	case ctx.Err() != nil:
		err = context.Cause(ctx)
	}
	if err != nil {
		return Login{}, fmt.Errorf("docker-credential-%s: %w", name, err)
	}
	var said struct{ Username, Secret string }
	if json.Unmarshal(out.buf.Bytes(), &said) != nil {
		return Login{}, fmt.Errorf("docker-credential-%s: what it says is not JSON", name)
	}
	if said.Username == "<token>" {
		return Login{IdentityToken: said.Secret}, nil
	}
	return Login{User: said.Username, Password: said.Secret}, nil
}

// bounded keeps the first max bytes that are written to it, and calls full when there are more.
type bounded struct {
	buf  bytes.Buffer // not embedded: its ReadFrom has no bound
	max  int
	over bool
	full func()
}

func (b *bounded) Write(p []byte) (int, error) {
	n := min(len(p), b.max-b.buf.Len())
	b.buf.Write(p[:n])
	if n < len(p) {
		b.over = true
		b.full()
	}
	return len(p), nil
}
