package record

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
)

// A PanicError is the error of a call whose target panicked.
type PanicError struct {
	Value any    // the argument of panic
	Stack []byte // the stack of the goroutine at the panic
	Place string // the file:line at which the target panicked; "" if it is not known
}

// NewPanicError returns the error of a panic with a value that recover returned. It must be called
// in the deferred function that calls recover.
func NewPanicError(value any) *PanicError {
	return &PanicError{Value: value, Stack: debug.Stack(), Place: panicPlace()}
}

func (e *PanicError) Error() string { return fmt.Sprintf("the target panicked: %v", e.Value) }

// Unwrap returns the value of the panic if it is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// panicPlace returns the file and line of the function that panicked: the first caller of
// runtime.gopanic that is not itself in the runtime, as the code that checks for nil pointers is.
func panicPlace() string {
	callers := make([]uintptr, 64)
	frames := runtime.CallersFrames(callers[:runtime.Callers(1, callers)])
	panicking := false
	for {
		f, more := frames.Next()
		if panicking && !strings.HasPrefix(f.Function, "runtime.") {
			return fmt.Sprintf("%s:%d", f.File, f.Line)
		}
		panicking = panicking || f.Function == "runtime.gopanic"
		if !more {
			return ""
		}
	}
}
