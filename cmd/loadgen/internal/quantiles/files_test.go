package quantiles

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	hdrhistogram "github.com/HdrHistogram/hdrhistogram-go"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/quantile"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/scenarios"
)

func file(t testing.TB, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestNumbersAreNanosecondsOrDurationsInTheOrderOfTheFile(t *testing.T) {
	const text = "# of a service\n\n 1500 \n1.5ms\n2e3\n1499.6 # rounded\n0\r\n0s\n1h"
	want := []time.Duration{1500, 1_500_000, 2000, 1500, 0, 0, time.Hour}
	path := file(t, "my latencies.txt", text)
	d, err := (&Reader{}).Read(path)
	if err != nil || !slices.Equal(d.Make(), want) || d.N != len(want) || d.Name != "my_latencies.txt" || d.About != path {
		t.Errorf("%v: %+v %v", err, d, d.Make())
	}
	r := &Reader{Stdin: strings.NewReader(text)}
	d, err = r.Read("-")
	if err != nil || !slices.Equal(d.Make(), want) || d.Name != "stdin" {
		t.Errorf("%v: %+v", err, d)
	}
	if _, err := r.Read("-"); err == nil || !strings.Contains(err.Error(), "given twice") {
		t.Errorf("%v", err)
	}
}

func TestWhatIsNoNumberIsAnErrorWithItsPlace(t *testing.T) {
	for text, want := range map[string]string{
		"1\n\n# x\nNaN\n":        `:4: "NaN" is no value: want nanoseconds, or a duration such as 1.5ms`,
		"1\n-1":                  `:2: "-1" is negative: want`,
		"-1ms":                   `:1: "-1ms" is negative: want`,
		"+Inf":                   `:1: "+Inf" is more than 292 years: want`,
		"-Inf":                   `:1: "-Inf" is negative: want`,
		"1e400":                  `:1: "1e400" is more than 292 years`,
		"9223372036854775808":    `is more than 292 years`,
		"0.0015":                 `:1: "0.0015" is less than a nanosecond: want`,
		"12 ms":                  `:1: "12 ms" is not a number: want`,
		"1,5":                    `:1: "1,5" is not a number`,
		"\x00\x1b[2J":            `:1: "\x00\x1b[2J" is not a number`,
		strings.Repeat("x", 100): `:1: "` + strings.Repeat("x", 40) + `"... is not a number`,
		"":                       `:1: no values: want numbers, one a line`,
		"# nothing\n":            `:1: no values`,
		"{\"schema\": 2}":        `:1: this is JSON: want numbers, one a line, or the path of a run.json`,
		"1\n" + string(make([]byte, longestLine+1)): `:2: bufio.Scanner: token too long`,
	} {
		path := file(t, "x.txt", text)
		if _, err := (&Reader{}).Read(path); err == nil || !strings.Contains(err.Error(), path+want) && !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q: %v, want %s", text, err, want)
		}
	}
	if _, err := (&Reader{}).Read("/no/such/file"); err == nil || !strings.Contains(err.Error(), "/no/such/file") {
		t.Errorf("%v", err)
	}
}

// encoded is a histogram of those values as a line of a log.
func encoded(t testing.TB, values ...int64) string {
	t.Helper()
	h := hdrhistogram.New(1, int64(time.Hour), 3)
	for _, v := range values {
		if err := h.RecordValue(v); err != nil {
			t.Fatal(err)
		}
	}
	data, err := h.EncodeV2()
	if err != nil {
		t.Fatal(err)
	}
	return "0.1,1.0,2.0," + string(data)
}

func TestALogIsExpandedToTheMiddlesOfItsBucketsInRandomOrder(t *testing.T) {
	log := "#[Histogram log format version 1.3]\n#[StartTime: 1 (seconds since epoch)]\n" +
		`"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"` + "\n" +
		encoded(t, 1, 2, 3, 100_000) + "\nTag=A," + encoded(t, 3, 1_000_000) + "\n" + encoded(t)
	want := []time.Duration{1, 2, 3, 3, 99_999, 1_000_191}
	for _, path := range []string{file(t, "x.hlog", log), file(t, "x.log", log), "-"} {
		r := &Reader{Stdin: strings.NewReader(log), Seed: 1}
		d, err := r.Read(path)
		if err != nil {
			t.Fatal(err)
		}
		got := d.Make()
		if slices.IsSorted(got) || !slices.Equal(slices.Sorted(slices.Values(got)), want) || !strings.Contains(d.About, "3 histograms, middles of buckets") {
			t.Errorf("%s: %v, %s", path, got, d.About)
		}
	}
}

// Headers of histograms as HdrHistogram for Java wrote them in its earlier formats.
const logV0, logV1 = "0.1,1.0,2.0,HISTCQAAAB542pNpmSzMwMAAAA==", "0.1,1.0,2.0,HISTEgAAAB542pNpmSzMwMAAAA=="

