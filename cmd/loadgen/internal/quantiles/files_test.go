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

	"github.com/loadgen-go/loadgen/bench/record"
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
	const text = "\ufeff# of a service\n\n 1500 \n1.5ms\n2e3\n0 # of a coarse " +
		"clock\n0\r\n0s\n1h\n9007199254740993\n9007199254740993.0"
	want := []time.Duration{1500, 1_500_000, 2000, 0, 0, 0, time.Hour, 9007199254740993, 9007199254740993}
	path := file(t, "my latencies.txt", text)
	d, err := (&Reader{}).Read(path)
	if err != nil || !slices.Equal(d.Make(), want) || d.N != len(want) || d.Name != "my_latencies.txt" ||
		d.About != path+", numbers in ns" {
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

func TestNumbersAreInTheUnitThatIsGiven(t *testing.T) {
	for name, c := range map[string]struct {
		unit time.Duration
		text string
		want time.Duration
	}{
		"milliseconds":      {time.Millisecond, "45.868", 45_868_000},
		"whole":             {time.Millisecond, "3", 3_000_000},
		"seconds":           {time.Second, "0.0015", 1_500_000},
		"a duration":        {time.Second, "1.5ms", 1_500_000},
		"to the nearest":    {time.Nanosecond, "1499.6", 1500},
		"beyond a float":    {time.Millisecond, "9007199254.740993", 9007199254740993},
		"a power of ten":    {time.Microsecond, "1.5e3", 1_500_000},
		"the longest whole": {time.Second, "9223372036", 9223372036 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			r := &Reader{Stdin: strings.NewReader(c.text), Unit: c.unit}
			if d, err := r.Read("-"); err != nil || !slices.Equal(d.Make(), []time.Duration{c.want}) {
				t.Errorf("%v, %v: want %v", d, err, c.want)
			}
		})
	}
	for text, want := range map[string]string{
		"9223372037": `"9223372037" is more than 292 years: want a number of s, or a duration such as 1.5ms`,
		"1e-10":      `"1e-10" is less than a nanosecond: want a number of s`,
		"1e-1000000": `"1e-1000000" is less`,
		"x":          `"x" is not a number: want a number of s`,
	} {
		t.Run(text, func(t *testing.T) {
			r := &Reader{Stdin: strings.NewReader(text), Unit: time.Second}
			if text == "1e-1000000" { // this is rounded to 0
				want = ""
			}
			if _, err := r.Read("-"); (want != "") != (err != nil) || err != nil &&
				!strings.Contains(err.Error(), want) {
				t.Errorf("%v, want %s", err, want)
			}
		})
	}
}

func TestWhatIsNoNumberIsAnErrorWithItsPlace(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"NaN": {"1\n\n# x\nNaN\n",
			`:4: "NaN" is no value: want nanoseconds, or a duration such as 1.5ms`},
		"negative":          {"1\n-1", `:2: "-1" is negative: want`},
		"negative duration": {"-1ms", `:1: "-1ms" is negative: want`},
		"infinite":          {"+Inf", `:1: "+Inf" is more than 292 years: want`},
		"-Inf":              {"-Inf", `:1: "-Inf" is negative: want`},
		"1e400":             {"1e400", `:1: "1e400" is more than 292 years`},
		"2^63":              {"9223372036854775808", `is more than 292 years`},
		"small": {"0.0015",
			`:1: "0.0015" has a fraction of a nanosecond, and its unit is not known: want --unit, such as --unit ms`},
		"milliseconds": {"45\n45.868\n", `:2: "45.868" has a fraction of a nanosecond`},
		"a blank":      {"12 ms", `:1: "12 ms" is more than a number: want`},
		"a comma": {"1,5", `:1: "1,5" is more than a number: want nanoseconds, or a duration such as ` +
			`1.5ms, and nothing else in the line`},
		"control bytes": {"\x00\x1b[2J", `:1: "\x00\x1b[2J" is not a number`},
		"long":          {strings.Repeat("x", 100), `:1: "` + strings.Repeat("x", 40) + `"... is not a number`},
		"empty":         {"", `:1: no values: want numbers, one a line`},
		"comments":      {"# nothing\n", `:1: no values`},
		"a line too long": {"1\n" + string(make([]byte, longestLine+1)),
			`:2: a line of more than 16 MiB: want numbers, one a line, or a histogram log`},
	} {
		t.Run(name, func(t *testing.T) {
			path := file(t, "x.txt", c.text)
			if _, err := (&Reader{}).Read(path); err == nil || !strings.Contains(err.Error(), c.want) ||
				!strings.HasPrefix(err.Error(), path) {
				t.Errorf("%v, want %s", err, c.want)
			}
		})
	}
	if _, err := (&Reader{}).Read("/no/such/file"); err == nil || !strings.Contains(err.Error(), "/no/such/file") {
		t.Errorf("%v", err)
	}
}

