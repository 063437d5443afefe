package record

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
)

// A PanicError is a panic of a target.
type PanicError struct {
	Value any    // what was passed to panic
	Stack []byte // of the goroutine, at the panic
	Place string // file:line where the target panicked; "" if that is not known
}

// newPanicError returns the error of a panic with a value, in a function that the panic has
// deferred to.
func NewPanicError(value any) *PanicError {
	return &PanicError{Value: value, Stack: debug.Stack(), Place: panicPlace()}
}

func (e *PanicError) Error() string { return fmt.Sprintf("the target panicked: %v", e.Value) }

// Unwrap returns the value of the panic if it is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// panicPlace returns the file and line of the function that panicked: the first beyond those
// of the runtime's that make a panic, such as that of a nil pointer.
func panicPlace() string {
	callers := make([]uintptr, 64)
	frames := runtime.CallersFrames(callers[:runtime.Callers(1, callers)])
	panicking := false
	for {
		f, more := frames.Next()
		of := strings.HasPrefix(f.Function, "runtime.")
		if panicking && !of {
			return fmt.Sprintf("%s:%d", f.File, f.Line)
		}
		panicking = panicking || f.Function == "runtime.gopanic"
		if !more {
			return ""
		}
	}
}
