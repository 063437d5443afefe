package observable

import (
	"fmt"
	"reflect"
	"runtime/debug"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// interruption is the error of a function that did not return, but panicked with
// value. Without one it ended its goroutine: recover stops only panics, so that
// goes on.
func interruption(key string, value any) error {
	if value == nil {
		return fmt.Errorf("observable: %q called runtime.Goexit", key)
	}
	return &PanicError{Key: key, Value: value, Stack: debug.Stack(), When: time.Now()}
}

// describe puts err on a span, a panic as the SDK does. The text of err is others'
// code, and may panic, as that of a nil pointer does: then its type has to do.
func describe(span trace.Span, err error) {
	defer func() {
		if recover() != nil {
			span.SetStatus(codes.Error, fmt.Sprintf("%T", err))
		}
	}()
	if p, ok := err.(*PanicError); ok {
		span.AddEvent("exception", trace.WithAttributes(
			attribute.String("exception.type", typeName(p.Value)),
			attribute.String("exception.message", fmt.Sprint(p.Value)),
			attribute.String("exception.stacktrace", string(p.Stack))))
	} else {
		span.RecordError(err)
	}
	span.SetStatus(codes.Error, err.Error())
}

// typeName is the exception.type of the semantic conventions, spelt as the SDK
// spells it: path and name, which leaves a dot before those that are built in.
func typeName(v any) string {
	t := reflect.TypeOf(v)
	if t.Name() == "" {
		return t.String()
	}
	return t.PkgPath() + "." + t.Name()
}