func TestAFileOfAnotherKindIsNamed(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"gzip": {"\x1f\x8b\x08\x00",
			"compressed by gzip: want it decompressed, such as by gunzip -c FILE | loadgen quantiles -"},
		"zstd":     {"\x28\xb5\x2f\xfd", "compressed by zstd"},
		"xz":       {"\xfd7zXZ\x00", "compressed by xz"},
		"bzip2":    {"BZh9", "compressed by bzip2"},
		"zip":      {"PK\x03\x04", "a zip archive"},
		"UTF-16":   {"\xff\xfe1\x00\n\x00", "text in UTF-16: want UTF-8, such as by iconv -f UTF-16 -t UTF-8 FILE"},
		"UTF-16BE": {"\xfe\xff\x001\x00\n", "text in UTF-16"},
		"JSON":     {"{\"schema\": 2}", "JSON: want numbers, one a line, or the path of a run.json"},
		"a page":   {"<html>", "HTML or XML"},
		"run.bench": {"# loadgen run 3\ngoos: linux\n",
			"Go benchmark text: want the directory of the run, or its run.json"},
		"a result": {"BenchmarkX-8 \t 1 2 ns/op", "Go benchmark text"},
		"percentiles": {"       Value     Percentile TotalCount 1/(1-Percentile)\n",
			"HdrHistogram's text of percentiles: want the log"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, path := range []string{file(t, "x.txt", c.text), file(t, "x.hlog", c.text)} {
				if _, err := (&Reader{}).Read(path); err == nil ||
					!strings.HasPrefix(err.Error(), path+":1: this is "+c.want) {
					t.Errorf("%v, want %s", err, c.want)
				}
			}
		})
	}
}

