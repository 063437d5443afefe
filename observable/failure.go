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

// interruption returns the error of a function that did not return: a [*PanicError] if it
// panicked with value. If value is nil, the function called [runtime.Goexit], which
// recover does not stop.
func interruption(key string, value any) error {
	if value == nil {
		return fmt.Errorf("observable: %q called runtime.Goexit", key)
	}
	return &PanicError{Key: key, Value: value, Stack: debug.Stack(), When: time.Now()}
}

// describe records err in span, and a panic in the same way as the SDK. The Error method
// of err may panic itself, for example for a nil pointer. Then the status has the type of
// err instead of its text.
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

// typeName returns the exception.type of the semantic conventions, spelt as in the SDK:
// package path and name. For predeclared types the path is empty, which leaves a leading
// dot.
func typeName(v any) string {
	t := reflect.TypeOf(v)
	if t.Name() == "" {
		return t.String()
	}
	return t.PkgPath() + "." + t.Name()
}
