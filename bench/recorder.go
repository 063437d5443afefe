package bench

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/loadgen-go/loadgen/quantile"
)

// A recorder is the account of one worker, or of several if there are many.
type recorder struct {
	mu     sync.Mutex
	shared bool // by several workers: hold mu

	latency, service *quantile.HDR // of calls that were done
	queue, generator *quantile.HDR // the lag of every call, in its parts
	failed           *quantile.HDR // latency of calls that failed
	failures         map[string]*Failure
	kept             []kept
	last             time.Duration // when the last call ended
}

// kept is one latency and when its call ended.
type kept struct{ ended, latency time.Duration }

func newRecorder(keep int) *recorder {
	r := &recorder{
		latency:   quantile.NewHDR(),
		service:   quantile.NewHDR(),
		queue:     quantile.NewHDR(),
		generator: quantile.NewHDR(),
		failed:    quantile.NewHDR(),
		failures:  map[string]*Failure{},
		kept:      make([]kept, keep),
	}
	clear(r.kept) // touches the pages now rather than during a call
	r.kept = r.kept[:0]
	return r
}

func (r *recorder) add(c call, err error) {
	if r.shared {
		r.mu.Lock()
		defer r.mu.Unlock()
	}
	r.last = max(r.last, c.ended)
	r.queue.Add(c.ideal - c.due)
	r.generator.Add(c.begun - c.ideal)
	latency := c.ended - c.due
	if err != nil {
		r.fail(latency, err)
		return
	}
	r.latency.Add(latency)
	r.service.Add(c.ended - c.begun)
	if len(r.kept) < cap(r.kept) {
		r.kept = append(r.kept, kept{c.ended, latency})
	}
}

// A Failure is a kind of failed calls.
type Failure struct {
	Kind  string `json:"kind"`
	Count uint64 `json:"count"`
	First string `json:"first"` // what the first of them said, with its stack if it was a panic
}

// maxKinds bounds the memory that errors with changing texts can take.
const maxKinds = 50

// OtherKinds is the kind of failures past the first 50 kinds.
const OtherKinds = "other"

func (r *recorder) fail(latency time.Duration, err error) {
	r.failed.Add(latency)
	kind := kindOf(err)
	f, ok := r.failures[kind]
	if !ok && len(r.failures) >= maxKinds {
		kind = OtherKinds
		f, ok = r.failures[kind]
	}
	if !ok {
		f = &Failure{Kind: kind, First: describe(err)}
		r.failures[kind] = f
	}
	f.Count++
}

// kindOf names what went wrong so that failures can be counted: a context's end
// by its name, a panic as such, an error with a fixed text by its text, any other
// by its type.
func kindOf(err error) string {
	var p *PanicError
	switch {
	case errors.As(err, &p):
		return "panic: " + kindOfValue(p.Value)
	case errors.Is(err, context.DeadlineExceeded):
		return "deadline exceeded"
	case errors.Is(err, context.Canceled):
		return "canceled"
	}
	var named interface{ Kind() string }
	if errors.As(err, &named) {
		return named.Kind()
	}
	return kindOfValue(innermost(err))
}

func innermost(err error) error {
	for {
		switch e := err.(type) {
		case interface{ Unwrap() error }:
			if inner := e.Unwrap(); inner != nil {
				err = inner
				continue
			}
		case interface{ Unwrap() []error }:
			if all := e.Unwrap(); len(all) > 0 && all[0] != nil {
				err = all[0]
				continue
			}
		}
		return err
	}
}

func kindOfValue(v any) string {
	switch v := v.(type) {
	case string:
		return short(v)
	case error:
		if t := fmt.Sprintf("%T", v); t != "*errors.errorString" {
			return t
		}
		return short(v.Error())
	}
	return fmt.Sprintf("%T", v)
}

// short is the first line of s, cut to 80 bytes or so.
func short(s string) string {
	s, _, cut := strings.Cut(s, "\n")
	if len(s) > 80 {
		s, cut = strings.ToValidUTF8(s[:80], ""), true
	}
	if cut {
		s += " ..."
	}
	return s
}

func describe(err error) string {
	s := err.Error()
	var p *PanicError
	if errors.As(err, &p) {
		s += "\n" + string(p.Stack)
	}
	const most = 4 << 10
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + " ..."
	}
	return s
}
