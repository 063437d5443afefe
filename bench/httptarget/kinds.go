package httptarget

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/loadgen-go/loadgen/bench/dial"
	"github.com/loadgen-go/loadgen/bench/record"
)

// A failure is the error of a call, with the kind by which records count it.
type failure struct {
	kind string
	err  error
	lost bool // the connection was lost before a byte of the answer
	kept bool // the server says that it has not processed the request
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Kind() string  { return f.kind }
func (f *failure) Unwrap() error { return f.err }

func fail(kind, format string, args ...any) *failure {
	return &failure{kind: kind, err: fmt.Errorf(format, args...)}
}

// network returns the failure of an operation of the network.
func network(op, address string, err error) *failure {
	var f *failure
	if errors.As(err, &f) {
		return f
	}
	err = dial.Failed(op, address, err)
	return &failure{kind: record.KindOf(err), err: err}
}

// interrupted returns the failure of a call whose context has ended.
func interrupted(ctx context.Context) *failure {
	err := dial.Interrupted(ctx)
	var f *failure
	if errors.As(err, &f) {
		return f
	}
	return &failure{kind: record.KindOf(err), err: err}
}

// timedOut reports whether err is a deadline of a connection.
func timedOut(err error) bool {
	var t interface{ Timeout() bool }
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &t) && t.Timeout()
}

// A phase is the part of a call that a timeout bounds.
type phase int

const (
	inHeaders phase = iota
	inBody
)

// late returns the failure of a call that took too long in a phase. Total says that the call as a whole
// took too long.
func (t *Timeout) late(in phase, total bool) *failure {
	switch {
	case total:
		return fail(record.KindDeadline, "the call took longer than %v (timeout.total)", t.Total)
	case in == inBody:
		return fail(record.KindBodyTimeout, "the body took longer than %v (timeout.body)", t.Body)
	}
	return fail(record.KindHeaderTimeout, "the headers took longer than %v (timeout.headers)", t.Headers)
}
