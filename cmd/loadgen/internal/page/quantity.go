package page

import (
	"math"
	"strings"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/results/comparison"
)

// A quantity is a unit as people read it. Units are those of results.Units, or benchstat's, such as sec/op.
type quantity struct {
	name string
	unit string  // as it is printed
	per  float64 // size of the printed unit, in the unit of the values
}

// names are the names of units. Percentiles of latency and of service time follow a pattern.
var names = map[string]string{"B/op": "Bytes", "allocs/op": "Allocations", "cpu-ns/op": "CPU",
	"client-cpu-ns/op": "CPU of the client",
	"gc-cycles":        "Collections", "peak-RSS-bytes": "Peak memory", "achieved-qps": "Achieved rate",
	"offered-qps": "Offered rate",
	"err-ppm":     "Failed calls", "drop-ppm": "Dropped calls", "gc-pause-us": "Pauses of collections",
	"waiting-cpu-ns/op": "CPU of waiting", "ns/op": "Time"}

// nameOf returns the name of a unit.
func nameOf(unit string) string {
	unit = strings.NewReplacer("cpu-sec/op", "cpu-ns/op", "-sec", "-ns").Replace(unit)
	if unit == "sec/op" {
		unit = "ns/op"
	}
	if name, ok := names[unit]; ok {
		return name
	}
	which, rest, _ := strings.Cut(unit, "-")
	for suffix, name := range map[string]string{"latency-ns": "Latency ", "service-ns": "Service time ",
		"generator-lag-us": "Generator lag ", "queue-lag-us": "Queue lag "} {
		if rest == suffix {
			return name + which
		}
	}
	return unit
}

// quantityOf returns the quantity of a unit, with a printed unit of which every value has at least one, except 0: a
// number below 1 loses its digits.
func quantityOf(unit string, values ...float64) quantity {
	q := quantity{nameOf(unit), unit, 1}
	size := 0.0 // of the smallest value
	for _, x := range values {
		if x = math.Abs(x); x != 0 && finite(x) && (size == 0 || x < size) {
			size = x
		}
	}
	word, per, perOp := strings.Cut(unit, "/op")
	ns := 0.0 // of the unit of the values
	switch {
	case per != "":
	case unit == "B/op" && size >= 10<<20:
		q.unit, q.per = "MiB/op", 1<<20
	case word == "ns", word == "sec", strings.HasSuffix(word, "-ns"), strings.HasSuffix(word, "-sec"),
		strings.HasSuffix(word, "-us"):
		ns = map[byte]float64{'n': 1, 's': 1e9, 'u': 1e3}[word[strings.LastIndex(word, "-")+1]]
	case unit == "bytes", strings.HasSuffix(unit, "-bytes"):
		return ofBytes(q, size)
	case strings.HasSuffix(unit, "-qps"):
		q.unit = "/s"
	case strings.HasSuffix(unit, "-ppm"):
		q.unit = "ppm"
	case unit == "gc-cycles":
		q.unit = ""
	}
	if ns > 0 {
		u := format.TimeUnit(size * ns)
		q.unit, q.per = u.Name, u.NS/ns
		if perOp {
			q.unit += "/op"
		}
	}
	return q
}

// ofBytes returns a quantity of bytes with a binary prefix, of which size has at least one.
func ofBytes(q quantity, size float64) quantity {
	prefixes := []string{"B", "KiB", "MiB", "GiB", "TiB"}
	q.unit = prefixes[0]
	for _, prefix := range prefixes[1:] {
		if size >= 1024*q.per {
			q.unit, q.per = prefix, 1024*q.per
		}
	}
	return q
}

// number returns a value in the printed unit.
func (q quantity) number(x float64) string { return format.Number(x / q.per) }

// text returns a value with its unit.
func (q quantity) text(x float64) string { return strings.TrimSpace(q.number(x) + " " + q.unit) }

// cardUnits are the units that cards and rounds show even if they are not judged, the most precise ones first.
var cardUnits = []string{"B/op", "allocs/op", "cpu-ns/op", "p50-service-ns", "p99-latency-ns"}

// costUnits are the units of costs, of which the first few that were measured are drawn.
var costUnits = []string{"B/op", "allocs/op", "cpu-ns/op", "peak-RSS-bytes"}

// inOrder returns the position of a unit, in any form, among cardUnits, or their number.
func inOrder(unit string) int {
	for i, u := range cardUnits {
		if u == unit || comparison.TidyUnit(u) == unit {
			return i
		}
	}
	return len(cardUnits)
}
