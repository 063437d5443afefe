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

// A Failure is a kind of failed calls.
type Failure struct {
	Kind  string `json:"kind"`
	Count uint64 `json:"count"`
	First string `json:"first"` // what the first of them said, with its stack if it was a panic
	// Place is where the first of them panicked, as file:line; "" if none did.
	Place string `json:"place,omitempty"`
}

// OfTarget reports whether the target alone is to blame: calls may also fail because time ran out where a processor was
// wanting, and because the process of the generator or its machine had no more ports or descriptors.
func (f *Failure) OfTarget() bool {
	switch f.Kind {
	case ErrTimeout.Error(), kindDeadline, kindConnectTimeout, kindHeaderTimeout, kindNoPorts, kindNoDescriptors,
		kindGRPC + " DeadlineExceeded":
		return false
	}
	return true
}

// Errors of calls that were given up, by which they count as failed.
var (
	// ErrTimeout is the error of a call that took longer than Run.Timeout.
	ErrTimeout = errors.New("timeout")
	// ErrNotReturned is the error of a call that had not returned a second after the context
	// of its run had ended.
	ErrNotReturned = errors.New("did not return")
)

// maxKinds bounds the memory that errors with changing texts can take.
const maxKinds = 50

// OtherKinds is the kind of failures past the first 50 kinds.
const OtherKinds = "other"

// Failures counts failed calls by kind. Make one with a literal.
type Failures map[string]*failure

type failure struct {
	Failure
	ended time.Duration // when the first of them did
}

// Add counts err, of a call that ended at that time.
func (all Failures) Add(ended time.Duration, err error) {
	kind := kindOf(err)
	if all[kind] == nil && len(all) >= maxKinds {
		kind = OtherKinds
	}
	if have, ok := all[kind]; ok && ended >= have.ended {
		have.Count++
		return
	}
	f := &failure{Failure{Count: 1, First: describe(err)}, ended}
	if p, ok := err.(*PanicError); ok {
		f.Place = p.Place
	}
	all.count(kind, f)
}

// Merge adds the failures of others.
func (all Failures) Merge(others Failures) {
	for kind, f := range others {
		all.count(kind, f)
	}
}

// count adds f to those of a kind.
func (all Failures) count(kind string, f *failure) {
	have, ok := all[kind]
	if !ok {
		have = &failure{Failure{Kind: kind, First: f.First, Place: f.Place}, f.ended}
		all[kind] = have
	}
	have.Count += f.Count
	if f.ended < have.ended {
		have.First, have.Place, have.ended = f.First, f.Place, f.ended
	}
}

// List returns all kinds, most frequent first. Kinds past the first 50 become [OtherKinds].
func (all Failures) List() (list []Failure) {
	byCount := func(a, b *failure) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Kind, b.Kind))
	}
	few := Failures{}
	for i, f := range slices.SortedFunc(maps.Values(all), byCount) {
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

// kindOf names what went wrong so that failures can be counted: a panic as such, an
// error that has a method Kind() string as it says, what happens to connections by the
// kinds of failkind.go, an error with a fixed text by its text, and any other by its
// type. One whose methods panic, as those of a nil pointer may, counts by its type as well.
func kindOf(err error) (kind string) {
	defer func() {
		if recover() != nil {
			kind = fmt.Sprintf("%T", err)
		}
	}()
	if reflect.TypeOf(err) == fixedText && err != context.Canceled { // the most usual, without an allocation
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

// fixedText is the type of errors that errors.New makes.
var fixedText = reflect.TypeOf(errors.New(""))

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

// short is the first line of s, cut to 80 bytes or so, without what a terminal
// might act on.
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

func describe(err error) string {
	s := fmt.Sprint(err) // survives an Error method that panics
	if p, ok := err.(*PanicError); ok {
		s += "\n" + string(p.Stack)
	}
	const most = 4 << 10
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + " ..."
	}
	return s
}
