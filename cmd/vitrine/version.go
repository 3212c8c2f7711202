package main

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
)

// buildVersion is the version that go put into the binary, "(devel)" where it could not know one.
func buildVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(devel)"
	}
	return info.Main.Version
}

// version prints the version, and what else tells one build from another.
func version(_ context.Context, p *process) error {
	if err := noArgs(p.args); err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "vitrine %s", buildVersion())
	if info, ok := debug.ReadBuildInfo(); ok {
		fmt.Fprint(p.stdout, revision(info.Settings))
	}
	_, err := fmt.Fprintf(p.stdout, "\n%s %s/%s\n", runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}

// revision is the commit that the binary was built from.
func revision(settings []debug.BuildSetting) string {
	var commit, modified string
	for _, s := range settings {
		switch {
		case s.Key == "vcs.revision":
			commit = " (commit " + s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			modified = ", modified"
		}
	}
	if commit == "" {
		return ""
	}
	return commit + modified + ")"
}
