package terminal_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/terminal"
)

// A written is what a Progress has written to a pipe.
type written struct {
	mu   sync.Mutex
	text strings.Builder
}

func (w *written) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.Write(p)
}

func (w *written) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

// inPipe calls f with a Progress in a pipe, in fake time.
func inPipe(t *testing.T, quiet bool, f func(*testing.T, *terminal.Progress, *written)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &written{}
		p := terminal.NewProgress(w, terminal.New(w, terminal.Options{}, env("LANG=C.UTF-8")), quiet)
		defer p.Close()
		f(t, p, w)
	})
}

// visits makes some visits of a stage, each of which takes as long as planned.
func visits(p *terminal.Progress, n int, takes time.Duration) {
	for range n {
		p.Next("round 1 of 1", "sdk 50,000/s", takes)
		time.Sleep(takes)
	}
}

// check compares what was written with what was wanted.
func check(t *testing.T, w *written, want string) {
	t.Helper()
	synctest.Wait()
	if got := w.String(); got != want {
		t.Errorf("written\n%q\nwant\n%q", got, want)
	}
}

func TestAPipeGetsALineAMinute(t *testing.T) {
	inPipe(t, false, func(t *testing.T, p *terminal.Progress, w *written) {
		p.Begin(terminal.Stage{Steps: 20, Noun: "visit", Takes: 200 * time.Second})
		visits(p, 5, 10*time.Second)
		p.Next("round 1 of 1", "sdk 50,000/s", 10*time.Second)
		time.Sleep(10*time.Second - 1)
		check(t, w, "") // a minute is not over
		time.Sleep(time.Nanosecond)
		first := "round 1 of 1: 5 of 20 visits done, 2 min left; now sdk 50,000/s\n"
		check(t, w, first)
		time.Sleep(59 * time.Second) // the visit does not end
		check(t, w, first)
		time.Sleep(time.Second)
		second := "round 1 of 1: 5 of 20 visits done, 2 min left; now sdk 50,000/s, 60 s over plan\n"
		check(t, w, first+strings.Replace(second, "60 s", "1 min", 1))
		p.End()
		time.Sleep(time.Hour)
		check(t, w, first+strings.Replace(second, "60 s", "1 min", 1))
	})
}

func TestARunOfLessThanAMinuteWritesNothingToAPipe(t *testing.T) {
	inPipe(t, false, func(t *testing.T, p *terminal.Progress, w *written) {
		p.Begin(terminal.Stage{Steps: 5, Noun: "visit", Takes: 59 * time.Second})
		visits(p, 5, 59*time.Second/5)
		p.End()
		p.Close()
		check(t, w, "")
	})
}

// The line a minute says that the command is alive. Another line says that, too.
func TestTheLineAMinuteComesAMinuteAfterTheLastLine(t *testing.T) {
	inPipe(t, false, func(t *testing.T, p *terminal.Progress, w *written) {
		p.Begin(terminal.Stage{Takes: 5 * time.Minute})
		p.Next("probe 1", "pooled at 1/s", 0)
		time.Sleep(50 * time.Second)
		if _, err := p.Write([]byte("warning: half a line")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute - 1)
		check(t, w, "warning: half a line")
		time.Sleep(time.Nanosecond)
		check(t, w, "warning: half a line\nprobe 1: at most 3 min left; now pooled at 1/s\n")
	})
}

func TestAPipeIsToldOfWhatTakesTwoSeconds(t *testing.T) {
	inPipe(t, false, func(t *testing.T, p *terminal.Progress, w *written) {
		done := p.Doing("building main (abc1234)")
		time.Sleep(2*time.Second - 1)
		done()
		check(t, w, "") // it was short
		defer p.Doing("building the working tree")()
		time.Sleep(2 * time.Second)
		check(t, w, "building the working tree\n")
		time.Sleep(time.Hour)
		check(t, w, "building the working tree\n")
	})
}

func TestAfterAnInterruptItIsSaidWhatIsWaitedFor(t *testing.T) {
	inPipe(t, false, func(t *testing.T, p *terminal.Progress, w *written) {
		interrupted, interrupt := context.WithCancel(t.Context())
		done := p.AfterInterrupt(interrupted, "the visit")
		time.Sleep(time.Hour)
		check(t, w, "")
		interrupt()
		time.Sleep(2 * time.Second)
		check(t, w, "interrupted: waiting for the visit\n")
		done()
		again, interrupt := context.WithCancel(t.Context())
		p.AfterInterrupt(again, "nothing")()
		interrupt()
		time.Sleep(time.Hour)
		check(t, w, "interrupted: waiting for the visit\n")
	})
}

func TestAQuietProgressPassesLinesOnAndShowsNothing(t *testing.T) {
	inPipe(t, true, func(t *testing.T, p *terminal.Progress, w *written) {
		p.Begin(terminal.Stage{Steps: 5, Noun: "visit"})
		defer p.Doing("building the working tree")()
		visits(p, 5, time.Minute)
		if _, err := p.Write([]byte("warning: a\n")); err != nil {
			t.Fatal(err)
		}
		check(t, w, "warning: a\n")
	})
}

func TestAProgressMayBeNilOrClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		closed := terminal.NewProgress(&written{}, terminal.New(&written{}, terminal.Options{}, env()), false)
		closed.Close()
		for _, p := range []*terminal.Progress{nil, closed} {
			p.Begin(terminal.Stage{Steps: 1})
			p.Next("", "a", time.Second)
			p.Now("b")
			p.Skip(time.Second)
			p.Doing("c")()
			p.AfterInterrupt(t.Context(), "d")()
			p.End()
			p.Close()
		}
	})
}
