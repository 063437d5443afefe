//go:build darwin || linux

package httptarget_test

import (
	"context"
	"os"
	"syscall"
	"testing"

	"github.com/loadgen-go/loadgen/bench/httptarget"
	"github.com/loadgen-go/loadgen/bench/record"
)

// A process without file descriptors cannot connect. That is the generator's failure.
func TestNoDescriptorsAreTheGeneratorsFailure(t *testing.T) {
	address := "http://" + server(t).Plain
	target, err := httptarget.New(httptarget.Options{URL: address})
	if err != nil {
		t.Fatal(err)
	}
	defer target.Close()
	probe, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	next := probe.Fd() // the lowest descriptor that is free
	if err := probe.Close(); err != nil {
		t.Fatal(err)
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	few := limit
	few.Cur = uint64(next)
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &few); err != nil {
		t.Fatal(err)
	}
	err = target.Call(context.Background(), "")
	if restoreErr := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); restoreErr != nil {
		t.Fatal(restoreErr)
	}
	if kind(err) != record.KindNoDescriptors {
		t.Errorf("kind %q (%v), want no-descriptors", kind(err), err)
	}
	if err := target.Call(context.Background(), ""); err != nil {
		t.Errorf("with descriptors again: %v", err)
	}
}
