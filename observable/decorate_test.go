package observable_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/loadgen-go/loadgen/internal/property"
	"github.com/loadgen-go/loadgen/observable"
)

// Named function types, as programs define them.
type (
	command func()
	action  func(context.Context) error
)

// allocations checks that a run of f makes want allocations.
func allocations(t *testing.T, name string, want float64, f func()) {
	t.Helper()
	if got := testing.AllocsPerRun(1000, f); got != want {
		t.Errorf("%s: %v allocations per run, want %v", name, got, want)
	}
}

// tracing returns a decorator that logs when it is entered and left.
func tracing(log *[]string, name string) observable.Decorator {
	return func(f func(context.Context) error) func(context.Context) error {
		return func(ctx context.Context) error {
			*log = append(*log, "enter "+name)
			err := f(ctx)
			*log = append(*log, "leave "+name)
			return err
		}
	}
}

func TestTheFirstDecoratorOfAChainIsTheOutermost(t *testing.T) {
	property.Check(t, func(t *rapid.T) {
		var log, enter, leave []string
		var decorators []observable.Decorator
		for i := range rapid.IntRange(0, 6).Draw(t, "decorators") {
			if rapid.IntRange(0, 3).Draw(t, "nil") == 0 {
				decorators = append(decorators, nil) // changes nothing
				continue
			}
			name := fmt.Sprint(i)
			decorators = append(decorators, tracing(&log, name))
			enter = append(enter, "enter "+name)
			leave = append(leave, "leave "+name)
		}
		slices.Reverse(leave)
		run := observable.Chain(func(context.Context) error {
			log = append(log, "run")
			return io.EOF
		}, decorators...)
		if err := run(context.Background()); err != io.EOF {
			t.Errorf("the error is %v", err)
		}
		if want := slices.Concat(enter, []string{"run"}, leave); !slices.Equal(log, want) {
			t.Errorf("ran %q, want %q", log, want)
		}
	})
}

func TestChainKeepsANamedType(t *testing.T) {
	var a action = observable.Chain(action(func(context.Context) error { return io.EOF }),
		observable.WithRecovery("a"))
	if err := a(t.Context()); err != io.EOF {
		t.Errorf("the error is %v", err)
	}
}

func TestACancelledContextRunsNothingAndItsCauseIsReturned(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(io.ErrClosedPipe)
	run := observable.WithContext(command(func() { t.Error("run") }))
	if err := run(ctx); err != io.ErrClosedPipe {
		t.Errorf("the error is %v, want the cause", err)
	}
	plain, cancelPlain := context.WithCancel(t.Context())
	cancelPlain()
	if err := run(plain); err != context.Canceled {
		t.Errorf("the error is %v", err)
	}
}

func TestACancellationDuringTheRunIsReportedAfterIt(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	ended := false
	err := observable.WithContext(func() {
		cancel(io.ErrClosedPipe)
		ended = true
	})(ctx)
	var cancelled *observable.CancelledError
	if !errors.As(err, &cancelled) || !errors.Is(err, io.ErrClosedPipe) ||
		!strings.Contains(err.Error(), io.ErrClosedPipe.Error()) {
		t.Errorf("the error is %v, want a CancelledError of the cause", err)
	}
	if !ended {
		t.Error("the function was not run to its end")
	}
	if err := observable.WithContext(func() {})(t.Context()); err != nil {
		t.Errorf("without a cancellation, the error is %v", err)
	}
}

func TestAPanicWinsOverACancellation(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	err := observable.Chain(observable.WithContext(func() {
		cancel()
		panic("boom")
	}), observable.WithRecovery("a"))(ctx)
	var p *observable.PanicError
	if !errors.As(err, &p) || errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v, want the panic", err)
	}
}

func TestRecoveryReturnsThePanicWithItsKeyAndStack(t *testing.T) {
	for name, panics := range map[string]func(){
		"boom":                  func() { panic("boom") },
		"EOF":                   func() { panic(io.EOF) },
		"nil pointer":           func() { var p *int; *p = 1 },
		"panic called with nil": func() { panic(nil) },
	} {
		t.Run(name, func(t *testing.T) {
			err := observable.WithRecovery("save")(observable.WithContext(panics))(t.Context())
			var p *observable.PanicError
			if !errors.As(err, &p) || p.Key != "save" || !strings.Contains(err.Error(), name) ||
				!strings.Contains(string(p.Stack), "decorate_test.go") {
				t.Errorf("the error is %v", err)
			}
		})
	}
	if err := observable.WithRecovery("save")(func(context.Context) error { return io.EOF })(
		t.Context()); err != io.EOF {
		t.Errorf("without a panic, the error is %v", err)
	}
}

