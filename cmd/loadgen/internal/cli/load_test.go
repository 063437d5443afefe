package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/results"
)

// once are the flags of a short run of one arm.
var once = []string{"--seed", "1", "--spans", "none", "--rounds", "1", "--warmup", "20ms"}

func runOnce(t *testing.T, args ...string) (code int, stdout, stderr string, run *results.Run) {
	t.Helper()
	out := filepath.Join(t.TempDir(), "out")
	args = append(append([]string{"run", scenario(t, tiny), "--all", "--out", out}, once...), args...)
	code, stdout, stderr = execute(t, args...)
	run, err := results.Read(out)
	if err != nil && code != exitUnusable {
		t.Fatalf("exit %d, %v\n%s", code, err, stderr)
	}
	return code, stdout, stderr, run
}

func TestEveryKindOfLoadIsRunAndNamedInItsResults(t *testing.T) {
	t.Parallel()
	log := filepath.Join(t.TempDir(), "access.jsonl")
	if err := os.WriteFile(log, []byte(`{"ts":"2026-01-02T03:04:05Z","path":"/a"}
{"ts":"2026-01-02T03:04:05.02Z","path":"/b"}
{"ts":"2026-01-02T03:04:05.03Z","path":"/a"}
`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args   []string
		calls  uint64 // 0: some
		loop   string
		name   string // in run.bench
		stdout string
	}{
		{[]string{"--load", "ramp:1k..3k/s@100ms constant"}, 200, record.OpenLoop, "/load=ramp:1k..3k@100ms,constant-",
			"Load of ramp:1k..3k/s@100ms constant, about 200 calls"},
		{[]string{"--load", "step:1k..2k/s@100ms(steps=2) constant"}, 150, record.OpenLoop,
			"/load=step:1k..2k@100ms(steps=2),constant-", "Load of step:"},
		{[]string{"--load", "replay:" + log}, 3, record.OpenLoop, "/load=replay:", "Load of replay:"},
		{[]string{"--closed", "--workers", "2", "--think", "1ms"}, 0, record.ClosedLoop, "/loop=closed-",
			"CLOSED LOOP of 2 workers, which think for 1ms"},
		{[]string{"--qps", "2k", "--overload", "drop", "--pace", "sleep"}, 0, record.OpenLoop, "/qps=2000-",
			"Load of 2,000/s"},
	} {
		t.Run(strings.Join(c.args, " "), func(t *testing.T) {
			code, stdout, stderr, run := runOnce(t, c.args...)
			if code != 0 || !strings.Contains(strings.Join(strings.Fields(stdout), " "), c.stdout) {
				t.Errorf("%v: exit %d, want %q in\n%s\n%s", c.args, code, c.stdout, stdout, stderr)
				return
			}
			r := run.Visits[0].Record
			if c.calls > 0 && r.Offered != c.calls || r.Offered == 0 || r.Loop != c.loop {
				t.Errorf("%v: %d calls in a loop that is %s", c.args, r.Offered, r.Loop)
			}
			text, _, _ := strings.Cut(stdout, "\nCompare")
			_, path, _ := strings.Cut(text, "Files\n\n  ")
			path, _, _ = strings.Cut(path, "\n")
			data, err := os.ReadFile(path)
			if err != nil || !strings.Contains(string(data), c.name) ||
				!strings.Contains(string(data), "\nloop: "+c.loop+"\n") {
				t.Errorf("%v: %v: want %s in\n%s", c.args, err, c.name, data)
			}
			if len(readBench(t, path)) == 0 {
				t.Errorf("%v: no results", c.args)
			}
			// The tables come from the file alone: a replay's log may be gone by then.
			if code, _, stderr := execute(t, "show", filepath.Dir(path)); code != 0 {
				t.Errorf("%v: show: exit %d\n%s", c.args, code, stderr)
			}
		})
	}
}

func TestAnObjectiveThatIsMissedIsExitCodeOne(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		slo, abort string
		code       int
		want       string
	}{
		{"p50 < 1h", "false", 0, "p50 < 1h0m0s: MET, held in 1 of 1 visit; together p50 "},
		{"p50 < 1ns", "false", exitWorse, "p50 < 1ns: MISSED, held in 0 of 1 visit; together p50 "},
		{"max < 1ns over every 20ms", "true", exitWorse,
			"max < 1ns over every 20ms: MISSED, held in 0 of 1 visit; together max "},
		{"p99.99 < 1h", "false", exitUnusable, "p99.99 < 1h0m0s: CANNOT BE JUDGED, held in 0 of 0 visits, " +
			"and 1 that cannot be judged. Example: cannot be judged: p99.99 needs 36887 calls"},
	} {
		t.Run(c.slo, func(t *testing.T) {
			code, stdout, stderr, run := runOnce(t, "--slo", c.slo, "--abort="+c.abort, "--duration", "400ms")
			if code != c.code || !strings.Contains(strings.Join(strings.Fields(stdout), " "), c.want) {
				t.Errorf("exit %d, want %d and %q in\n%s\n%s", code, c.code, c.want, stdout, stderr)
			}
			if c.abort == "true" && (run.Visits[0].Record.Aborted != c.slo ||
				run.Visits[0].Record.Scheduled > run.Scenario.Duration) {
				t.Errorf("the visit was not ended: %q", run.Visits[0].Record.Aborted)
			}
		})
	}
}

