package observable_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/loadgen-go/loadgen/observable"
)

// everyKind has options for each code path of Call.
var everyKind = map[string]observable.Options{
	"counted": {},
	"guarded": {Uncounted: true},
	"bare":    {Uncounted: true, Panics: observable.RepeatPanics},
	"hooked":  {Uncounted: true, Panics: observable.RepeatPanics, OnRead: func(string) {}},
}

func TestAReplacedHandlerIsTheOneThatIsCalledAndTheAccountGoesOn(t *testing.T) {
	for name, opts := range everyKind {
		t.Run(name, func(t *testing.T) {
			m := newMap(t, opts)
			var called string
			must(t, m.Register("a", func() { called = "first" }))
			h, err := m.Handle("a")
			must(t, err)
			must(t, m.Call(background, "a"))
			must(t, m.Replace("a", func() { called = "second" }))
			_, _, line, _ := runtime.Caller(0)
			for way, call := range map[string]func() error{
				"Map":    func() error { return m.Call(background, "a") },
				"Handle": func() error { return h.Call(background) },
			} {
				called = ""
				if err := call(); err != nil || called != "second" {
					t.Errorf("%s.Call ran the %s handler: %v", way, called, err)
				}
			}
			s := m.Snapshot()[0]
			if want := fmt.Sprintf("write_test.go:%d", line-1); !strings.HasSuffix(s.From, want) {
				t.Errorf("from %s, want %s", s.From, want)
			}
			if want := uint64(3); !opts.Uncounted && s.Calls != want {
				t.Errorf("%d calls, want %d", s.Calls, want)
			}
			must(t, m.ReplaceContext("a", func(context.Context) error { return io.EOF }))
			if err := errors.Join(m.Call(background, "a"), h.Call(background)); err == nil ||
				err.Error() != "EOF\nEOF" {
				t.Errorf("after ReplaceContext: %v", err)
			}
		})
	}
}

func TestARemovedKeyIsUnknownEvenToItsHandle(t *testing.T) {
	for name, opts := range everyKind {
		t.Run(name, func(t *testing.T) {
			m := newMap(t, opts)
			must(t, m.Register("a", func() {}))
			must(t, m.Register("b", func() {}))
			h, err := m.Handle("a")
			must(t, err)
			must(t, m.Remove("a"))
			// The handle of a removed key is not revived if the key is registered again.
			for range 2 {
				var unknown *observable.UnknownKeyError
				if n := testing.AllocsPerRun(100, func() { err = h.Call(background) }); n != 0 {
					t.Errorf("a handle of a removed key allocates %v times", n)
				}
				if !errors.As(err, &unknown) || unknown.Key != "a" {
					t.Errorf("a handle of a removed key: %v", err)
				}
				if m.Keys()[0] == "b" {
					if err := m.Call(background, "a"); !errors.As(err, &unknown) {
						t.Errorf("Call of a removed key: %v", err)
					}
					must(t, m.Register("a", func() {}))
				}
			}
			if s := m.Snapshot(); len(s) != 2 || s[0].Calls != 0 {
				t.Errorf("the account is %+v", s)
			}
			must(t, m.Call(background, "b"))
		})
	}
}

func TestAWriteThatCannotBeMadeSaysWhyAndChangesNothing(t *testing.T) {
	m := newMap(t, observable.Options{OnWrite: func(key string, w observable.Write) {
		if w != observable.Registered {
			t.Errorf("OnWrite was called for %q with %v", key, w)
		}
	}})
	must(t, m.Register("a", func() {}))
	var unknown *observable.UnknownKeyError
	var isNil *observable.NilFuncError
	for name, c := range map[string]struct {
		err    error
		target any
	}{
		"Replace of an unknown key": {m.Replace("b", func() {}), &unknown},
		"ReplaceContext of an unknown key": {m.ReplaceContext("b", func(context.Context) error { return nil }),
			&unknown},
		"Remove of an unknown key": {m.Remove("b"), &unknown},
		"Handle of an unknown key": {func() error { _, err := m.Handle("b"); return err }(), &unknown},
		"Replace by nil":           {m.Replace("a", nil), &isNil},
		"ReplaceContext by nil":    {m.ReplaceContext("a", nil), &isNil},
	} {
		t.Run(name, func(t *testing.T) {
			if c.err == nil || !errors.As(c.err, c.target) {
				t.Errorf("the error is %v", c.err)
			}
		})
	}
	must(t, m.Call(background, "a"))
	if len(m.Keys()) != 1 {
		t.Errorf("keys are %v", m.Keys())
	}
}

func TestCallsThatRunWhenTheirKeyIsRemovedAreAccountedFor(t *testing.T) {
	ended := make(chan error, 1)
	m := newMap(t, observable.Options{OnCall: func(_ string, _ time.Duration, err error) { ended <- err }})
	begun, leave := make(chan struct{}), make(chan struct{})
	must(t, m.RegisterContext("a", func(context.Context) error { close(begun); <-leave; return io.EOF }))
	h, err := m.Handle("a")
	must(t, err)
	go func() { _ = m.Call(background, "a") }()
	<-begun
	must(t, m.Remove("a"))
	if s := h.Stats(); s.InFlight != 1 || s.From != "" {
		t.Errorf("while it runs: %+v", s)
	}
	close(leave)
	if err := <-ended; err != io.EOF {
		t.Errorf("OnCall got the error %v, want EOF", err)
	}
	if s := h.Stats(); s.InFlight != 0 || s.Errors != 1 || s.Calls != 1 {
		t.Errorf("after: %+v", s)
	}
}

func TestHandlersAreReplacedAndRemovedWhileTheyAreCalled(t *testing.T) {
	for name, opts := range everyKind {
		t.Run(name, func(t *testing.T) {
			m := newMap(t, opts)
			must(t, m.Register("a", func() {}))
			h, err := m.Handle("a")
			must(t, err)
			var wg sync.WaitGroup
			for range 2 {
				wg.Go(func() {
					for range 200 {
						must(t, m.Call(background, "a"))
						must(t, h.Call(background))
					}
				})
				wg.Go(func() {
					for range 50 {
						must(t, m.Replace("a", func() {}))
					}
				})
			}
			wg.Go(func() {
				for range 50 {
					must(t, m.Register("b", func() {}))
					must(t, m.Remove("b"))
				}
			})
			wg.Wait()
			if s := m.Snapshot(); len(s) != 1 || !opts.Uncounted && s[0].Calls != 800 {
				t.Errorf("%+v", s)
			}
		})
	}
}

type job func()

func TestAFunctionOfANamedTypeNeedsNoConversion(t *testing.T) {
	m := newMap(t, observable.Options{})
	ran := false
	var j job = func() { ran = true }
	must(t, m.Register("a", j))
	must(t, m.Call(background, "a"))
	if !ran {
		t.Error("it did not run")
	}
}