func TestALogThatCannotBeReadIsAnErrorWithItsPlace(t *testing.T) {
	good := encoded(t, 5)
	for text, want := range map[string]string{
		good + "\n" + logV1:                ":2: a histogram of format V1, which is not read here: want V2: read the log with HdrHistogram for Java",
		"Tag=A," + logV0:                   ":1: a histogram of format V0",
		good + "\n\n1,2,3":                 `:3: "1,2,3" is no histogram: want a histogram of format V2: [Tag=NAME,]START,LENGTH,MAX,HISTF...`,
		"Tag=A":                            ":1: ",
		"1,2,3,HISTF":                      ":1: ",
		good[:len(good)-9]:                 ":1: ",
		"1.2.3,2,3,x":                      ":1: ",
		"# nothing":                        ":1: no values: want a log of histograms",
		encoded(t):                         ":1: no values",
		strings.Replace(good, "H", "_", 1): ":1: ",
	} {
		path := file(t, "x.hlog", text)
		if d, err := (&Reader{}).Read(path); err == nil || !strings.HasPrefix(err.Error(), path+want) {
			t.Errorf("%.40q: %v, want %s; %d values", text, err, want, d.N)
		}
	}
}

// A line of a hundred bytes can count any number of values.
func TestMoreValuesThanFitAreAnError(t *testing.T) {
	h := hdrhistogram.New(1, int64(time.Hour), 3)
	if err := h.RecordValues(5, MaxValues+1); err != nil {
		t.Fatal(err)
	}
	data, err := h.EncodeV2()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := (&Reader{}).Read(file(t, "x.hlog", "1,2,3,"+string(data))); err == nil || !strings.Contains(err.Error(), "x.hlog:1: more than 100000000 values") {
		t.Errorf("%v", err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte("1\n2.5ms\n# x\n"))
	f.Add([]byte(logMagic + "]\n" + encoded(f, 1, 1000)))
	f.Add([]byte(logMagic + "]\n" + logV1))
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := (&Reader{Stdin: bytes.NewReader(data)}).Read("-")
		if err != nil {
			if !strings.HasPrefix(err.Error(), "standard input:") {
				t.Errorf("%v does not say where", err)
			}
			return
		}
		values := d.Make()
		if len(values) == 0 || len(values) != d.N || slices.Min(values) < 0 {
			t.Errorf("%d values, N is %d", len(values), d.N)
		}
	})
}

// visit is one of a run, of those latencies.
func visit(cell scenarios.Cell, round int, latencies ...time.Duration) *results.Visit {
	hist := func() *quantile.HDR {
		h := quantile.NewHDR()
		for _, d := range latencies {
			h.Add(d)
		}
		return h
	}
	n := uint64(len(latencies))
	return &results.Visit{Round: round, Order: 1, Cell: cell, Record: &bench.Record{Loop: bench.OpenLoop, Offered: n, Done: n,
		Latency: hist(), Service: hist(), Queue: hist(), Generator: hist(), FailedLatency: quantile.NewHDR(), Hiccups: quantile.NewHDR()}}
}

