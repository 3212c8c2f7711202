package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
)

// topics are what help explains besides the list of commands.
var topics = map[string]func(io.Writer){
	"serve":         helpServe,
	"verify":        helpVerify,
	"gc":            plain(gcHelp),
	"ls":            plain(lsHelp),
	"cat":           plain(catHelp),
	"index":         plain(indexHelp),
	"passwd":        helpPasswd,
	"config":        helpConfig,
	"version":       plain("vitrine version\n\nPrints the version, the commit and the Go release that the program was built from.\n"),
	"help":          plain("vitrine help [TOPIC]\n\nExplains a command or a topic.\n"),
	"configuration": helpConfiguration,
	"registry2":     helpAliases,
	"exit":          helpExit,
}

// help prints the list of commands, or explains the topic that is the argument.
func help(_ context.Context, p *process) error {
	if len(p.args) == 0 {
		helpAll(p.stdout)
		return nil
	}
	if err := noArgs(p.args[1:]); err != nil {
		return err
	}
	var names []string
	for name := range topics {
		names = append(names, name)
	}
	slices.Sort(names)
	explain, ok := topics[p.args[0]]
	if !ok {
		return usagef("unknown topic %.64q%s; topics are %s", p.args[0], didYouMean(p.args[0], names), strings.Join(names, ", "))
	}
	explain(p.stdout)
	return nil
}

func plain(s string) func(io.Writer) {
	return func(w io.Writer) { io.WriteString(w, s) }
}

func helpAll(w io.Writer) {
	fmt.Fprint(w, "Vitrine is an OCI registry: it keeps images, artifacts and files in a folder, serves them, and shows what is in them.\n\n")
	for _, c := range commands() {
		fmt.Fprintf(w, "  vitrine %-34s %s\n", strings.TrimSpace(c.name+" "+c.args), c.brief)
	}
	fmt.Fprint(w, "\nvitrine help TOPIC explains a command, or one of: configuration, registry2, exit\n")
}

const gcHelp = `vitrine gc [--root DIR] [--dry-run]

Gives the space of deleted images back. Deleting an image takes its manifest out of the repository and leaves the blobs:
gc drops from each repository the blobs that none of its manifests and files names and that are older than --upload-age, then removes
the content that no repository holds. The registry must not be running. With --dry-run it only counts.
`

func helpServe(w io.Writer) {
	fmt.Fprint(w, `vitrine serve [flags]

Runs the registry until SIGTERM or SIGINT. Then it lets running transfers end; a second signal cuts them.
SIGHUP reads configuration, certificates and passwords again: all of it, or nothing if something is wrong.
/livez, /readyz and /healthz answer 200 or 503.
Other registries, repositories of files and rules for users have no flag: they stand in the configuration file.

Flags:

`)
	flags(w)
}

func flags(w io.Writer) {
	fmt.Fprintf(w, "  --%s FILE\n        the configuration file; see \"vitrine help configuration\"\n", configFile)
	c := defaults()
	for _, s := range settings {
		if s.flag != "" {
			fmt.Fprintf(w, "  --%s%s\n        %s (%s)\n", s.flag, argument(s.value(c)), s.help, s.value(c).show())
		}
	}
}

// argument names the kind of value that a flag takes.
func argument(v value) string {
	switch v := v.(type) {
	case boolean:
		if isSwitch(v) {
			return "[=on|off]"
		}
		return " on|off"
	case duration:
		return " DURATION"
	case size:
		return " SIZE"
	case choice:
		return " " + strings.Join(v.of, "|")
	}
	return " TEXT"
}

func helpVerify(w io.Writer) {
	fmt.Fprint(w, `vitrine verify [--root DIR] [--config FILE]

Reads everything in the root, which a running registry may have open, and compares it with its digests. Prints one line
for each thing that is damaged or missing. To mend a manifest, push it again; a blob, remove its file
and push its image again. Exit code 3 if there are problems.
`)
}

func helpPasswd(w io.Writer) {
	fmt.Fprint(w, `vitrine passwd USER >> users.htpasswd

Asks for a password, or reads it from a line of the input if that is no terminal, and prints the line for the file that
--htpasswd names. Lines that htpasswd -B, openssl passwd -6 and the like write are understood too.
`)
}

func helpConfig(w io.Writer) {
	fmt.Fprint(w, `vitrine config check [FILE | flags]
vitrine config print [FILE | flags]

Both take the flags of serve and look at the environment as it does. check reads all files that the configuration names
and says what is wrong: exit code 2 if serve would not start, 3 if it would start and warn. print writes a configuration file with what is in
force and, behind each value, what set it.
`)
}

func helpConfiguration(w io.Writer) {
	fmt.Fprint(w, `Each setting is a flag, an environment variable and a key in the file that --config or VITRINE_CONFIG names.
A flag goes before a variable, a variable before one of registry:2, that before the file, and the file before the default.
An empty variable is not set. The file is JSON, and may have comments and trailing commas:

    {
      "addr": ":5000",
      "tls": {"cert": "/etc/vitrine/cert.pem", "key": "/etc/vitrine/key.pem"},
      "auth": {
        "htpasswd": "/etc/vitrine/users",
        "rules": [ // the first that fits a repository decides
          {"repositories": "private/**", "pull": ["*"], "push": ["alice"], "delete": ["alice"]},
          {"repositories": "**", "pull": ["anonymous"], "push": ["*"]},
        ],
      },
    }

`)
	for _, s := range settings {
		flag, env := "-", "-"
		if s.flag != "" {
			flag, env = "--"+s.flag, s.env()
		}
		fmt.Fprintf(w, "  %-20s %-18s %s\n", s.key, flag, env)
	}
}

func helpAliases(w io.Writer) {
	fmt.Fprint(w, "Variables that compose files have for registry:2 and registry:3, and what they are understood as:\n\n")
	for _, s := range settings {
		if s.alias != "" {
			fmt.Fprintf(w, "  %-42s %s\n", s.alias, s.env())
		}
	}
	fmt.Fprint(w, `
REGISTRY_AUTH may be htpasswd; with another one the registry does not start, as it would be open to everybody.
All others are ignored, and named in the log.
`)
}

func helpExit(w io.Writer) {
	fmt.Fprint(w, `Exit codes:

  0  done
  1  it could not be done
  2  the command line, the environment or the configuration is wrong
  3  a check did its work and found problems
`)
}
