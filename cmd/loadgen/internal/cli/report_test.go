package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/golden"
	"github.com/loadgen-go/loadgen/quantile"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/scenarios"
)

// keptRun is the directory of a run of two visits, of which one was lost if so.
func keptRun(t *testing.T, lost bool) string {
	t.Helper()
	s, err := scenarios.Decode("kept.yaml",
		[]byte("qps: 1000\nspans: [none, sdk]\nrounds: 1\nduration: 1s\nseed: 7\n"))
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "run")
	w, err := results.Create(dir, results.Header{Scenario: s})
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range s.Cells() {
		v := keptVisit(s, c, i)
		if lost {
			v = &results.Visit{Round: 1, Order: i + 1, Cell: c, Error: "lost"}
		}
		if err := w.Add(v); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(results.Complete); err != nil {
		t.Fatal(err)
	}
	return dir
}

// keptVisit is the i-th visit of a round, of 1000 calls.
func keptVisit(s *scenarios.Scenario, c scenarios.Cell, i int) *results.Visit {
	r := &record.Record{Offered: 1000, Done: 1000, Scheduled: s.Duration, Elapsed: s.Duration,
		Latency: quantile.NewHDR(), Service: quantile.NewHDR(),
		Queue: quantile.NewHDR(), Generator: quantile.NewHDR(), FailedLatency: quantile.NewHDR(),
		Hiccups: quantile.NewHDR()}
	for _, h := range []*quantile.HDR{r.Latency, r.Service, r.Queue, r.Generator} {
		for k := range 1000 {
			h.Add(time.Duration(1000 + 37*k*(i+1)))
		}
	}
	return &results.Visit{Round: 1, Order: i + 1, Cell: c, Record: r}
}

func TestHelpOfReport(t *testing.T) {
	code, got, stderr := execute(t, "report", "--help")
	if code != 0 {
		t.Fatalf("exit %d\n%s", code, stderr)
	}
	golden.Check(t, "help-report.txt", got)
}

func TestFormatsOfReportAreCompleted(t *testing.T) {
	_, got, _ := execute(t, "__complete", "report", "x", "--format", "")
	for _, want := range reportFormats {
		if !strings.Contains(got, want+"\n") {
			t.Errorf("%s is not offered in %q", want, got)
		}
	}
}

func TestReportWritesWhereItSays(t *testing.T) {
	dir := keptRun(t, false)
	out := filepath.Join(t.TempDir(), "new")
	for _, c := range []struct {
		args []string
		want []string // files
	}{
		{nil, []string{filepath.Join(dir, "report.html")}},
		{[]string{"-o", out + ".html"}, []string{out + ".html"}},
		{[]string{"--format", "hlog"}, []string{filepath.Join(dir, "run.hlog")}},
		{[]string{"--format", "hgrm", "--out", out}, []string{filepath.Join(out, "spans=none_qps=1000.hgrm"),
			filepath.Join(out, "spans=sdk_qps=1000.hgrm")}},
	} {
		t.Run(strings.Join(c.args, " "), func(t *testing.T) {
			code, stdout, stderr := execute(t, append([]string{"report", filepath.Join(dir, results.JSONFile)},
				c.args...)...)
			if code != 0 || stdout != strings.Join(c.want, "\n")+"\n" {
				t.Errorf("%v: exit %d, prints %q\n%s", c.args, code, stdout, stderr)
			}
			for _, file := range c.want {
				if info, err := os.Stat(file); err != nil || info.Size() == 0 {
					t.Errorf("%v: %s: %v", c.args, file, err)
				}
			}
		})
	}
	code, stdout, _ := execute(t, "report", dir, "-o", "-")
	if code != 0 || !strings.HasPrefix(stdout, "<!DOCTYPE html>") || !strings.HasSuffix(stdout, "</html>\n") {
		t.Errorf("exit %d, standard output %.40q", code, stdout)
	}
}

func TestReportRefusesWhatItCannotDo(t *testing.T) {
	dir, lost := keptRun(t, false), keptRun(t, true)
	for want, args := range map[string][]string{
		`--format: "pdf" is unknown: want one of html, hgrm, hlog`:      {dir, "--format", "pdf"},
		"--out is empty: want a path, or - for standard output":         {dir, "-o", ""},
		"--out: hgrm is a file for each arm and rate: want a directory": {dir, "--format", "hgrm", "-o", "-"},
		"no visit was completed: there are no percentiles to write":     {lost, "--format", "hgrm"},
		"no visit was completed, so there is no histogram to write":     {lost, "--format", "hlog"},
		"want the directory of a run":                                   {filepath.Join(dir, "nowhere")},
	} {
		t.Run(want, func(t *testing.T) {
			if code, stdout, stderr := execute(t, append([]string{"report"}, args...)...); code != 2 || stdout != "" ||
				!strings.Contains(stderr, want) {
				t.Errorf("%v: exit %d, %q, says %q, want %q", args, code, stdout, stderr, want)
			}
		})
	}
}

// What nothing was measured of has a page, which says so.
func TestReportOfARunOfNothingIsAPage(t *testing.T) {
	code, stdout, stderr := execute(t, "report", keptRun(t, true), "-o", "-")
	if code != 0 || !strings.Contains(stdout, "no visit was completed") {
		t.Errorf("exit %d\n%s", code, stderr)
	}
}

func TestShowAndReportTakeTheNewestRun(t *testing.T) {
	s, err := scenarios.Load("span-reuse", scenarios.Setting{Key: "seed", Value: "1"})
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	for _, command := range []string{"show", "report"} {
		if code, _, stderr := quickly(t, command); code != exitUnusable ||
			!strings.Contains(stderr, "no run in results") {
			t.Errorf("%s without a run: exit %d\n%s", command, code, stderr)
		}
	}
	made := writtenRun(t, s, varied(s))
	for i, name := range []string{"newest", "older"} {
		dir := filepath.Join("results", name)
		if err := os.CopyFS(dir, os.DirFS(made)); err != nil {
			t.Fatal(err)
		}
		then := time.Date(2026, 1, 2-i, 0, 0, 0, 0, time.UTC)
		if err := os.Chtimes(filepath.Join(dir, results.JSONFile), then, then); err != nil {
			t.Fatal(err)
		}
	}
	newest := filepath.Join("results", "newest")
	if code, stdout, stderr := quickly(t, "show"); code != 0 || !strings.Contains(stdout, "show --all "+newest+" ") {
		t.Errorf("exit %d\n%s%s", code, stdout, stderr)
	}
	if code, stdout, stderr := quickly(t, "report"); code != 0 || !strings.Contains(stdout, newest) {
		t.Errorf("exit %d\n%s%s", code, stdout, stderr)
	}
}
