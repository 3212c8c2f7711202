package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// Exit codes.
const (
	exitOK       = 0
	exitFailure  = 1
	exitUsage    = 2 // the command line, the environment or the configuration file is wrong
	exitProblems = 3 // a check did its work and found problems
)

// process is what a command sees of the process that it runs in, so that tests can run many in one.
type process struct {
	args           []string
	env            []string // NAME=value, as os.Environ gives it
	stdin          io.Reader
	stdout, stderr io.Writer
	reload         <-chan os.Signal // SIGHUP
	now            <-chan struct{}  // closed by the second signal to stop; the first one ends the context
}

// errUsage marks errors that are the caller's: exit code 2.
var errUsage = errors.New("usage")

// errProblems is what a check returns that found something and has said so: exit code 3.
var errProblems = errors.New("problems found")

// usageError is an errUsage that reads as err alone.
type usageError struct{ error }

func (e usageError) Is(target error) bool { return target == errUsage }

// Unwrap returns what is wrong.
func (e usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

type command struct {
	name, args, brief string
	run               func(context.Context, *process) error
}

// commands is filled by a function because help lists it and is one of it.
func commands() []command {
	return []command{
		{"serve", "[flags]", "run the registry", serve},
		{"verify", "[--root DIR]", "read everything that is stored and report what is damaged", verify},
		{"gc", "[--root DIR] [--dry-run]", "remove content that no repository holds any more", gc},
		{"ls", "[--layer N] FILE|IMAGE [PATH]", "list the files of an archive or of a layer, the layers of an image", ls},
		{"cat", "[--layer N] FILE|IMAGE PATH", "print one file out of it", cat},
		{"index", "FILE...", "index archives, so that ls and cat need not read them", indexFiles},
		{"passwd", "USER", "turn a password into a line for an htpasswd file", passwd},
		{"config", "check|print [flags]", "check the configuration, or print what is in force and where it comes from", configure},
		{"version", "", "print the version", version},
		{"help", "[TOPIC]", "explain a command or a topic", help},
	}
}

// run runs the command that p.args names and returns the exit code.
func run(ctx context.Context, p *process) int {
	err := dispatch(ctx, p)
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errProblems):
		return exitProblems
	}
	fmt.Fprintln(p.stderr, "vitrine: "+strings.ReplaceAll(err.Error(), "\n", "\nvitrine: "))
	if errors.Is(err, errUsage) {
		return exitUsage
	}
	return exitFailure
}

func dispatch(ctx context.Context, p *process) error {
	if len(p.args) == 0 {
		help(ctx, &process{stdout: p.stderr})
		return usagef("no command given; \"vitrine serve\" runs the registry")
	}
	name := p.args[0]
	switch strings.TrimLeft(name, "-") {
	case "h", "help":
		name = "help"
	case "v", "version":
		name = "version"
	}
	var names []string
	for _, c := range commands() {
		if c.name == name {
			q := *p
			q.args = p.args[1:]
			return askedForHelp(ctx, &q, c)
		}
		names = append(names, c.name)
	}
	return usagef("unknown command %.64q%s; \"vitrine help\" lists them", name, didYouMean(name, names))
}

// askedForHelp runs c, or explains it where the arguments ask for that.
func askedForHelp(ctx context.Context, p *process, c command) error {
	for _, a := range p.args {
		if a == "--" {
			break
		}
		if a == "-h" || a == "-help" || a == "--help" {
			return help(ctx, &process{args: []string{c.name}, stdout: p.stdout})
		}
	}
	return c.run(ctx, p)
}

// noArgs refuses arguments of a command that has none.
func noArgs(rest []string) error {
	if len(rest) > 0 {
		return usagef("unexpected argument %.64q", rest[0])
	}
	return nil
}
