// Command bench measures registries side by side, over the protocol alone, so that any registry can be measured.
//
//	go run ./conformance/bench -url http://127.0.0.1:5000
//	go run ./conformance/bench -target vitrine=http://127.0.0.1:5000,pid=4711 -target other=http://127.0.0.1:5001,pid=4712 -bound DIR
//	go run ./conformance/bench -target hub=http://127.0.0.1:5001 -target vitrine=http://127.0.0.1:5000/hub,from=hub -only pull-image
//	go run ./conformance/bench bound -dir DIR [-addr 127.0.0.1:5009] [-fsync]
//
// The first target is the one that the others are compared with. Every workload runs on all targets in turn, for some rounds, and the tables,
// in Markdown, show the medians. docs/benchmarks.md says what each workload is.
//
// The last form is the yardstick by itself: a bare net/http server that does the least a correct server does for the same requests (see the
// type bound). With -bound DIR a run starts it as two processes of their own, one of them with -fsync, and measures them too.
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"time"
)

var errUsage = errors.New("usage")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	switch {
	case errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errUsage):
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// options are what the command line said.
type options struct {
	targets  []*target
	sources  map[*target]string // the names of those that they are filled from
	list     []workload
	boundDir string
	quick    bool
	rounds   int
	duration time.Duration
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) > 0 && args[0] == "bound" {
		return runBound(ctx, args[1:], stdout, stderr)
	}
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	if o.boundDir != "" {
		stop, err := o.addBounds(ctx, stderr)
		defer stop()
		if err != nil {
			return err
		}
	}
	size := fullSize
	if o.quick {
		size = quickSize
	}
	b := &bench{sizes: size, rounds: o.rounds, duration: o.duration, targets: o.targets, content: newContent(int(size.big)), log: stderr}
	return b.report(stdout, b.measure(o.list), o.quick)
}

func parse(args []string, stderr io.Writer) (*options, error) {
	o := &options{sources: map[*target]string{}}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Func("target", "`NAME=URL[/PREFIX][,pid=N][,from=NAME]` of a registry, or of one that stands before another target; may be given many times", o.addTarget)
	flags.Func("url", "`URL` of a registry, named by its host", func(s string) error { return o.addTarget("=" + s) })
	only := flags.String("only", "", "comma-separated `workloads` to run: "+keys())
	flags.StringVar(&o.boundDir, "bound", "", "measure the yardstick too, with its content in `DIR`")
	flags.BoolVar(&o.quick, "quick", false, "small sizes: to try things out, not to compare")
	flags.IntVar(&o.rounds, "rounds", 3, "rounds of each workload")
	flags.DurationVar(&o.duration, "duration", 2*time.Second, "time of a round")
	if err := flags.Parse(args); err != nil {
		return nil, fmt.Errorf("%w: %w", errUsage, err)
	}
	if flags.NArg() > 0 || o.rounds < 1 || len(o.targets) == 0 && o.boundDir == "" {
		return nil, fmt.Errorf("%w: bench -target NAME=URL[/PREFIX][,pid=N][,from=NAME] ... [-bound DIR] [-only WORKLOADS]", errUsage)
	}
	if err := o.link(); err != nil {
		return nil, err
	}
	var err error
	o.list, err = pick(*only)
	return o, err
}

func keys() string {
	var list []string
	for _, w := range workloads {
		list = append(list, w.key)
	}
	return strings.Join(list, ",")
}

// pick returns the named workloads in the table's order; all for "".
func pick(only string) ([]workload, error) {
	if only == "" {
		return workloads, nil
	}
	want := strings.Split(only, ",")
	var list []workload
	for _, w := range workloads {
		if i := slices.Index(want, w.key); i >= 0 {
			list, want = append(list, w), slices.Delete(want, i, i+1)
		}
	}
	if len(want) > 0 {
		return nil, fmt.Errorf("%w: no workload %.64q; there are %s", errUsage, want[0], keys())
	}
	return list, nil
}

// addBounds starts the yardstick twice, without and with fsync, and adds both to the targets. stop ends them and removes their content; it is
// never nil.
func (o *options) addBounds(ctx context.Context, stderr io.Writer) (stop func(), err error) {
	dir, err := os.MkdirTemp(o.boundDir, "bound-")
	if err != nil {
		return func() {}, err
	}
	var running []*exec.Cmd
	stop = func() {
		for _, cmd := range running {
			cmd.Process.Kill()
			cmd.Wait()
		}
		os.RemoveAll(dir)
	}
	for _, name := range []string{"bound", "bound-fsync"} {
		durable := name == "bound-fsync"
		cmd, host, err := startBound(ctx, dir+"/"+name, durable, stderr)
		if err != nil {
			return stop, err
		}
		running = append(running, cmd)
		o.targets = append(o.targets, &target{name: name, host: host, proc: process(cmd.Process.Pid), writes: durable})
	}
	return stop, nil
}

// startBound starts this program again, as the yardstick.
func startBound(ctx context.Context, dir string, durable bool, stderr io.Writer) (*exec.Cmd, string, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, "", err
	}
	cmd := exec.CommandContext(ctx, exe, "bound", "-dir", dir, "-fsync="+strconv.FormatBool(durable), "-until-eof")
	cmd.Stderr = stderr
	if _, err := cmd.StdinPipe(); err != nil { // closed by the kernel, however this process ends
		return nil, "", err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, "", err
	}
	if err := cmd.Start(); err != nil {
		return nil, "", err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		cmd.Process.Kill()
		cmd.Wait()
		return nil, "", fmt.Errorf("the yardstick did not start: %w", err)
	}
	return cmd, strings.TrimSpace(line), nil
}
