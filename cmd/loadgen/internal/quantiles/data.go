package quantiles

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/internal/spelling"
	"github.com/loadgen-go/loadgen/quantile/quantiletest"
)

// MaxValues is the largest number of values of a data set. With three copies of 8 bytes each, more would not fit into
// the memory of most machines.
const MaxValues = 100_000_000

// Data is a data set of latencies for estimators.
type Data struct {
	Name  string // for benchmark names, without blanks and slashes
	About string
	Part  string // which visits of a run they are of; "" if of all that was read
	N     int
	// Make returns the N values in the order of insertion, the same each time.
	Make func() []time.Duration
}

// Shapes returns the names of the synthetic data sets, which are those of the conformance
// suite of the estimators.
func Shapes() (names []string) {
	for _, d := range quantiletest.Datasets() {
		names = append(names, d.Name)
	}
	return names
}

// Shape returns n synthetic latencies. They are the same in every run.
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

// of returns the data set of values that were read.
func of(name, about string, values []time.Duration) Data {
	return Data{Name: plain(name), About: format.Printable(about, ""), N: len(values),
		Make: func() []time.Duration { return values }}
}

// plain returns a name without the characters that benchmark names must not contain.
func plain(name string) string {
	return strings.Map(func(r rune) rune {
		if r == '/' || r == '=' || unicode.IsSpace(r) || !unicode.IsPrint(r) {
			return '_'
		}
		return r
	}, name)
}

// Distinct appends numbers to equal names of data sets, as go test does: name#01.
func Distinct(sets []Data) {
	seen := map[string]int{}
	for i := range sets {
		name := sets[i].Name
		if n := seen[name]; n > 0 {
			sets[i].Name = fmt.Sprintf("%s#%02d", name, n)
		}
		seen[name]++
	}
}
