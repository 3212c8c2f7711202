package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// configure runs "config check" and "config print".
func configure(_ context.Context, p *process) error {
	actions := map[string]func(*process, *config, []note) error{"check": checkConfig, "print": printConfig}
	if len(p.args) == 0 {
		return usagef("want \"config check\" or \"config print\"")
	}
	do, ok := actions[p.args[0]]
	if !ok {
		return usagef("config: unknown action %.64q%s", p.args[0], didYouMean(p.args[0], []string{"check", "print"}))
	}
	args := p.args[1:]
	if len(args) == 1 && !strings.HasPrefix(args[0], "-") { // config check FILE
		args = []string{"--" + configFile, args[0]}
	}
	c, notes, rest, err := load(args, p.env)
	if err != nil {
		return err
	}
	if err := noArgs(rest); err != nil {
		return err
	}
	return do(p, c, notes)
}

// checkConfig also reads the files that c names. What serve would go on with in spite of it is a problem here.
func checkConfig(p *process, c *config, notes []note) error {
	s, err := newServer(c, io.Discard)
	if err != nil {
		return err
	}
	found := 0
	for _, n := range notes {
		if n.level >= slog.LevelWarn {
			found++
		}
		fmt.Fprintln(p.stdout, n.text)
	}
	for _, problem := range problems(s.users()) {
		found++
		fmt.Fprintf(p.stdout, "%s: %s\n", c.htpasswd, problem)
	}
	if found > 0 {
		return errProblems
	}
	fmt.Fprintln(p.stdout, "The configuration is right.")
	return nil
}

// printConfig prints a configuration file that says what is in force, with what set each value behind it.
func printConfig(p *process, c *config, notes []note) error {
	for _, n := range notes {
		fmt.Fprintln(p.stderr, "vitrine: "+n.text)
	}
	_, err := io.WriteString(p.stdout, c.String())
	return err
}

// String is a configuration file that makes c.
func (c *config) String() string {
	var b strings.Builder
	b.WriteString("{\n")
	group := ""
	for _, s := range settings {
		path, last := "", s.key
		if i := strings.LastIndexByte(s.key, '.'); i >= 0 {
			path, last = s.key[:i], s.key[i+1:]
		}
		if path != group {
			b.WriteString(closing(group) + opening(path))
			group = path
		}
		line := fmt.Sprintf("%s%s: %s,", indent(group), quote(last), s.value(c).show())
		fmt.Fprintf(&b, "%-40s // %s\n", line, strings.Map(printable, c.from[s.key]))
	}
	b.WriteString(closing(group) + "}\n")
	return b.String()
}

// printable keeps the name of a file from ending the comment that it stands in.
func printable(r rune) rune {
	if r < ' ' {
		return '?'
	}
	return r
}

func indent(group string) string {
	if group == "" {
		return "  "
	}
	return "    "
}

func opening(group string) string {
	if group == "" {
		return ""
	}
	return "  " + quote(group) + ": {\n"
}

func closing(group string) string {
	if group == "" {
		return ""
	}
	return "  },\n"
}
