package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"time"
	"unicode/utf8"
)

// none stands for what a target can't do and for what is not known.
const none = "-"

// report writes the tables: what was measured, the ratios of the first target to each other, and the times.
func (b *bench) report(w io.Writer, rows []row, quick bool) error {
	what := ""
	if quick {
		what = " Sizes are those of -quick, not those in the titles."
	}
	_, err := fmt.Fprintf(w, "%s, %s. Medians of %d interleaved rounds of %v.%s\n\n"+
		"Throughput, and CPU of the server in brackets (s/GiB where the unit is MiB/s, else us for each operation):\n\n%s\n"+
		"%s to each other, as ratios; in brackets that of the CPU, where less is better:\n\n%s\n"+
		"p50 / p99 in milliseconds, and the server's peak of resident memory during the workload in MiB:\n\n%s",
		time.Now().Format(time.DateOnly), machine(), b.rounds, b.duration, what,
		markdown(b.rates(rows)), b.targets[0].name, markdown(b.ratios(rows)), markdown(b.times(rows)))
	return err
}

// machine describes where this runs.
func machine() string {
	model := runtime.GOARCH
	info, _ := os.ReadFile("/proc/cpuinfo") // not there on other systems, and not needed
	if _, rest, ok := strings.Cut(string(info), "model name\t: "); ok {
		model, _, _ = strings.Cut(rest, "\n")
	}
	release, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	return fmt.Sprintf("%d cores of %s, %s %s, %s", runtime.NumCPU(), model, runtime.GOOS, strings.TrimSpace(string(release)), runtime.Version())
}

func (b *bench) rates(rows []row) [][]string {
	table := b.grid(b.targets, "workload", "unit")
	for _, r := range rows {
		line := []string{r.title, r.unit}
		for _, s := range r.cells {
			line = append(line, s.rateText())
		}
		table = append(table, line)
	}
	idle := []string{"RSS before the run", "MiB"}
	for _, t := range b.targets {
		idle = append(idle, number(float64(t.idle)/(1<<20)))
	}
	return append(table, idle)
}

func (s *sample) rateText() string {
	switch {
	case s == nil:
		return none
	case s.cpu == 0:
		return number(s.rate)
	}
	return fmt.Sprintf("%s (%s)", number(s.rate), number(s.cpu))
}

func (b *bench) ratios(rows []row) [][]string {
	table := b.grid(b.targets[1:], "workload")
	for _, r := range rows {
		line := []string{r.title}
		for _, s := range r.cells[1:] {
			line = append(line, ratioText(r.cells[0], s))
		}
		table = append(table, line)
	}
	return table
}

func ratioText(a, b *sample) string {
	switch {
	case a == nil || b == nil:
		return none
	case a.cpu == 0 || b.cpu == 0:
		return fmt.Sprintf("%.2f", a.rate/b.rate)
	}
	return fmt.Sprintf("%.2f (%.2f)", a.rate/b.rate, a.cpu/b.cpu)
}

func (b *bench) times(rows []row) [][]string {
	table := b.grid(b.targets, "workload")
	for _, r := range rows {
		line := []string{r.title}
		for _, s := range r.cells {
			line = append(line, s.timesText())
		}
		table = append(table, line)
	}
	return table
}

func (s *sample) timesText() string {
	if s == nil {
		return none
	}
	ms := func(d time.Duration) string { return number(float64(d) / float64(time.Millisecond)) }
	return fmt.Sprintf("%s / %s, %s", ms(s.p50), ms(s.p99), number(s.peak))
}

// grid begins a table with a column for each target.
func (b *bench) grid(targets []*target, first ...string) [][]string {
	for _, t := range targets {
		first = append(first, t.name)
	}
	return [][]string{first}
}

// number shows three digits that count.
func number(v float64) string {
	switch {
	case v == 0:
		return none
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

// markdown lays a table out so that it is read as well in a terminal. Its first column is text, the others are numbers.
func markdown(table [][]string) string {
	width := make([]int, len(table[0]))
	for _, line := range table {
		for i, cell := range line {
			width[i] = max(width[i], utf8.RuneCountInString(cell), 3)
		}
	}
	var b strings.Builder
	for n, line := range table {
		for i, cell := range line {
			if i == 0 {
				fmt.Fprintf(&b, "| %-*s ", width[i], cell)
			} else {
				fmt.Fprintf(&b, "| %*s ", width[i], cell)
			}
		}
		b.WriteString("|\n")
		if n == 0 {
			b.WriteString(rule(width))
		}
	}
	return b.String()
}

func rule(width []int) string {
	var b strings.Builder
	for i, w := range width {
		end := " "
		if i > 0 {
			end = ":"
		}
		b.WriteString("| " + strings.Repeat("-", w-len(end)+1) + end)
	}
	return b.String() + "|\n"
}
