package quantiles

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/loadgen-go/loadgen/internal/spelling"
	"github.com/loadgen-go/loadgen/quantile/quantiletest"
)

// MaxValues is how many values a data set may have: with 8 bytes each, three times
// over, as many as most machines can hold.
const MaxValues = 100_000_000

// Data is latencies for estimators to take.
type Data struct {
	Name  string // for benchmark names: without blanks and slashes
	About string
	N     int
	// Make returns the N values in the order of insertion, the same each time.
	Make func() []time.Duration
}

// Shapes are the names of the data that can be made: those of the conformance
// suite of the estimators.
func Shapes() (names []string) {
	for _, d := range quantiletest.Datasets() {
		names = append(names, d.Name)
	}
	return names
}

// Shape is n made-up latencies. They are the same in every run.
func Shape(name string, n int) (Data, error) {
	if n < 1 || n > MaxValues {
		return Data{}, fmt.Errorf("%d values: want 1 to %d", n, MaxValues)
	}
	for _, d := range quantiletest.Datasets() {
		if d.Name == name {
			return Data{Name: name, N: n, Make: func() []time.Duration { return d.Make(n) }}, nil
		}
	}
	return Data{}, fmt.Errorf("shape of data %q is unknown%s: want some of %s", name, spelling.Meant(name, Shapes()),
		strings.Join(Shapes(), ", "))
}

// of is the data of values that were read.
func of(name, about string, values []time.Duration) Data {
	return Data{plain(name), Printable(about), len(values), func() []time.Duration { return values }}
}

// plain is a name as benchmark names take it.
func plain(name string) string {
	return strings.Map(func(r rune) rune {
		if r == '/' || r == '=' || unicode.IsSpace(r) || !unicode.IsPrint(r) {
			return '_'
		}
		return r
	}, name)
}

// Printable is s without what a terminal might act on.
func Printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}

// Distinct gives data of one name numbers, as go test does: name#01.
func Distinct(all []Data) {
	seen := map[string]int{}
	for i := range all {
		name := all[i].Name
		if n := seen[name]; n > 0 {
			all[i].Name = fmt.Sprintf("%s#%02d", name, n)
		}
		seen[name]++
	}
}