// A line of a hundred bytes can count any number of values, and a log of an hour counts many.
func TestIfTooManyValuesExistEveryNthIsTaken(t *testing.T) {
	many := hdrhistogram.New(1, int64(time.Hour), 3)
	for value, n := range map[int64]int64{1: 1, 5: 1 << 40, 7: 1 << 40, 9: 1} {
		if err := many.RecordValues(value, n); err != nil {
			t.Fatal(err)
		}
	}
	data, err := many.EncodeV2()
	if err != nil {
		t.Fatal(err)
	}
	d, err := (&Reader{most: 1000}).Read(file(t, "x.hlog", "1,2,3,"+string(data)))
	if err != nil || d.N > 1000 || d.N < 999 || !strings.Contains(d.About,
		"one value for each 2199023256 of 2,199,023,255,554 by rank, middles of buckets") {
		t.Fatalf("%v, %v", d, err)
	}
	values := slices.Sorted(slices.Values(d.Make()))
	if at := slices.Index(values, 7); values[0] != 1 || values[d.N-1] != 9 || at < d.N/2-1 || at > d.N/2+1 {
		t.Errorf("%v: want 1, as many of 5 as of 7, and 9", values)
	}
	few, err := (&Reader{most: 6}).Read(file(t, "x.hlog", encoded(t, 1, 2, 3, 4, 5, 6)))
	if err != nil || few.N != 6 || strings.Contains(few.About, "each") {
		t.Errorf("%v, %v", few, err)
	}
	if _, err := (&Reader{most: 2}).Read(file(t, "x.txt", "1\n2\n3\n")); err == nil ||
		!strings.Contains(err.Error(), ":3: more than 2 values: want a part of them") {
		t.Errorf("%v", err)
	}
	if err := many.RecordValues(5, 1<<61); err != nil {
		t.Fatal(err)
	}
	if data, err = many.EncodeV2(); err != nil {
		t.Fatal(err)
	}
	line := "1,2,3," + string(data) + "\n"
	if _, err := (&Reader{}).Read(file(t, "x.hlog", line+line)); err == nil ||
		!strings.Contains(err.Error(), ":2: more than 2^62 values up to here") {
		t.Errorf("%v", err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte("1\n2.5ms\n# x\n"))
	f.Add([]byte("#[Histogram log format version 1.3]\n" + encoded(f, 1, 1000)))
	f.Add([]byte("# x\nTag=A," + encoded(f, 1, 1000)))
	f.Add([]byte("\ufeff1\n"))
	f.Add([]byte("goos: linux\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := (&Reader{Stdin: bytes.NewReader(data), most: 1 << 16}).Read("-")
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

// visit returns a visit of a run with those latencies.
func visit(cell scenarios.Cell, round int, latencies ...time.Duration) *results.Visit {
	hist := func() *quantile.HDR {
		h := quantile.NewHDR()
		for _, d := range latencies {
			h.Add(d)
		}
		return h
	}
	n := uint64(len(latencies))
	return &results.Visit{Round: round, Order: 1, Cell: cell,
		Record: &record.Record{Loop: record.OpenLoop, Offered: n, Done: n,
			Latency: hist(), Service: hist(), Queue: hist(), Generator: hist(), FailedLatency: quantile.NewHDR(),
			Hiccups: quantile.NewHDR()}}
}

// aRun returns the directory of a run of two arms at two rates in two rounds, whose visit 5 failed.
func aRun(t *testing.T) string {
	t.Helper()
	s, err := scenarios.Decode("mine.yaml",
		[]byte("qps: [1000, 2000]\nspans: [sdk, none]\nduration: 100ms\nrounds: 2\n"))
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
	// The cells are sdk and none at 1,000/s, and then at 2,000/s. Visit n has latencies of n ns and of 0.1 n ms.
	for _, c := range []struct {
		visit string
		want  []time.Duration // the smallest exactly, the largest exactly, others by their buckets
		about string
	}{
		{"", []time.Duration{1, 3, 7, 100_031, 300_159, 700_007}, "3 visits of spans=sdk (of 2 arms)"},
		{"spans=none", []time.Duration{2, 4, 6, 8, 200_063, 400_127, 600_319, 800_007},
			"4 visits of spans=none (of 2 arms)"},
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
			if len(got) != len(c.want) || got[0] != c.want[0] || got[len(got)-1] != c.want[len(got)-1] ||
				d.Name != "mine" || !strings.Contains(d.About, c.about) {
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
		"5": "visit 5 is not one that was measured: want 1 to 8",
		"0": "visit 0 is not",
		"9": "visit 9 is not",
		"spans=pool": `no visit of "spans=pool" was measured: want a number, or one of spans=sdk, spans=none, or ` +
			`one with its rate, such as spans=sdk/qps=1000`,
	} {
		if _, err := (&Reader{Visit: visit}).Read(dir); err == nil ||
			!strings.Contains(err.Error(), "--visit: "+want) {
			t.Errorf("%q: %v, want %s", visit, err, want)
		}
	}
	if _, err := (&Reader{}).Read(file(t, "run.json", "{")); err == nil ||
		!strings.Contains(err.Error(), "run.json:1: not JSON") {
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

// Estimators behave differently for rising values, so values of histograms must not be inserted in their order.
func TestValuesOfHistogramsAreNotInsertedInOrder(t *testing.T) {
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

// Values that are read back from a histogram have its count and extremes, and are in the right buckets.
func TestHistogramsKeepTheirQuantiles(t *testing.T) {
	h, r := quantile.NewHDR(), rand.New(rand.NewPCG(1, 2))
	for range 10_000 {
		h.Add(time.Duration(r.ExpFloat64() * 1e6))
	}
	for range 3 { // values that are below the middle of their bucket
		h.Add(time.Minute)
	}
	values, _, err := latencies(h, MaxValues)
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
	if _, err := Shape("normal", 1); err == nil || !strings.Contains(err.Error(),
		`"normal" is unknown: want some of lognormal`) {
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
