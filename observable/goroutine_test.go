package observable_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/loadgen-go/loadgen/observable"
	"github.com/loadgen-go/loadgen/observable/pooled"
)

// traced returns a tracer and the recorder of its spans.
func traced() (trace.Tracer, *tracetest.SpanRecorder) {
	spans := tracetest.NewSpanRecorder()
	return sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans)).Tracer("test"), spans
}

// logged returns what f logs to the default logger.
func logged(f func()) string {
	var log bytes.Buffer
	defer slog.SetDefault(slog.Default())
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
	f()
	return log.String()
}

func TestAGoroutineHasAChildSpanEvenIfTheParentEndsFirst(t *testing.T) {
	reused, err := pooled.New(pooled.Options{})
	if err != nil {
		t.Fatal(err)
	}
	tracer, spans := traced()
	for name, tracer := range map[string]trace.Tracer{"sdk": tracer, "pooled": reused.Tracer("test")} {
		t.Run(name, func(t *testing.T) {
			ctx, parent := tracer.Start(t.Context(), "request")
			leave := make(chan struct{})
			var child, grandchild trace.SpanContext
			task := observable.Go(ctx, tracer, "work", func(ctx context.Context) error {
				<-leave
				child = trace.SpanContextFromContext(ctx)
				_, span := tracer.Start(ctx, "deeper")
				grandchild = span.SpanContext()
				span.End()
				return nil
			})
			parent.End()
			close(leave)
			if err := task.Wait(); err != nil {
				t.Error(err)
			}
			request := parent.SpanContext()
			if child.TraceID() != request.TraceID() || child.SpanID() == request.SpanID() ||
				grandchild.TraceID() != request.TraceID() {
				t.Errorf("the trace is cut: %v, %v, %v", request, child, grandchild)
			}
		})
	}
	parents := map[string]trace.SpanID{}
	ids := map[string]trace.SpanID{}
	for _, s := range spans.Ended() {
		parents[s.Name()], ids[s.Name()] = s.Parent().SpanID(), s.SpanContext().SpanID()
	}
	if len(ids) != 3 || parents["work"] != ids["request"] || parents["deeper"] != ids["work"] {
		t.Errorf("parents %v of %v", parents, ids)
	}
}

func TestTheSpanOfAGoroutineIsStartedBeforeGoReturns(t *testing.T) {
	tracer, spans := traced()
	leave := make(chan struct{})
	task := observable.Go(t.Context(), tracer, "work", func(context.Context) error { <-leave; return nil })
	if len(spans.Started()) != 1 || len(spans.Ended()) != 0 {
		t.Errorf("started %d, ended %d", len(spans.Started()), len(spans.Ended()))
	}
	close(leave)
	<-task.Done()
	if len(spans.Ended()) != 1 {
		t.Error("the task has ended before its span")
	}
}

func TestAGoroutineIsCancelledWithItsContextUnlessToldOtherwise(t *testing.T) {
	type key struct{}
	synctest.Test(t, func(t *testing.T) {
		tracer, spans := traced()
		ctx, cancel := context.WithCancelCause(context.WithValue(t.Context(), key{}, "value"))
		ctx, request := tracer.Start(ctx, "request")
		leave := make(chan struct{})
		work := func(ctx context.Context) error {
			if ctx.Value(key{}) != "value" {
				t.Error("the values are lost")
			}
			select {
			case <-ctx.Done():
			case <-leave:
			}
			return context.Cause(ctx)
		}
		bound := observable.Go(ctx, tracer, "bound", work)
		free := observable.Go(context.WithoutCancel(ctx), tracer, "free", work)
		cancel(io.ErrClosedPipe)
		if err := bound.Wait(); err != io.ErrClosedPipe {
			t.Errorf("the task with the context of the request returned %v", err)
		}
		synctest.Wait()
		select {
		case <-free.Done():
			t.Error("the task without cancellation ended with the request")
		default:
		}
		close(leave)
		if err := free.Wait(); err != nil {
			t.Errorf("the task without cancellation returned %v", err)
		}
		for _, s := range spans.Ended() {
			if s.Parent().SpanID() != request.SpanContext().SpanID() {
				t.Errorf("%s is no child of the request", s.Name())
			}
		}
	})
}

func TestAnErrorOfAGoroutineIsOnItsSpanAndReturnedToAllWhoWait(t *testing.T) {
	tracer, spans := traced()
	task := observable.Go(t.Context(), tracer, "work", func(context.Context) error { return io.EOF })
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if err := task.Wait(); err != io.EOF {
				t.Errorf("Wait = %v", err)
			}
		})
	}
	wg.Wait()
	s := spans.Ended()[0]
	if s.Status() != (sdktrace.Status{Code: codes.Error, Description: "EOF"}) || len(s.Events()) != 1 {
		t.Errorf("status %v, events %v", s.Status(), s.Events())
	}
}

