package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"slices"
	"strings"
)

// note is something about the configuration that whoever starts the registry should know.
type note struct {
	level slog.Level
	text  string
}

// load puts together what the flags, the environment and the file that they name say, over the defaults. Of the flags it knows those
// of the settings with the given keys, all if there are none. rest are the arguments behind the flags.
// Errors are errUsage.
func load(args, env []string, keys ...string) (c *config, notes []note, rest []string, err error) {
	c = defaults()
	c.env = env
	given, file, rest, err := parseFlags(args, keys)
	if err != nil {
		return nil, nil, nil, err
	}
	vars := variables(env)
	if file == "" {
		file = vars[envName(configFile)]
	}
	if file != "" {
		if err := c.loadFile(file); err != nil {
			return nil, nil, nil, err
		}
	}
	notes, err = c.loadEnv(vars)
	if err != nil {
		return nil, nil, nil, usageError{err}
	}
	for _, f := range given { // checked by parseFlags
		f.setting.value(c).set(f.text)
		c.from[f.setting.key] = "--" + f.setting.flag
	}
	more, errs := c.loadFamiliar()
	if err := errors.Join(append(errs, c.check())...); err != nil {
		return nil, nil, nil, usageError{err}
	}
	return c, slices.Concat(notes, more, c.noUsers(env), c.bareLogins()), rest, nil
}

// noUsers warns of a file of users that is named by nothing, as by a variable that a compose file passes on and nobody has set.
func (c *config) noUsers(env []string) (notes []note) {
	if c.htpasswd != "" {
		return nil
	}
	warn := func(what string) {
		notes = append(notes, note{slog.LevelWarn, what + " is set to nothing: there are no users, and everybody may do everything"})
	}
	if from := c.from["auth.htpasswd"]; from != "default" {
		warn(c.source("auth.htpasswd"))
	}
	for _, name := range []string{"VITRINE_HTPASSWD", "REGISTRY_AUTH", "REGISTRY_AUTH_HTPASSWD_PATH", "REGISTRY_AUTH_HTPASSWD_REALM"} {
		if slices.Contains(env, name+"=") {
			warn(name)
		}
	}
	return notes
}

// flagged is a flag that was given.
type flagged struct {
	setting *setting
	text    string
}

