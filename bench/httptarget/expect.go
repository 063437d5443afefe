package httptarget

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/bench/expect"
)

// Expect says which answers are good. A call with another answer fails. Answers are checked after the
// end of the call has been noted.
type Expect struct {
	// Status are the good statuses; by default all below 400. Another one fails the call with the
	// kind "status NNN".
	Status []int `json:"status,omitempty"`
	// Body is the whole body; "" does not check it. BodyMatches is a regular expression that must
	// match a part of the body.
	Body        string `json:"body,omitempty"`
	BodyMatches string `json:"bodyMatches,omitempty"`
	// JSON are values in a body that is JSON, by path: .state, .items[0].id, or . for the whole.
	JSON map[string]any `json:"json,omitempty"`
	// MaxLatency is the longest good latency, from due to ended.
	MaxLatency time.Duration `json:"maxLatency,omitempty"`
}

// checkBody is the kind of failed checks of bodies.
const checkBody = "check body"

// checks are an Expect, ready to be checked.
type checks struct {
	status  []int
	body    []byte
	matches *regexp.Regexp
	json    expect.JSON
	latency time.Duration
}

// newChecks prepares an Expect. Where names it in errors.
func newChecks(where string, from *Expect) (*checks, error) {
	var errs []error
	e := &checks{status: from.Status, latency: from.MaxLatency}
	for _, status := range from.Status {
		if status < 200 || status > 999 {
			errs = append(errs, fmt.Errorf("%s.status has %d: want 200 to 999", where, status))
		}
	}
	if from.Body != "" {
		e.body = []byte(from.Body)
	}
	if from.BodyMatches != "" {
		var err error
		if e.matches, err = regexp.Compile(from.BodyMatches); err != nil {
			errs = append(errs, fmt.Errorf("%s.bodyMatches: %w", where, err))
		}
	}
	var err error
	if e.json, err = expect.NewJSON(where+".json", from.JSON); err != nil {
		errs = append(errs, err)
	}
	if from.MaxLatency < 0 {
		errs = append(errs, fmt.Errorf("%s.maxLatency is %v: want a duration above 0", where, from.MaxLatency))
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return e, nil
}

// needsBody reports whether a check looks at the body.
func (e *checks) needsBody() bool { return e.body != nil || e.matches != nil || len(e.json) > 0 }

// check returns an error if an answer is not as expected, or nil. At has the instants of the call.
func (e *checks) check(a *answer, at *bench.Instants) error {
	if len(e.status) == 0 && a.status >= 400 || len(e.status) > 0 && !slices.Contains(e.status, a.status) {
		want := "below 400"
		if len(e.status) > 0 {
			want = fmt.Sprint(e.status)
		}
		return fail("status "+strconv.Itoa(a.status), "status %d: want %s%s", a.status, want, a.excerpt())
	}
	if e.body != nil && !bytes.Equal(e.body, a.body) {
		return fail(checkBody, "the body is not the text expected%s", a.excerpt())
	}
	if e.matches != nil && !e.matches.Match(a.body) {
		return fail(checkBody, "the body does not match %q%s", e.matches, a.excerpt())
	}
	if err := e.json.Check("body", a.body); err != nil {
		return err
	}
	return expect.Latency(at.Lag+at.Ended, e.latency)
}

// An answer is what a call received. It is valid until the next call on the same connection.
type answer struct {
	status   int
	body     []byte // empty unless it was kept
	location string // if redirects are followed
	closes   bool   // the server closes the connection
}

// excerpt returns the beginning of the body for an error.
func (a *answer) excerpt() string { return expect.Excerpt("body", a.body) }
