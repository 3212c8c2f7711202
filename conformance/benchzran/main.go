// Command benchzran measures explore/zran beside compress/gzip on layers that it makes itself, and prints ratios of one run: both take
// turns on the same data, and the best round of each counts.
package main

import (
	"flag"
	"fmt"
	"math"
	"os"
	"text/tabwriter"
)

func main() {
	o := options{}
	flag.StringVar(&o.root, "root", "", "directory of a system, as debootstrap makes it (else this system's programs and libraries)")
	flag.StringVar(&o.node, "node", "", "directory of small text files, as a node_modules (else pieces of Go's sources)")
	flag.Int64Var(&o.size, "size", 64<<20, "how large a layer may get, in bytes")
	flag.IntVar(&o.rounds, "rounds", 5, "rounds of each measure")
	flag.IntVar(&o.reads, "reads", 500, "random reads")
	flag.Parse()
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "benchzran:", err)
		os.Exit(1)
	}
}

type options struct {
	root, node string
	size       int64
	rounds     int
	reads      int
}

// run measures every layer as every compressor makes it.
func run(o options) error {
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(out, "layer\tMB\tgzip MB/s\tdecode x\tbuild x\tpass x\tindex %\tgap\tread p50 ms\tp99 ms\tspans\tWriteTo\tReadAt\t")
	var decode, pass []float64
	for _, l := range layers(o) {
		data, err := l.make(o.size)
		if err != nil {
			return fmt.Errorf("%s: %w", l.name, err)
		}
		for _, c := range compressors() {
			gz, err := c.compress(data)
			if err != nil {
				return fmt.Errorf("%s, %s: %w", l.name, c.name, err)
			}
			m, err := measureLayer(gz, int64(len(data)), o)
			if err != nil {
				return fmt.Errorf("%s, %s: %w", l.name, c.name, err)
			}
			m.print(out, l.name+", "+c.name)
			out.Flush()
			if !l.noise {
				decode, pass = append(decode, m.decode/m.std), append(pass, m.pass/m.stdPass)
			}
		}
	}
	fmt.Printf("geometric mean without noise: decode %.2fx compress/gzip, one pass with two SHA-256 and the index %.2fx\n", geomean(decode), geomean(pass))
	return nil
}

func geomean(of []float64) float64 {
	sum := 0.0
	for _, v := range of {
		sum += math.Log(v)
	}
	return math.Exp(sum / float64(len(of)))
}