// A cell is visited no more once its objective is missed whatever its other visits do.
func TestACellThatMissedWhatItIsToHoldIsVisitedNoMore(t *testing.T) {
	for _, c := range []struct {
		quorum string
		visits int // of 4
	}{{"most", 2}, {"all", 1}, {"50%", 3}} {
		t.Run(c.quorum, func(t *testing.T) {
			_, _, _, run := runOnce(t, "--slo", "max < 1ns over every 20ms", "--abort", "--duration", "400ms",
				"--rounds", "4", "--slo-visits", c.quorum)
			if len(run.Visits) != c.visits || run.Status != results.Complete {
				t.Errorf("%d visits, %s", len(run.Visits), run.Status)
			}
		})
	}
}

func TestProfilesAreOfVisitsOfTheirOwn(t *testing.T) {
	code, stdout, stderr, run := runOnce(t, "--profile", "cpu,heap,trace")
	if code != 0 || len(run.Visits) != 1 {
		t.Fatalf("exit %d, %d visits\n%s", code, len(run.Visits), stderr)
	}
	_, dir, _ := strings.Cut(stdout, "Profiles of one more visit of every cell\n\n  ")
	dir, _, _ = strings.Cut(dir, "\n")
	for _, name := range []string{"spans=none_qps=4000.cpu.pprof", "spans=none_qps=4000.heap.pprof",
		"spans=none_qps=4000.trace"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	if code, _, stderr, _ := runOnce(t, "--profile", "mutex"); code != exitUnusable ||
		!strings.Contains(stderr, `--profile: "mutex" is unknown: want a list of cpu, heap, trace`) {
		t.Errorf("exit %d\n%s", code, stderr)
	}
}

func TestWhatIsWrongWithALoadIsSaidWithItsPlace(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--load", "ramp:1k..x/s@1s"}, `--load: "ramp:1k..x/s@1s": character 10: `},
		{[]string{"--load", "const:5k/s"}, `"const:5k/s" has no end`},
		{[]string{"--load", "replay:/no/such/file"}, "/no/such/file"},
		{[]string{"--overload", "panic"}, `--overload: "panic" is not valid: want one of queue, drop, catch-up(k=2)`},
		{[]string{"--pace", "fast"}, "want one of auto, sleep, cheap, tight, yield, spin"},
		{[]string{"--queue", "0"}, "--queue: 0 is out of range"},
		{[]string{"--think", "1ms"}, "--think: needs a closed loop: want closed: true beside it"},
		{[]string{"--closed", "--qps", "1"}, "--qps: cannot be combined with closed: want one of them"},
		{[]string{"--slo", "p99 > 1ms"}, "is the wrong way round for p99"},
		{[]string{"--slo", "p99 < 1ms over every 33ms", "--window", "20ms"}, "a multiple of that"},
		{[]string{"--abort"}, "there is no objective to miss"},
	} {
		t.Run(strings.Join(c.args, " "), func(t *testing.T) {
			code, stdout, stderr, _ := runOnce(t, c.args...)
			if code != exitUnusable || !strings.Contains(stderr, c.want) || stdout != "" {
				t.Errorf("%v: exit %d, want %q in\n%s", c.args, code, c.want, stderr)
			}
		})
	}
}

func TestThePlanNamesTheArrivalsOfEveryLoad(t *testing.T) {
	log := filepath.Join(t.TempDir(), "times.txt")
	if err := os.WriteFile(log, []byte("0\n0.01\n0.02\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for loads, want := range map[string]string{
		"const:1k/s@1s gamma(cv=2)":                             "arrivals    gamma(cv=2), open loop",
		"const:1k/s@1s gamma(cv=2),const:1k/s@1s,const:1k/s@2s": "arrivals    gamma(cv=2) and poisson, open loop",
		"const:1k/s@1s constant,replay:" + log:                  "arrivals    constant and replayed, open loop",
	} {
		t.Run(loads, func(t *testing.T) {
			if code, stdout, stderr := execute(t, "plan", "--load", loads); code != 0 ||
				!strings.Contains(stdout, want) {
				t.Errorf("%s: exit %d, want %q in\n%s%s", loads, code, want, stdout, stderr)
			}
		})
	}
}
