// Command vitrine is an OCI registry: it keeps images, artifacts and files in a folder, serves them to docker and its kin, and shows what is in them.
//
//	vitrine serve
//
// starts one; "vitrine help" lists the rest.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, cancel := context.WithCancel(context.Background())
	now := make(chan struct{})
	stop := make(chan os.Signal, 2)
	signal.Notify(stop, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		<-stop
		cancel()
		<-stop
		close(now)
	}()
	reload := make(chan os.Signal, 1)
	signal.Notify(reload, syscall.SIGHUP)
	os.Exit(run(ctx, &process{
		args: os.Args[1:], env: os.Environ(),
		stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr,
		reload: reload, now: now,
	}))
}