func TestAPanicOfAGoroutineIsOnItsSpanLoggedAndReturned(t *testing.T) {
	tracer, spans := traced()
	var err error
	log := logged(func() {
		err = observable.Go(t.Context(), tracer, "work", func(context.Context) error { panic("boom") }).Wait()
	})
	var p *observable.PanicError
	if !errors.As(err, &p) || p.Key != "work" || p.Value != "boom" ||
		!strings.Contains(string(p.Stack), "goroutine_test.go") {
		t.Errorf("Wait = %v", err)
	}
	for _, want := range []string{"level=ERROR", "name=work", "panic=boom", "goroutine_test.go"} {
		if !strings.Contains(log, want) {
			t.Errorf("%q is not in the log: %s", want, log)
		}
	}
	s := spans.Ended()[0]
	if s.Status().Code != codes.Error || !strings.Contains(s.Status().Description, "boom") {
		t.Errorf("status %v", s.Status())
	}
	if len(s.Events()) != 1 || s.Events()[0].Name != "exception" {
		t.Fatalf("events %v", s.Events())
	}
	set := attribute.NewSet(s.Events()[0].Attributes...)
	if v, _ := set.Value("exception.message"); !strings.Contains(v.AsString(), "boom") {
		t.Errorf("the event has %v", set.ToSlice())
	}
	if v, _ := set.Value("exception.stacktrace"); !strings.Contains(v.AsString(), "goroutine_test.go") {
		t.Errorf("the event has %v", set.ToSlice())
	}
}

func TestARecoveredPanicIsNotLogged(t *testing.T) {
	tracer, spans := traced()
	log := logged(func() {
		err := observable.Go(t.Context(), tracer, "work",
			observable.WithRecovery("work")(func(context.Context) error { panic("boom") })).Wait()
		if err == nil {
			t.Error("no error")
		}
	})
	if log != "" {
		t.Errorf("logged %s", log)
	}
	set := attribute.NewSet(spans.Ended()[0].Events()[0].Attributes...)
	if v, _ := set.Value("exception.stacktrace"); !strings.Contains(v.AsString(), "goroutine_test.go") {
		t.Errorf("the event has %v", set.ToSlice())
	}
}

func TestAGoroutineThatCallsGoexitEndsItsTask(t *testing.T) {
	tracer, spans := traced()
	log := logged(func() {
		err := observable.Go(t.Context(), tracer, "work",
			func(context.Context) error { runtime.Goexit(); return nil }).Wait()
		if err == nil || !strings.Contains(err.Error(), "Goexit") {
			t.Errorf("Wait = %v", err)
		}
	})
	if log != "" || len(spans.Ended()) != 1 || spans.Ended()[0].Status().Code != codes.Error {
		t.Errorf("logged %q, spans %v", log, spans.Ended())
	}
}

// hollow is an error whose Error method panics on a nil pointer.
type hollow struct{ text string }

func (e *hollow) Error() string { return e.text }

func TestAnErrorWhoseTextPanicsIsReturnedAndEndsNoProcess(t *testing.T) {
	tracer, spans := traced()
	err := observable.Go(t.Context(), tracer, "work", func(context.Context) error { return (*hollow)(nil) }).Wait()
	if _, ok := err.(*hollow); !ok {
		t.Error("not the function's error")
	}
	if s := spans.Ended()[0].Status(); s.Code != codes.Error || !strings.Contains(s.Description, "hollow") {
		t.Errorf("status %v", s)
	}
}

func TestAGoroutineWithoutTracerOrFunction(t *testing.T) {
	var seen context.Context
	if err := observable.Go(t.Context(), nil, "work",
		func(ctx context.Context) error { seen = ctx; return io.EOF }).Wait(); err != io.EOF {
		t.Errorf("Wait = %v", err)
	}
	if seen != t.Context() {
		t.Error("another context")
	}
	tracer, spans := traced()
	err := observable.Go(t.Context(), tracer, "work", nil).Wait()
	var isNil *observable.NilFuncError
	if !errors.As(err, &isNil) || isNil.Key != "work" || !strings.Contains(isNil.From, "goroutine_test.go:") {
		t.Errorf("Wait = %v", err)
	}
	if len(spans.Started()) != 0 {
		t.Error("a task without a function started a span")
	}
}

func ExampleGo() {
	spans := tracetest.NewSpanRecorder()
	tracer := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans)).Tracer("example")

	ctx, request := tracer.Start(context.Background(), "request")
	// The mail is sent even if the request ends first.
	mail := observable.Go(context.WithoutCancel(ctx), tracer, "mail", func(ctx context.Context) error {
		return errors.New("no such mailbox")
	})
	request.End()

	fmt.Println(mail.Wait())
	for _, s := range spans.Ended() {
		if s.Name() == "mail" {
			fmt.Println("a child of the request:", s.Parent().SpanID() == request.SpanContext().SpanID())
		}
	}
	// Output:
	// no such mailbox
	// a child of the request: true
}