// With panicnil=1, recover returns nil for panic(nil), as it does for Goexit.
func TestRecoverySwallowsNoPanicOfNilOfOldPrograms(t *testing.T) {
	t.Setenv("GODEBUG", "panicnil=1")
	err := observable.WithRecovery("save")(func(context.Context) error { panic(nil) })(t.Context())
	if err == nil {
		t.Error("the panic was swallowed")
	}
}

func TestRecoveryLetsGoexitPass(t *testing.T) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		err := observable.WithRecovery("exit")(observable.WithContext(runtime.Goexit))(context.Background())
		t.Errorf("the goroutine goes on with the error %v", err)
	}()
	<-done
}

func TestPlainRunsWithItsContextAndHandsOverEveryError(t *testing.T) {
	type key struct{}
	ctx := context.WithValue(t.Context(), key{}, "value")
	var got []error
	var result error
	run := observable.Plain(ctx, action(func(ctx context.Context) error {
		if ctx.Value(key{}) != "value" {
			t.Error("another context")
		}
		return result
	}), func(err error) { got = append(got, err) })
	for _, result = range []error{io.EOF, nil, io.ErrClosedPipe} {
		run()
	}
	if want := []error{io.EOF, io.ErrClosedPipe}; !slices.Equal(got, want) {
		t.Errorf("errors %v, want %v", got, want)
	}
}

func TestPlainAndWithContextUndoEachOther(t *testing.T) {
	runs := 0
	f := func() { runs++ }
	for range 3 {
		f = observable.Plain(t.Context(), observable.WithContext(f), func(err error) { t.Error(err) })
	}
	f()
	if runs != 1 {
		t.Errorf("%d runs", runs)
	}
}

func TestANilFunctionStaysNilUntilTheMapRefusesIt(t *testing.T) {
	ignore := func(error) {}
	works := func(context.Context) error { return nil }
	wrap := tracing(new([]string), "a")
	for name, isNil := range map[string]bool{
		"Chain": observable.Chain[action](nil, wrap) == nil,
		"Chain, made nil": observable.Chain(works, wrap,
			func(func(context.Context) error) func(context.Context) error { return nil }) == nil,
		"WithContext":           observable.WithContext[command](nil) == nil,
		"WithRecovery":          observable.WithRecovery("a")(nil) == nil,
		"Plain":                 observable.Plain[action](t.Context(), nil, ignore) == nil,
		"Plain without onError": observable.Plain(t.Context(), works, nil) == nil,
		"FromJob":               observable.FromJob(nil) == nil,
		"HTTP":                  observable.HTTP[func(int, *query)](nil) == nil,
		"Serve":                 observable.Serve[action](nil, func(int, *query, error) {}) == nil,
		"Serve without onError": observable.Serve[action, int, *query](works, nil) == nil,
		"nested decorators": observable.Chain(observable.WithContext(observable.FromJob(nil)),
			observable.WithRecovery("a"), wrap) == nil,
	} {
		t.Run(name, func(t *testing.T) {
			if !isNil {
				t.Error("a nil function became a function that is not nil")
			}
		})
	}
	var m observable.Map
	var refused *observable.NilFuncError
	err := m.RegisterContext("a", observable.WithContext[command](nil))
	if !errors.As(err, &refused) || !strings.Contains(err.Error(), "decorate_test.go:") {
		t.Errorf("registering a nil function: %v", err)
	}
}

func TestDecoratedRunsAllocateNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	cancelled, cancelNow := context.WithCancel(t.Context())
	cancelNow()
	withContext := observable.WithContext(command(func() {}))
	fails := func(context.Context) error { return io.EOF }
	deep := observable.Chain(withContext, observable.WithRecovery("a"), observable.WithRecovery("b"),
		observable.WithRecovery("c"))
	plain := observable.Plain(ctx, deep, func(error) {})
	failing := observable.Plain(ctx, fails, func(error) {})
	allocations(t, "WithContext", 0, func() { _ = withContext(ctx) })
	allocations(t, "WithContext, cancelled before", 0, func() { _ = withContext(cancelled) })
	allocations(t, "a chain", 0, func() { _ = deep(ctx) })
	allocations(t, "Plain", 0, plain)
	allocations(t, "Plain with an error", 0, failing)
}

func ExampleChain() {
	save := observable.Chain(
		observable.WithContext(func() { panic("disk full") }),
		observable.WithRecovery("save"), // the first is the outermost
	)
	fmt.Println(save(context.Background()))

	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	fmt.Println(save(ctx))

	again := observable.Plain(context.Background(), save, func(err error) { fmt.Println("handed over:", err) })
	again()
	// Output:
	// observable: handler "save" panicked: disk full
	// context canceled
	// handed over: observable: handler "save" panicked: disk full
}

func BenchmarkDecorators(b *testing.B) {
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	f := observable.WithContext(func() {})
	run := func(name string, f func(context.Context) error) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := f(ctx); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	run("bare", func(context.Context) error { return nil })
	run("context", f)
	run("context+recovery", observable.Chain(f, observable.WithRecovery("a")))
}
