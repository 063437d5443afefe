package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/golden"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/scenarios"
)

// In every arm and loop, the receiver gets every span that was not dropped. The rate is low enough for every machine,
// and the OTEL_ variables, which would send the spans elsewhere, have no effect.
func TestTheBenchmarkOfOpenTelemetryAccountsForEverySpan(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
	t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "no header")
	t.Setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
	out := filepath.Join(t.TempDir(), "run")
	code, stdout, stderr := execute(t, "run", "otel-spec", "--qps", "500", "--duration", "100ms", "--warmup", "20ms",
		"--rounds", "1", "--spans", "none,pooled-value,pooled,sdk", "--compare", "pooled vs sdk", "--out", out)
	if code != 0 {
		t.Fatalf("exit %d\n%s\n%s", code, stdout, stderr)
	}
	run, err := results.Read(filepath.Join(out, results.JSONFile))
	if err != nil {
		t.Fatal(err)
	}
	cells := run.Scenario.Cells()
	if len(run.Visits) != len(cells) || len(cells) != 2*(1+3*2) { // none has no processors
		t.Fatalf("%d visits of %d cells", len(run.Visits), len(cells))
	}
	for _, v := range run.Visits {
		t.Run(v.Cell.String(), func(t *testing.T) {
			if !v.Usable() {
				t.Fatal(v.Error)
			}
			calls := v.Warmup + v.Record.Done
			if v.Cell.Value(scenarios.Spans) == scenarios.None {
				if v.Spans != nil || v.Sending != nil {
					t.Errorf("%+v, %+v: want none without spans", v.Spans, v.Sending)
				}
				return
			}
			s := v.Spans
			if s == nil || v.Sending == nil || s.Made != calls || s.Exported != calls-s.Dropped() || s.Bytes == 0 {
				t.Fatalf("%+v, %+v of %d calls", s, v.Sending, calls)
			}
			if v.Cell.Closed() != (v.Record.Loop == record.ClosedLoop) || v.Sending.Spans > s.Exported {
				t.Errorf("loop %s, %+v", v.Record.Loop, v.Sending)
			}
			if v.Cell.Closed() && s.Dropped() > 0 {
				t.Errorf("%d spans were dropped in a closed loop", s.Dropped())
			}
		})
	}
	bench, err := os.ReadFile(filepath.Join(out, results.BenchFile))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"\nloop: open+closed\n", "\nUnit spans/s/core better=higher\n",
		"\npkg: github.com/loadgen-go/loadgen\n",
		"BenchmarkLoad/scenario=otel-spec/target=span/spans=sdk/processors=otlp-batch/loop=closed-",
		"BenchmarkLoad/scenario=otel-spec/target=span/spans=pooled/processors=otlp-simple/qps=500-",
		" spans/s/core\n", " heap-bytes "} {
		if !strings.Contains(string(bench), want) {
			t.Errorf("%s lacks %q", results.BenchFile, want)
		}
	}
}

// The map can send its spans to the receiver, too.
func TestTheMapSendsSpansToAReceiver(t *testing.T) {
	out := filepath.Join(t.TempDir(), "run")
	code, stdout, stderr := execute(t, "run", "span-cost", "--qps", "500", "--duration", "100ms", "--rounds", "1",
		"--spans", "sdk,pooled", "--sampling", "always,never", "--processors", "otlp-batch", "--compare",
		"pooled vs sdk", "--out", out)
	if code != 0 {
		t.Fatalf("exit %d\n%s\n%s", code, stdout, stderr)
	}
	run, err := results.Read(filepath.Join(out, results.JSONFile))
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range run.Visits {
		if s := v.Spans; v.Cell.Value(scenarios.Sampling) != scenarios.Never && (s == nil || s.Exported == 0 ||
			s.Exported != s.Made) {
			t.Errorf("%v: %+v: want every span exported", v.Cell, s)
		}
	}
}

func TestThePlanOfTheBenchmarkOfOpenTelemetry(t *testing.T) {
	for file, args := range map[string][]string{
		"plan-otel-spec.txt":      {"plan", "otel-spec", "--workers", "1", "--seed", "7"},
		"plan-otel-spec-full.txt": {"plan", "otel-spec", "--workers", "1", "--seed", "7", "--full", "--qps", "20k"},
	} {
		code, stdout, stderr := execute(t, args...)
		if code != 0 {
			t.Fatalf("exit %d\n%s", code, stderr)
		}
		golden.Check(t, file, stdout)
	}
}

func TestScenariosWithoutAFullFormRefuseTheFlag(t *testing.T) {
	for _, args := range [][]string{{"run", "span-reuse", "--full"}, {"plan", "--full"},
		{"plan", "http://127.0.0.1:1/items", "--qps", "10", "--full"}, {"run", "span-cost", "--full", "-q"}} {
		code, stdout, stderr := execute(t, args...)
		if code != exitUnusable || stdout != "" || !strings.Contains(stderr, "--full: this scenario has no full "+
			"form: want --duration and --rounds, which set how long it takes, or a scenario with a field full, such "+
			"as otel-spec") {
			t.Errorf("%v: exit %d\n%s%s", args, code, stdout, stderr)
		}
	}
	if code, _, stderr := execute(t, "capacity", "otel-spec", "--full"); code != exitUnusable ||
		!strings.Contains(stderr, "--full") {
		t.Errorf("capacity --full: exit %d\n%s", code, stderr)
	}
}

func TestTheReceiverEndsWithItsInput(t *testing.T) {
	code, stdout, stderr := execute(t, "receive")
	if code != 0 || !strings.HasPrefix(stdout, `{"url":"http://127.0.0.1:`) || stderr != "" {
		t.Errorf("exit %d\n%s%s", code, stdout, stderr)
	}
}
