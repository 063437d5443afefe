// Package expect checks answers of services: values in JSON, and latencies. Errors have kinds "check NAME".
package expect

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/loadgen-go/loadgen/bench/record"
)

// Kinds of failed checks.
const (
	kindJSON    = "check json" // and the path
	kindLatency = "check latency"
)

// JSON holds the values that a text of JSON must have, by path.
type JSON []value

// A value is the value that JSON must have at a path.
type value struct {
	path  string
	steps []any // names and indexes
	want  any   // as encoding/json decodes it, with numbers as json.Number
	text  bool  // the text "1" is the number 1
}

// NewJSON prepares the values of paths such as .state, .items[0].id, or . for the whole. The error lists every path
// that is wrong. Where names the paths in errors.
func NewJSON(where string, values map[string]any) (JSON, error) {
	var j JSON
	var problems []error
	for _, path := range slices.Sorted(maps.Keys(values)) {
		v, err := newValue(path, values[path])
		if err != nil {
			problems = append(problems, fmt.Errorf("%s has the path %q: %w", where, path, err))
		}
		j = append(j, v)
	}
	return j, errors.Join(problems...)
}

// NumbersAsText makes j accept a number that the JSON has as text, as the JSON of protocol buffers has numbers of 64
// bits. It returns j.
func (j JSON) NumbersAsText() JSON {
	for i := range j {
		j[i].text = true
	}
	return j
}

func newValue(path string, want any) (value, error) {
	v := value{path: path}
	text, err := json.Marshal(want)
	if err != nil {
		return v, err
	}
	if v.want, err = decode(text); err != nil {
		return v, err
	}
	v.steps, err = parsePath(path)
	return v, err
}

// parsePath parses a path such as .items[0].id.
func parsePath(path string) (steps []any, err error) {
	rest := path
	switch path {
	case ".":
		return nil, nil
	case "":
		return nil, fmt.Errorf("it is empty: want a path such as .items[0].id, or . for the whole")
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

// Check returns an error if a text lacks one of the values, or nil. Name names the text in errors: "body".
func (j JSON) Check(name string, text []byte) error {
	if len(j) == 0 {
		return nil
	}
	root, err := decode(text)
	if err != nil {
		return record.Errorf(kindJSON, "the %s is not JSON: %w%s", name, err, Excerpt(name, text))
	}
	for i := range j {
		v := &j[i]
		got, ok := descend(root, v.steps)
		if !ok {
			return record.Errorf(kindJSON+" "+v.path, "the %s has no %s%s", name, v.path, Excerpt(name, text))
		}
		if !v.same(got, v.want) {
			return record.Errorf(kindJSON+" "+v.path, "%s is %v: want %v%s", v.path, got, v.want, Excerpt(name, text))
		}
	}
	return nil
}

// Latency returns an error if a latency is longer than most, or nil. A most of 0 has no limit.
func Latency(latency, most time.Duration) error {
	if most > 0 && latency > most {
		return record.Errorf(kindLatency, "a latency of %v: want at most %v", latency.Round(time.Microsecond), most)
	}
	return nil
}

// Excerpt returns the beginning of a text for the end of an error, or "" if the text is empty. Name names it.
func Excerpt(name string, text []byte) string {
	const most = 200
	if len(text) == 0 {
		return ""
	}
	return fmt.Sprintf("; the %s begins with %q", name, text[:min(len(text), most)])
}

// decode decodes one JSON value, with numbers as json.Number.
func decode(text []byte) (v any, err error) {
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

// same reports whether a value of the JSON is the one wanted. Numbers are compared by value: 1 and 1.0 are equal.
func (v *value) same(got, want any) bool {
	switch got := got.(type) {
	case json.Number:
		want, ok := want.(json.Number)
		return ok && sameNumber(got, want)
	case string:
		number, ok := want.(json.Number)
		return got == want || ok && v.text && sameNumber(json.Number(got), number)
	case []any:
		want, ok := want.([]any)
		return ok && slices.EqualFunc(got, want, v.same)
	case map[string]any:
		want, ok := want.(map[string]any)
		return ok && maps.EqualFunc(got, want, v.same)
	}
	return got == want
}

func sameNumber(a, b json.Number) bool {
	x, err := a.Float64()
	y, otherErr := b.Float64()
	return a == b || err == nil && otherErr == nil && x == y
}