// aRun is the directory of one of two arms at two rates in two rounds; visit 5 failed.
func aRun(t *testing.T) string {
	t.Helper()
	s, err := scenarios.Decode("mine.yaml", []byte("qps: [1000, 2000]\nspans: [sdk, none]\nduration: 100ms\nrounds: 2\n"))
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "run")
	w, err := results.Create(dir, results.Header{Scenario: s})
	if err != nil {
		t.Fatal(err)
	}
	n := time.Duration(0)
	for round := 1; round <= 2; round++ {
		for _, cell := range s.Cells() {
			n++
			v := visit(cell, round, n, 100_000*n+7)
			if n == 5 {
				v = &results.Visit{Round: round, Order: 1, Cell: cell, Error: "it did not start"}
			}
			if err := w.Add(v); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(results.Complete); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestTheLatenciesOfARunAreThoseOfTheVisitsNamed(t *testing.T) {
	dir := aRun(t)
	// Cells are sdk and none at 1,000/s, then at 2,000/s; a visit n has n ns and 0.1 n ms.
	for _, c := range []struct {
		visit string
		want  []time.Duration // the smallest exactly, the largest exactly, others by their buckets
		about string
	}{
		{"", []time.Duration{1, 3, 7, 100_031, 300_159, 700_007}, "3 visits of spans=sdk (of 2 arms)"},
		{"spans=none", []time.Duration{2, 4, 6, 8, 200_063, 400_127, 600_319, 800_007}, "4 visits of spans=none (of 2 arms)"},
		{"spans=none/qps=2000", []time.Duration{4, 8, 400_127, 800_007}, "2 visits of spans=none/qps=2000"},
		{"6", []time.Duration{6, 600_007}, "visit 6, spans=none/qps=1000 in round 2"},
	} {
		for _, path := range []string{dir, filepath.Join(dir, "run.json")} {
			d, err := (&Reader{Visit: c.visit, Seed: 3}).Read(path)
			if err != nil {
				t.Errorf("%q: %v", c.visit, err)
				continue
			}
			got := slices.Sorted(slices.Values(d.Make()))
			if len(got) != len(c.want) || got[0] != c.want[0] || got[len(got)-1] != c.want[len(got)-1] || d.Name != "mine" || !strings.Contains(d.About, c.about) {
				t.Errorf("%q: %v, want %v; %s, %s", c.visit, got, c.want, d.Name, d.About)
				continue
			}
			for i, x := range got {
				if math.Abs(float64(x-c.want[i])) > 0.001*float64(c.want[i]) {
					t.Errorf("%q: %v, want %v", c.visit, got, c.want)
				}
			}
		}
	}
	for visit, want := range map[string]string{
		"5":          "visit 5 is not one that was measured: want 1 to 8",
		"0":          "visit 0 is not",
		"9":          "visit 9 is not",
		"spans=pool": `no visit of "spans=pool" was measured: want a number, or one of spans=sdk, spans=none, or one with its rate, such as spans=sdk/qps=1000`,
	} {
		if _, err := (&Reader{Visit: visit}).Read(dir); err == nil || !strings.Contains(err.Error(), "--visit: "+want) {
			t.Errorf("%q: %v, want %s", visit, err, want)
		}
	}
	if _, err := (&Reader{}).Read(file(t, "run.json", "{")); err == nil || !strings.Contains(err.Error(), "run.json:1: not JSON") {
		t.Errorf("%v", err)
	}
}

func TestARunWithoutCallsIsAnError(t *testing.T) {
	s, err := scenarios.Decode("mine.yaml", []byte("qps: [1000]\nspans: [none]\nduration: 100ms\nrounds: 1\n"))
	if err != nil {
		t.Fatal(err)
	}
	run := &results.Run{Header: results.Header{Scenario: s}, Visits: []*results.Visit{visit(s.Cells()[0], 1)}}
	if _, _, err := selectVisits(run, ""); err == nil || !strings.Contains(err.Error(), "want a run with latencies") {
		t.Errorf("%v", err)
	}
}

// Rising values are a case of their own, which histograms must not make of all data.
func TestWhatHistogramsKeptIsNotInsertedInOrder(t *testing.T) {
	var values []int64
	for i := range int64(50) {
		values = append(values, i)
	}
	run := aRun(t)
	for seed := range uint64(2) {
		for _, path := range []string{run, file(t, "x.hlog", encoded(t, values...))} {
			r := &Reader{Seed: seed, Visit: "spans=none"}
			if d, err := r.Read(path); err != nil || slices.IsSorted(d.Make()) {
				t.Errorf("%s: %v, in order %v", path, err, d.Make())
			}
		}
	}
}

func TestNamesOfDataFitIntoThoseOfBenchmarks(t *testing.T) {
	if got := of("a/b c=d\x1b", "", nil).Name; got != "a_b_c_d_" {
		t.Errorf("%q", got)
	}
}

// What is read back from a histogram has its count and extremes, and every value in
// its bucket.
func TestHistogramsKeepTheirQuantiles(t *testing.T) {
	h, r := quantile.NewHDR(), rand.New(rand.NewPCG(1, 2))
	for range 10_000 {
		h.Add(time.Duration(r.ExpFloat64() * 1e6))
	}
	for range 3 { // whose bucket has its middle above them
		h.Add(time.Minute)
	}
	values, err := latencies(h)
	if err != nil {
		t.Fatal(err)
	}
	again := quantile.NewHDR()
	for _, v := range values {
		again.Add(v)
	}
	for _, q := range []float64{0, 0.01, 0.5, 0.9, 0.999, 1} {
		if h.Quantile(q) != again.Quantile(q) {
			t.Errorf("at %v: %v, was %v", q, again.Quantile(q), h.Quantile(q))
		}
	}
	if slices.Min(values) < h.Min() || slices.Max(values) > h.Max() {
		t.Errorf("values from %v to %v, were from %v to %v", slices.Min(values), slices.Max(values), h.Min(), h.Max())
	}
	if h.Count() != again.Count() {
		t.Errorf("%d values, were %d", again.Count(), h.Count())
	}
}

func TestShapesAreThoseOfTheConformanceSuite(t *testing.T) {
	for _, name := range Shapes() {
		d, err := Shape(name, 100)
		if err != nil || d.Name != name || len(d.Make()) != d.N || d.N != 100 {
			t.Errorf("%s: %v, %d values", name, err, d.N)
		}
	}
	if _, err := Shape("normal", 1); err == nil || !strings.Contains(err.Error(), `"normal" is unknown: want some of lognormal`) {
		t.Errorf("%v", err)
	}
	for _, n := range []int{0, -1, MaxValues + 1} {
		if _, err := Shape("sorted", n); err == nil || !strings.Contains(err.Error(), fmt.Sprint(n)) {
			t.Errorf("%d: %v", n, err)
		}
	}
}

func TestDataOfOneNameAreToldApart(t *testing.T) {
	all := []Data{{Name: "a"}, {Name: "b"}, {Name: "a"}, {Name: "a"}}
	Distinct(all)
	if all[0].Name != "a" || all[1].Name != "b" || all[2].Name != "a#01" || all[3].Name != "a#02" {
		t.Errorf("%v", all)
	}
}
