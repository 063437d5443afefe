package hdrlog_test

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/hdrlog"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/quantiles"
	"github.com/loadgen-go/loadgen/quantile"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/scenarios"
)

// made returns a run of two arms and two rounds, and the latencies of all its visits.
func made(t *testing.T, level string) (run *results.Run, all []time.Duration) {
	t.Helper()
	s, err := scenarios.Decode("made.yaml", []byte("spans: [none, sdk]\nrounds: 2\nseed: 7\n"+level))
	if err != nil {
		t.Fatal(err)
	}
	run = &results.Run{Header: results.Header{Scenario: s, Began: time.Unix(1700000000, 0)}, Status: results.Complete}
	random := rand.New(rand.NewPCG(1, 2))
	for round := range 2 {
		for i, c := range s.Cells() {
			r := &record.Record{Latency: quantile.NewHDR(), Elapsed: time.Second}
			for range 500 {
				d := time.Duration(1000 * random.ExpFloat64() * 50)
				r.Latency.Add(d)
				all = append(all, d)
			}
			run.Visits = append(run.Visits, &results.Visit{Round: round + 1, Order: i + 1, Cell: c, Record: r,
				Began: run.Began.Add(time.Duration(len(run.Visits)) * time.Second)})
		}
	}
	return run, all
}

// A log that is written can be read back, with the same number of values in each bucket.
func TestTheLogIsReadBackExactly(t *testing.T) {
	for _, level := range []string{"qps: 500\nduration: 1s\n", `load: ["ramp:1k..2k/s@1s gamma(cv=2)"]` + "\n"} {
		run, all := made(t, level)
		run.Visits = append(run.Visits, &results.Visit{Cell: run.Visits[0].Cell, Error: "lost"})
		var b bytes.Buffer
		if err := hdrlog.Log(&b, run); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "x.hlog")
		if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		var got []time.Duration
		tags, err := (&quantiles.Reader{}).Tags(path)
		if err != nil || len(tags) != 2 {
			t.Fatalf("%v: tags are %v", err, tags)
		}
		for tag := range tags {
			data, err := (&quantiles.Reader{Tag: tag}).Read(path)
			if err != nil {
				t.Fatalf("%v\n%.400s", err, b.String())
			}
			got = append(got, data.Make()...)
		}
		slices.Sort(got)
		slices.Sort(all)
		if len(got) != len(all) {
			t.Fatalf("%d values were read of %d", len(got), len(all))
		}
		for i := range all {
			if d := got[i] - all[i]; max(d, -d) > all[i]/1000+1 {
				t.Fatalf("value %d was %v and is read as %v", i, all[i], got[i])
			}
		}
		if n := strings.Count(b.String(), "\nTag=spans="); n != len(run.Visits)-1 {
			t.Errorf("%d lines are tagged\n%.300s", n, b.String())
		}
	}
}

func TestPercentilesRiseToTheCountOfTheCell(t *testing.T) {
	run, _ := made(t, "qps: 500\nduration: 1s\n")
	files, err := hdrlog.Percentiles(run)
	if err != nil || len(files) != 2 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, f := range files {
		lines := strings.Split(string(f.Data), "\n")
		if got := strings.Fields(lines[0]); !slices.Equal(got,
			[]string{"Value", "Percentile", "TotalCount", "1/(1-Percentile)"}) {
			t.Errorf("%s begins with %q", f.Name, lines[0])
		}
		last, count := 0.0, ""
		for _, line := range lines[1:] {
			fields := strings.Fields(line)
			if len(fields) != 4 || strings.HasPrefix(line, "#") {
				continue
			}
			x, err := strconv.ParseFloat(fields[0], 64)
			if err != nil || x < last {
				t.Fatalf("%s: %q after %v", f.Name, line, last)
			}
			last, count = x, fields[2]
		}
		if count != "1000" || !strings.Contains(string(f.Data), "Total count    =         1000") {
			t.Errorf("%s ends with %s values: want those of both rounds\n%s", f.Name, count, f.Data)
		}
	}
	if files[0].Name != "spans=none_qps=500.hgrm" {
		t.Errorf("the file is called %s", files[0].Name)
	}
}
