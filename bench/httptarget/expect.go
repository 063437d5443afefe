package httptarget

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/loadgen-go/loadgen/bench"
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

// Kinds of failed checks.
const (
	checkBody    = "check body"
	checkJSON    = "check json" // and the path
	checkLatency = "check latency"
)

// expect is an Expect, ready to be checked.
type expect struct {
	status  []int
	body    []byte
	matches *regexp.Regexp
	values  []jsonValue
	latency time.Duration
}

// A jsonValue is the value that JSON must have at a path.
type jsonValue struct {
	path  string
	steps []any // names and indexes
	want  any   // as encoding/json decodes it, with numbers as json.Number
}

// newExpect prepares an Expect. Where names it in errors.
func newExpect(where string, from *Expect) (*expect, error) {
	var p problems
	e := &expect{status: from.Status, latency: from.MaxLatency}
	for _, status := range from.Status {
		if status < 200 || status > 999 {
			p.add("%s.status has %d: want 200 to 999", where, status)
		}
	}
	if from.Body != "" {
		e.body = []byte(from.Body)
	}
	if from.BodyMatches != "" {
		var err error
		if e.matches, err = regexp.Compile(from.BodyMatches); err != nil {
			p.add("%s.bodyMatches: %w", where, err)
		}
	}
	for _, path := range slices.Sorted(maps.Keys(from.JSON)) {
		v, err := newJSONValue(path, from.JSON[path])
		if err != nil {
			p.add("%s.json has the path %q: %w", where, path, err)
		}
		e.values = append(e.values, v)
	}
	if from.MaxLatency < 0 {
		p.add("%s.maxLatency is %v: want a duration above 0", where, from.MaxLatency)
	}
	if len(p) > 0 {
		return nil, errors.Join(p...)
	}
	return e, nil
}

func newJSONValue(path string, want any) (jsonValue, error) {
	v := jsonValue{path: path}
	text, err := json.Marshal(want)
	if err != nil {
		return v, err
	}
	if v.want, err = decodeJSON(text); err != nil {
		return v, err
	}
	v.steps, err = jsonSteps(path)
	return v, err
}

// jsonSteps parses a path such as .items[0].id.
func jsonSteps(path string) (steps []any, err error) {
	rest := path
	switch path {
	case ".":
		return nil, nil
	case "":
		return nil, fmt.Errorf("it is empty: want a path such as .items[0].id, or . for the whole body")
	}
	for rest != "" {
		switch rest[0] {
		case '.':
			name := rest[1:]
			if end := strings.IndexAny(name, ".["); end >= 0 {
				name = name[:end]
			}
			rest = rest[1+len(name):]
			if name == "" && !strings.HasPrefix(rest, "[") {
				return nil, fmt.Errorf("a name is missing after a point: want a path such as .items[0].id")
			}
			if name != "" {
				steps = append(steps, name)
			}
		case '[':
			end := strings.IndexByte(rest, ']')
			index, err := strconv.ParseUint(rest[1:max(end, 1)], 10, 31)
			if end < 0 || err != nil {
				return nil, fmt.Errorf("want an index such as [0] at %q", rest)
			}
			steps, rest = append(steps, int(index)), rest[end+1:]
		default:
			return nil, fmt.Errorf("want a path such as .items[0].id, which begins with a point")
		}
	}
	return steps, nil
}

// needsBody reports whether a check looks at the body.
func (e *expect) needsBody() bool { return e.body != nil || e.matches != nil || len(e.values) > 0 }

// check returns an error if an answer is not as expected, or nil. At has the instants of the call.
func (e *expect) check(a *answer, at *bench.Instants) error {
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
	if err := e.checkJSON(a); err != nil {
		return err
	}
	if latency := at.Lag + at.Ended; e.latency > 0 && latency > e.latency {
		return fail(checkLatency, "a latency of %v: want at most %v", latency.Round(time.Microsecond), e.latency)
	}
	return nil
}

func (e *expect) checkJSON(a *answer) error {
	if len(e.values) == 0 {
		return nil
	}
	root, err := decodeJSON(a.body)
	if err != nil {
		return fail(checkJSON, "the body is not JSON: %w%s", err, a.excerpt())
	}
	for i := range e.values {
		v := &e.values[i]
		got, ok := descend(root, v.steps)
		if !ok {
			return fail(checkJSON+" "+v.path, "the body has no %s%s", v.path, a.excerpt())
		}
		if !sameJSON(got, v.want) {
			return fail(checkJSON+" "+v.path, "%s is %v: want %v%s", v.path, got, v.want, a.excerpt())
		}
	}
	return nil
}

// decodeJSON decodes one JSON value, with numbers as json.Number.
func decodeJSON(text []byte) (v any, err error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if d.More() {
		return nil, fmt.Errorf("there is more after the first value")
	}
	return v, nil
}

// descend returns the value at the end of steps.
func descend(v any, steps []any) (any, bool) {
	for _, step := range steps {
		switch step := step.(type) {
		case string:
			object, ok := v.(map[string]any)
			if !ok {
				return nil, false
			}
			if v, ok = object[step]; !ok {
				return nil, false
			}
		case int:
			list, ok := v.([]any)
			if !ok || step >= len(list) {
				return nil, false
			}
			v = list[step]
		}
	}
	return v, true
}

// sameJSON reports whether two values are equal. Numbers are compared by value: 1 and 1.0 are equal.
func sameJSON(a, b any) bool {
	switch a := a.(type) {
	case json.Number:
		other, ok := b.(json.Number)
		if !ok {
			return false
		}
		x, err := a.Float64()
		y, otherErr := other.Float64()
		return a == other || err == nil && otherErr == nil && x == y
	case []any:
		other, ok := b.([]any)
		return ok && slices.EqualFunc(a, other, sameJSON)
	case map[string]any:
		other, ok := b.(map[string]any)
		return ok && maps.EqualFunc(a, other, sameJSON)
	}
	return a == b
}

// An answer is what a call received. It is valid until the next call on the same connection.
type answer struct {
	status   int
	body     []byte // empty unless it was kept
	location string // if redirects are followed
	closes   bool   // the server closes the connection
}

// excerpt returns the beginning of the body for an error.
func (a *answer) excerpt() string {
	const most = 200
	if len(a.body) == 0 {
		return ""
	}
	return fmt.Sprintf("; the body begins with %q", a.body[:min(len(a.body), most)])
}
