package bench_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/bench/schedule"
)

func TestFailuresAndPanicsAreCountedByKindAndEndNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n atomic.Int64
		r := do(t, bench.Run{Arrivals: constant(t, schedule.PerSecond(1000), time.Second), Workers: 2,
			Target: bench.TargetFunc(func(context.Context, string) error {
				time.Sleep(100 * time.Microsecond)
				i := n.Add(1)
				switch i % 10 {
				case 1:
					return fmt.Errorf("try %d: %w", i, io.ErrUnexpectedEOF)
				case 2:
					panic("boom")
				case 3:
					_ = []int{}[i]
				case 4:
					return &os.PathError{Op: "open", Path: fmt.Sprint(i), Err: errors.ErrUnsupported}
				case 5:
					runtime.Goexit()
				case 6:
					return fmt.Errorf("slow: %w", context.DeadlineExceeded)
				}
				return nil
			})})
		if r.Done != 400 || r.Failed != 600 {
			t.Errorf("done %d, failed %d; want 400 and 600", r.Done, r.Failed)
		}
		got := map[string]uint64{}
		for _, f := range r.Failures {
			got[f.Kind] = f.Count
			if strings.HasPrefix(f.Kind, "panic") && !strings.Contains(f.First, "failures_test.go") {
				t.Errorf("no stack in %q", f.First)
			}
		}
		for _, kind := range []string{"unexpected EOF", "panic: boom", "panic: runtime.boundsError",
			"unsupported operation",
			"the target ended its goroutine (runtime.Goexit)", "deadline"} {
			if got[kind] != 100 {
				t.Errorf("%q: %d, want 100 (all: %v)", kind, got[kind], got)
			}
		}
	})
}

// touchy is an error whose methods do not survive a nil pointer.
type touchy struct{ inner error }

func (e *touchy) Error() string { return e.inner.Error() }
func (e *touchy) Unwrap() error { return e.inner }

func TestAnErrorThatPanicsEndsNothing(t *testing.T) {
	for name, err := range map[string]error{"nil pointer": (*touchy)(nil), "in its text": &touchy{}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				for _, fail := range []func() error{func() error { return err }, func() error { panic(err) }} {
					r := do(t, bench.Run{Arrivals: constant(t, schedule.PerSecond(1000), 10*ms), Workers: 1,
						Target: bench.TargetFunc(func(context.Context, string) error { return fail() })})
					if r.Failed != 10 || len(r.Failures) != 1 ||
						!strings.Contains(r.Failures[0].Kind, "*bench_test.touchy") {
						t.Errorf("%s: %d failed, as %v", name, r.Failed, r.Failures)
					}
				}
			})
		})
	}
}

func TestKindsOfFailuresAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n atomic.Int64
		r := do(t, bench.Run{Arrivals: constant(t, schedule.PerSecond(1000), time.Second), Workers: 1,
			Target: bench.TargetFunc(func(context.Context, string) error {
				return fmt.Errorf("order %d is missing%s", n.Add(1), strings.Repeat("!", 10_000))
			})})
		if len(r.Failures) > 51 || r.Failures[0].Kind != record.OtherKinds {
			t.Errorf("%d kinds, the first %q", len(r.Failures), r.Failures[0].Kind)
		}
		for _, f := range r.Failures {
			if len(f.Kind) > 100 || len(f.First) > 5000 {
				t.Errorf("a kind of %d bytes, described in %d", len(f.Kind), len(f.First))
			}
		}
	})
}

// A kindError is an error that chooses its kind.
type kindError string

func (e kindError) Error() string { return "an error" }
func (e kindError) Kind() string  { return string(e) }

// A failure that the generator caused is no error of the target.
func TestFailuresOfTheGeneratorMakeTheRunInvalid(t *testing.T) {
	dial := func(errno syscall.Errno) error {
		return &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", errno)}
	}
	for _, c := range []struct {
		name string
		err  error
		want []string
	}{
		{"no ports", dial(syscall.EADDRNOTAVAIL), []string{record.GeneratorLimited}},
		{"no descriptors", dial(syscall.EMFILE), []string{record.GeneratorLimited}},
		{"no request", kindError(record.KindNoRequest), []string{record.GeneratorLimited}},
		{"no connection", kindError(record.KindNoConnection), []string{record.GeneratorLimited}},
		{"refused", dial(syscall.ECONNREFUSED), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := do(t, bench.Run{Arrivals: constant(t, schedule.PerSecond(100), 10*time.Second), Workers: 1,
					Target: bench.TargetFunc(func(context.Context, string) error { return c.err })})
				if got := reasons(r); !slices.Equal(got, c.want) {
					t.Errorf("verdict %v, want %v", r.Verdict(), c.want)
				}
				if r.Failures[0].OfTarget() == (c.want != nil) {
					t.Errorf("OfTarget of %q is %v", r.Failures[0].Kind, r.Failures[0].OfTarget())
				}
			})
		})
	}
}
