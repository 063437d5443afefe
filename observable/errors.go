package observable

import (
	"fmt"
	"time"
)

// UnknownKeyError reports a call or a change of a key that was never registered, or
// that was removed.
type UnknownKeyError struct{ Key string }

func (e *UnknownKeyError) Error() string {
	return fmt.Sprintf("observable: no handler is registered for %q", e.Key)
}

// NilFuncError reports that a key was registered with, or replaced by, a nil function.
type NilFuncError struct {
	Key  string
	From string // file:line of the registration or replacement
}

func (e *NilFuncError) Error() string {
	return fmt.Sprintf("observable: the handler for %q is nil: want a function (%s)", e.Key, e.From)
}

// DuplicateKeyError reports that a key was registered twice.
type DuplicateKeyError struct {
	Key   string
	From  string // file:line of this registration
	First string // file:line that registered, or last replaced, the handler of the key
}

func (e *DuplicateKeyError) Error() string {
	return fmt.Sprintf("observable: a handler for %q is registered already (%s, first at %s)", e.Key, e.From, e.First)
}

// PanicError reports a panic of a handler.
type PanicError struct {
	Key   string
	Value any    // the argument of panic
	Stack []byte // the stack of the goroutine at the panic
	When  time.Time
}

func (e *PanicError) Error() string {
	return fmt.Sprintf("observable: handler %q panicked: %v", e.Key, e.Value)
}

// Unwrap returns the value of the panic if it is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}
