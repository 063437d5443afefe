package benchtest

import (
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/quantile"
)

// driveUnits are the units that a Driver reports and the testing package does not know, with the
// direction that is better.
var driveUnits = []struct{ name, better string }{
	{"p50-latency-ns", "lower"},
	{"p90-latency-ns", "lower"},
	{"p99-latency-ns", "lower"},
	{"p99.9-latency-ns", "lower"},
	{"max-latency-ns", "lower"},
	{"p99-lag-us", "lower"},
	{"achieved-qps", "higher"},
	{"err-ppm", "lower"},
	{"drop-ppm", "lower"},
}

var unitLines sync.Once

// printUnits prints the directions of units under go test -bench. It does so only in the first run, of
// one call, because the testing package then prints the name of the benchmark, without ending the line.
func printUnits(b *testing.B) {
	b.Helper()
	if f := flag.Lookup("test.bench"); f == nil || f.Value.String() == "" || b.N != 1 {
		return
	}
	if err := writeUnits(os.Stdout); err != nil {
		b.Logf("benchtest: the directions of units were not printed: %v", err)
	}
}

func writeUnits(w io.Writer) error {
	var s strings.Builder
	for _, u := range driveUnits {
		fmt.Fprintf(&s, "Unit %s better=%s\n", u.name, u.better)
	}
	_, err := io.WriteString(w, s.String()) // one write, so that no other output comes between
	return err
}

// benchTime returns the value of -benchtime: a time, or a number of calls.
func benchTime() (d time.Duration, n int) {
	text := "1s" // the default, also of programs without test flags
	if f := flag.Lookup("test.benchtime"); f != nil {
		text = f.Value.String()
	}
	if count, ok := strings.CutSuffix(text, "x"); ok {
		if n, err := strconv.Atoi(count); err == nil {
			return 0, n
		}
	}
	if d, err := time.ParseDuration(text); err == nil {
		return d, 0
	}
	return time.Second, 0 // the testing package accepts no other text
}

// lastRun reports whether this run, whose timer is stopped, is the last that the testing package makes of
// the benchmark function. The testing package goes on until -benchtime is over, or up to 1e9 calls.
func lastRun(b *testing.B) bool {
	enough, n := benchTime()
	if n > 0 {
		return b.N == n
	}
	return b.Elapsed() >= enough || b.N >= 1e9
}

// kinds returns a list of the most frequent kinds of failures.
func kinds(r *record.Record) string {
	var s strings.Builder
	const most = 5
	for _, f := range r.Failures[:min(most, len(r.Failures))] {
		fmt.Fprintf(&s, "\n%d: %s", f.Count, f.Kind)
		if f.First != f.Kind {
			fmt.Fprintf(&s, ", first: %s", f.First)
		}
	}
	if more := len(r.Failures) - most; more > 0 {
		fmt.Fprintf(&s, "\n%d more kinds", more)
	}
	return s.String()
}

var drivePercentiles = []struct {
	q    float64
	unit string
}{{0.5, "p50-latency-ns"}, {0.9, "p90-latency-ns"}, {0.99, "p99-latency-ns"}, {0.999, "p99.9-latency-ns"}}

// report reports the metrics. It reports no NaN, on which benchstat never ends, and no 0 in a unit that
// benchstat rescales.
func (v *driven) report(r *record.Record) {
	v.b.ReportAllocs()
	v.b.ReportMetric(0, "ns/op") // removes it: it would be 1/rate
	for _, p := range drivePercentiles {
		if latency, err := r.Percentile(p.q); err == nil && latency > 0 {
			v.b.ReportMetric(float64(latency), p.unit)
		}
	}
	if longest := r.Latency.Max(); longest > 0 && r.Unserved() == 0 {
		v.b.ReportMetric(float64(longest), "max-latency-ns")
	}
	begun := r.Done + r.Failed
	if begun >= quantile.SamplesFor(0.99) {
		v.b.ReportMetric(float64(r.Lag.Quantile(0.99))/1e3, "p99-lag-us")
	}
	v.b.ReportMetric(r.Achieved(), "achieved-qps")
	offered := float64(max(r.Offered, 1))
	v.b.ReportMetric(1e6*float64(r.Failed)/offered, "err-ppm")
	v.b.ReportMetric(1e6*float64(r.Dropped)/offered, "drop-ppm")
	calls := float64(max(begun, 1))
	v.b.ReportMetric(math.Round(float64(v.spent.bytes)/calls), "B/op")
	v.b.ReportMetric(math.Round(float64(v.spent.objects)/calls), "allocs/op")
}

// logResults logs the verdict, failures and objectives of the last run.
func (v *driven) logResults(r *record.Record) {
	v.b.Helper()
	limited := false
	for _, reason := range r.Verdict(0.99) {
		limited = limited || reason.Name == record.GeneratorLimited
		v.b.Logf("not valid: %s: %s", reason.Name, reason.Detail)
	}
	p99, err := r.Percentile(0.99)
	if lag := r.Generator.Quantile(0.99); err == nil && lag > p99/2 && !limited {
		v.b.Logf("at p99, generator lag is %v, most of the latency of %v, and service time is %v: latency says "+
			"more about the machine than about the function", lag, p99, r.Service.Quantile(0.99))
	}
	if r.Failed > 0 {
		v.b.Logf("%d of %d calls failed:%s", r.Failed, r.Offered, kinds(r))
	}
	missed, unjudged := r.MissedSLOs()
	for _, s := range missed {
		v.b.Errorf("SLO %q is missed: %s", s.SLO, s.Detail)
	}
	for _, s := range unjudged {
		v.b.Logf("SLO %q %s", s.SLO, s.Detail)
	}
	for _, s := range v.unfit {
		v.b.Logf("SLO %q cannot be judged: the run of %v is shorter than its windows: raise -benchtime", s,
			r.Scheduled)
	}
}
