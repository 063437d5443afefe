package record

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode"
)

// A Failure counts the failed calls of a kind.
type Failure struct {
	Kind  string `json:"kind"`
	Count uint64 `json:"count"`
	First string `json:"first"` // the error of the first call, with its stack if it was a panic
	// Place is the file:line at which the first call panicked; "" if it did not.
	Place string `json:"place,omitempty"`
}

// OfTarget reports whether only the target can cause failures of this kind. Timeouts may also be
// caused by a lack of processor time, and other kinds by a lack of ports or file descriptors on the
// generator's machine.
func (f *Failure) OfTarget() bool {
	switch f.Kind {
	case ErrTimeout.Error(), KindDeadline, KindConnectTimeout, KindHeaderTimeout, KindBodyTimeout,
		KindGRPC + " DeadlineExceeded":
		return false
	}
	return !f.ofGenerator()
}

// ofGenerator reports whether only the generator can cause failures of this kind.
func (f *Failure) ofGenerator() bool {
	switch f.Kind {
	case KindNoPorts, KindNoDescriptors, KindNoConnection, KindNoRequest:
		return true
	}
	return false
}

// Errors of calls that were given up. These calls count as failed.
var (
	// ErrTimeout is the error of a call that took longer than Run.Timeout of package bench.
	ErrTimeout = errors.New("timeout")
	// ErrNotReturned is the error of a call that had not returned a second after the context of
	// its run ended.
	ErrNotReturned = errors.New("did not return")
)

// maxKinds bounds the memory that errors with changing texts can take.
const maxKinds = 50

// OtherKinds is the kind of all failures after the first 50 kinds.
const OtherKinds = "other"

// Failures count failed calls by kind. A literal, Failures{}, is ready for use. They are not safe
// for concurrent use.
type Failures map[string]*failure

type failure struct {
	Failure
	ended time.Duration // when the first call of the kind ended
}

// Add counts the error of a call that ended at the given time.
func (fs Failures) Add(ended time.Duration, err error) {
	kind := KindOf(err)
	if fs[kind] == nil && len(fs) >= maxKinds {
		kind = OtherKinds
	}
	if have, ok := fs[kind]; ok && ended >= have.ended {
		have.Count++
		return
	}
	f := &failure{Failure{Count: 1, First: describe(err)}, ended}
	if p, ok := err.(*PanicError); ok {
		f.Place = p.Place
	}
	fs.count(kind, f)
}

// Merge adds the failures of others.
func (fs Failures) Merge(others Failures) {
	for kind, f := range others {
		fs.count(kind, f)
	}
}

// count adds f to the failures of a kind.
func (fs Failures) count(kind string, f *failure) {
	have, ok := fs[kind]
	if !ok {
		have = &failure{Failure{Kind: kind, First: f.First, Place: f.Place}, f.ended}
		fs[kind] = have
	}
	have.Count += f.Count
	if f.ended < have.ended {
		have.First, have.Place, have.ended = f.First, f.Place, f.ended
	}
}

// List returns all kinds, most frequent first. The kinds after the first 50 become [OtherKinds].
func (fs Failures) List() (list []Failure) {
	byCount := func(a, b *failure) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Kind, b.Kind))
	}
	few := Failures{}
	for i, f := range slices.SortedFunc(maps.Values(fs), byCount) {
		kind := f.Kind
		if i >= maxKinds {
			kind = OtherKinds
		}
		few.count(kind, f)
	}
	for _, f := range slices.SortedFunc(maps.Values(few), byCount) {
		list = append(list, f.Failure)
	}
	return list
}

// KindOf returns the kind by which [Failures] count an error: a panic by its value, an error with a
// method Kind() string by the result, a known error of the network by a kind such as [KindRefused], an
// error of errors.New by its text, and any other error by its type. An error whose methods panic,
// as the methods of a nil pointer may, is counted by its type too.
func KindOf(err error) (kind string) {
	defer func() {
		if recover() != nil {
			kind = fmt.Sprintf("%T", err)
		}
	}()
	if reflect.TypeOf(err) == fixedText && err != context.Canceled { // the most common case, without an allocation
		return short(err.Error())
	}
	var p *PanicError
	if errors.As(err, &p) {
		return "panic: " + kindOfValue(p.Value)
	}
	var named interface{ Kind() string }
	if errors.As(err, &named) {
		return short(named.Kind())
	}
	if known := knownKind(err); known != "" {
		return known
	}
	return kindOfValue(innermost(err))
}

// fixedText is the type of the errors that errors.New returns.
var fixedText = reflect.TypeOf(errors.New(""))

// Errorf returns an error of a kind, with the text that [fmt.Errorf] makes.
func Errorf(kind, format string, args ...any) error {
	return &kindError{kind, fmt.Errorf(format, args...)}
}

// A kindError is an error with the kind by which [Failures] count it.
type kindError struct {
	kind string
	err  error
}

func (e *kindError) Error() string { return e.err.Error() }
func (e *kindError) Kind() string  { return e.kind }
func (e *kindError) Unwrap() error { return e.err }

func innermost(err error) error {
	for inner := unwrap(err); inner != nil; inner = unwrap(inner) {
		err = inner
	}
	return err
}

func kindOfValue(v any) string {
	switch v := v.(type) {
	case string:
		return short(v)
	case error:
		if reflect.TypeOf(v) == fixedText {
			return short(v.Error())
		}
	}
	return fmt.Sprintf("%T", v)
}

// short returns the first line of s, cut to about 80 bytes, with control characters replaced.
func short(s string) string {
	s, _, cut := strings.Cut(s, "\n")
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return '?'
		}
		return r
	}, s)
	if len(s) > 80 {
		s, cut = strings.ToValidUTF8(s[:80], ""), true
	}
	if cut {
		s += " ..."
	}
	return s
}

// describe returns the text of err, with the stack of a panic.
func describe(err error) string {
	s := fmt.Sprint(err) // Sprint recovers from an Error method that panics
	if p, ok := err.(*PanicError); ok {
		s += "\n" + string(p.Stack)
	}
	const most = 4 << 10
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + " ..."
	}
	return s
}