// parseFlags returns the flags in the order in which they were given, the configuration file and what is behind them.
func parseFlags(args, keys []string) (given []flagged, file string, rest []string, err error) {
	fs := flag.NewFlagSet("", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	known := []string{"--" + configFile}
	fs.StringVar(&file, configFile, "", "")
	scratch := defaults()
	for i := range settings {
		s := &settings[i]
		if s.flag == "" || len(keys) > 0 && !slices.Contains(keys, s.key) {
			continue
		}
		known = append(known, "--"+s.flag)
		v := s.value(scratch)
		collect := func(text string) error {
			given = append(given, flagged{s, text})
			return v.set(text)
		}
		if isSwitch(v) {
			fs.BoolFunc(s.flag, "", collect)
		} else {
			fs.Func(s.flag, "", collect)
		}
	}
	if err := fs.Parse(args); err != nil {
		return nil, "", nil, flagError(err, known)
	}
	return given, file, fs.Args(), nil
}

func flagError(err error, known []string) error {
	if name, ok := strings.CutPrefix(err.Error(), "flag provided but not defined: -"); ok {
		return usagef("unknown flag --%.64s%s", name, didYouMean("--"+name, known))
	}
	return usageError{err}
}

// variables makes a map of env. An empty variable is one that is not set: compose files pass on what they have not got as such.
func variables(env []string) map[string]string {
	vars := make(map[string]string)
	for _, e := range env {
		name, v, _ := strings.Cut(e, "=")
		if v != "" && (strings.HasPrefix(name, "VITRINE_") || strings.HasPrefix(name, "REGISTRY_")) {
			vars[name] = v
		}
	}
	return vars
}

// loadEnv sets what the variables say: first those of registry:2, then ours.
func (c *config) loadEnv(vars map[string]string) ([]note, error) {
	notes, errs := c.loadAliases(vars)
	known := []string{envName(configFile)}
	for _, s := range settings {
		if s.flag == "" {
			continue
		}
		known = append(known, s.env())
		if v, ok := vars[s.env()]; ok {
			errs = append(errs, c.setFrom(s, s.env(), v))
		}
	}
	for _, name := range sorted(vars, "VITRINE_") {
		if !slices.Contains(known, name) {
			notes = append(notes, note{slog.LevelWarn, fmt.Sprintf("%.64s means nothing here%s", name, didYouMean(name, known))})
		}
	}
	return notes, errors.Join(errs...)
}

// setFrom sets a value and remembers what did.
func (c *config) setFrom(s setting, name, text string) error {
	c.from[s.key] = name
	if err := s.value(c).set(text); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// loadAliases sets what the variables of registry:2 say that have a meaning here, and tells which they are.
func (c *config) loadAliases(vars map[string]string) (notes []note, errs []error) {
	var ignored []string
	for _, name := range sorted(vars, "REGISTRY_") {
		i := slices.IndexFunc(settings, func(s setting) bool { return s.alias == name })
		switch {
		case i >= 0:
			errs = append(errs, c.setFrom(settings[i], name, vars[name]))
			notes = append(notes, note{slog.LevelInfo, fmt.Sprintf("%s understood as %s", name, settings[i].env())})
		case name == "REGISTRY_AUTH" && vars[name] == "htpasswd":
			c.wantsUsers = name
		case name == "REGISTRY_AUTH" || strings.HasPrefix(name, "REGISTRY_AUTH_TOKEN_") || strings.HasPrefix(name, "REGISTRY_AUTH_SILLY_"):
			errs = append(errs, fmt.Errorf("%.64s: only htpasswd is known here, and going on without would open the registry to everybody", name))
		case strings.HasPrefix(name, "REGISTRY_AUTH_HTPASSWD_"):
			c.wantsUsers = name
			ignored = append(ignored, fmt.Sprintf("%.64s", name))
		default:
			ignored = append(ignored, fmt.Sprintf("%.64s", name))
		}
	}
	if len(ignored) > 0 {
		notes = append(notes, note{slog.LevelWarn, "ignored, as nothing here is like it: " + strings.Join(ignored, ", ")})
	}
	return notes, errs
}

// sorted returns the names in vars that begin with prefix.
func sorted(vars map[string]string, prefix string) []string {
	var names []string
	for name := range vars {
		if strings.HasPrefix(name, prefix) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// check finds what is wrong with values that are right each by itself.
func (c *config) check() error {
	var errs []error
	if _, _, err := net.SplitHostPort(c.addr); err != nil {
		errs = append(errs, fmt.Errorf("%s: want HOST:PORT or :PORT, have %.64q", c.source("addr"), c.addr))
	}
	if c.root == "" {
		errs = append(errs, fmt.Errorf("%s: is empty", c.source("root")))
	}
	if u, err := url.Parse(c.externalURL); c.externalURL != "" && (err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https") {
		errs = append(errs, fmt.Errorf("%s: want a URL such as https://registry.example.com, have %.64q", c.source("auth.external_url"), c.externalURL))
	}
	if c.tlsCert == "" && c.tlsKey != "" {
		errs = append(errs, fmt.Errorf("%s: needs tls.cert too", c.source("tls.key")))
	}
	if c.tlsCert != "" && c.tlsKey == "" {
		errs = append(errs, fmt.Errorf("%s: needs tls.key too", c.source("tls.cert")))
	}
	if c.htpasswd == "" && c.wantsUsers != "" {
		errs = append(errs, fmt.Errorf("%.64s: asks for users, and REGISTRY_AUTH_HTPASSWD_PATH names no file", c.wantsUsers))
	}
	if c.htpasswd == "" && c.anonymousPull {
		errs = append(errs, fmt.Errorf("%s: needs auth.htpasswd, without which everybody may push too", c.source("auth.anonymous_pull")))
	}
	if c.htpasswd == "" && len(c.rules) > 0 {
		errs = append(errs, fmt.Errorf("%s: need auth.htpasswd, which says who the users are", c.source("auth.rules")))
	}
	if c.anonymousPull && len(c.rules) > 0 {
		errs = append(errs, fmt.Errorf("%s: can't stand beside auth.rules, which say the same", c.source("auth.anonymous_pull")))
	}
	return errors.Join(errs...)
}
