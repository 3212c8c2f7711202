package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// process is a server's process ID; 0 is one that is not known, of which nothing can be said.
type process int

// tick is the unit of the times in /proc/PID/stat (proc_pid_stat(5)): Linux shows 100 to the second on every machine that matters.
const tick = 10 * time.Millisecond

func (p process) path(file string) string { return fmt.Sprintf("/proc/%d/%s", int(p), file) }

// cpu is the time that the process has spent, in its own code and in the kernel; 0 where it is not known.
func (p process) cpu() time.Duration {
	if p == 0 {
		return 0
	}
	stat, err := os.ReadFile(p.path("stat"))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:])) // from the third on: state is fields[0]
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * tick
}

// memory reads VmRSS or VmHWM in bytes; 0 where it is not known.
func (p process) memory(key string) int64 {
	if p == 0 {
		return 0
	}
	status, err := os.ReadFile(p.path("status"))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(status), key+":")
	line, _, _ := strings.Cut(rest, "\n")
	kib, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(line), " kB"), 10, 64)
	return kib << 10
}

// resetPeak makes VmHWM start anew from VmRSS (proc_pid_clear_refs(5)). Where that is not allowed, peaks are those since
// the server's start.
func (p process) resetPeak() {
	if p != 0 {
		os.WriteFile(p.path("clear_refs"), []byte("5"), 0)
	}
}
