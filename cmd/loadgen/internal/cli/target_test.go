package cli

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/capacity"
	"github.com/loadgen-go/loadgen/results"
)

// ownTargets makes the test binary be a program with targets of its own.
const ownTargets = "own"

var testTargets = []Target{
	Func("look-up", func(context.Context, string) error { time.Sleep(100 * time.Microsecond); return nil }),
	{
		Name: "spanned", About: "Makes spans by itself.", Keys: []string{"a", "b"},
		Open: func(_ context.Context, provider trace.TracerProvider) (bench.Target, error) {
			tracer := provider.Tracer("test")
			return bench.TargetFunc(func(ctx context.Context, key string) error {
				_, span := tracer.Start(ctx, key)
				span.End()
				if key == "b" {
					return io.ErrUnexpectedEOF
				}
				return nil
			}), nil
		},
	},
	changing,
	Func("panics", func(context.Context, string) error { panic("kaboom") }),
	Func("hangs", func(context.Context, string) error { select {} }),
	{Name: "closed", Open: func(context.Context, trace.TracerProvider) (bench.Target, error) {
		return nil, errors.New("no such table")
	}},
}

// A leaking is a target whose Close fails.
type leaking struct{ bench.TargetFunc }

func (leaking) Close() error { return errors.New("the pool has connections in use") }

func init() {
	testTargets = append(testTargets, Target{Name: "leaking",
		Open: func(context.Context, trace.TracerProvider) (bench.Target, error) {
			return leaking{func(context.Context, string) error { return nil }}, nil
		}})
}

func TestATargetWhoseCloseFailsIsMeasuredAndThatIsSaid(t *testing.T) {
	const (
		run      = "run --all --qps 500 --duration 100ms --warmup 0 --rounds 1 --slo errors<1%"
		capacity = "capacity --slo p50<10s --from 500 --probe 100ms --warmup 0 --budget 300ms"
		said     = "closing the target: the pool has connections in use"
	)
	for _, c := range []struct {
		name, args string
		code       int
		stdout     string
	}{
		{"run", run, exitOK, "not-closed: 1 of 1 visit. The first, spans=none/qps=500 in round 1: " + said},
		{"run --strict", run + " --strict", exitNotValid, "not-closed: 1 of 1 visit"},
		{"capacity", capacity, exitNotValid, ""}, // its budget is small
	} {
		t.Run(c.name, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "out")
			code, stdout, stderr := own(t, append(strings.Fields(c.args), "--target", "leaking", "--out", out)...)
			if code != c.code || !strings.Contains(strings.Join(strings.Fields(stdout), " "), c.stdout) ||
				!strings.Contains(stderr, "loadgen visit: spans=none/qps=500: "+said+"\n") {
				t.Errorf("exit %d, want %d and %q\n%s\n%s", code, c.code, c.stdout, stdout, stderr)
			}
		})
	}
}

// own runs a program that has targets of its own.
func own(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	t.Setenv(asCommand, ownTargets)
	return execute(t, args...)
}

// Targets that write to standard output, which has the answer of a visit.
func init() {
	testTargets = append(testTargets,
		Func("prints", func(context.Context, string) error { fmt.Println(`{"level":"info"}`); return nil }),
		Func("ends", func(context.Context, string) error {
			fmt.Println(`{"level":"fatal","msg":"lost the database"}`)
			os.Exit(0)
			return nil
		}))
}

func TestWhatATargetPrintsIsNoAnswer(t *testing.T) {
	for _, args := range []string{
		"run --qps 500 --duration 100ms --warmup 0 --rounds 1",
		"capacity --slo p50<10s --from 500 --probe 100ms --warmup 0 --budget 300ms",
	} {
		args := append(strings.Fields(args), "--workers", "1", "--pace", "sleep", "--out")
		t.Run(args[0], func(t *testing.T) {
			code, stdout, stderr := own(t, append(args, filepath.Join(t.TempDir(), "out"), "--target", "prints")...)
			if code == exitUnusable || strings.Contains(stdout+stderr, "the process of the ") {
				t.Errorf("one that prints: exit %d\n%s\n%s", code, stdout, stderr)
			}
			out := filepath.Join(t.TempDir(), "out")
			code, stdout, stderr = own(t, append(args, out, "--target", "ends")...)
			if code != exitUnusable || !strings.Contains(stdout+stderr, "ended without an answer") {
				t.Errorf("one that prints and ends: exit %d\n%s\n%s", code, stdout, stderr)
			}
			if f, err := capacity.ReadFile(out); args[0] == "capacity" && (err != nil || len(f.Probes) > 0) {
				t.Errorf("its probes: %+v, %v", f, err)
			}
		})
	}
}

func TestAProgramDrivesItsOwnFunctionWithAllTheFlags(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	code, stdout, stderr := own(t, "run", "--qps", "1k", "--duration", "400ms", "--warmup", "50ms", "--rounds", "2",
		"--seed", "1", "--workers", "4", "--slo", "errors < 1%", "--all", "--out", out)
	if code != 0 || !strings.Contains(unwrapped(stdout),
		"errors < 1%: MET, held in 2 of 2 visits; together errors 0%.") {
		t.Fatalf("exit %d\n%s\n%s", code, stdout, stderr)
	}
	run, err := results.Read(out)
	if err != nil || run.Scenario.Name != "look-up" || len(run.Visits) != 2 {
		t.Fatalf("%+v, %v", run, err)
	}
	for _, v := range run.Visits {
		if p50 := v.Record.Service.Quantile(0.5); p50 < 100*time.Microsecond || v.Record.Done == 0 {
			t.Errorf("done %d, service time %v", v.Record.Done, p50)
		}
	}
	lines := readBench(t, filepath.Join(out, "run.bench"))
	if len(lines) == 0 || !bytes.Contains(lines[0].Name, []byte("/target=look-up/")) {
		t.Fatalf("%v", lines)
	}
	if pkg := lines[0].GetConfig("pkg"); pkg != run.Environment.Package || !strings.HasSuffix(pkg, "/cli.test") {
		t.Errorf("pkg: %q, and the program's package is %q", pkg, run.Environment.Package)
	}
}

func TestTheSpansOfAProgramsOwnTargetAreThoseOfTheArm(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	code, stdout, stderr := own(t, "run", "--target", "spanned", "--spans", "none,sdk,pooled", "--qps", "2k",
		"--duration", "300ms", "--warmup", "0", "--rounds", "1", "--seed", "1", "--out", out)
	if code != 0 {
		t.Fatalf("exit %d\n%s\n%s", code, stdout, stderr)
	}
	run, err := results.Read(out)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range run.Visits {
		if v.Cell.Value("spans") != "none" && v.Spans.Exported != v.Record.Done+v.Record.Failed {
			t.Errorf("%v: %d spans of %d calls", v.Cell, v.Spans.Exported, v.Record.Offered)
		}
		// Of two keys with Zipf's exponent 1 the second is a third of the calls.
		if share := float64(v.Record.Failed) / float64(v.Record.Offered); share < 0.2 || share > 0.47 {
			t.Errorf("%v: %.2f of the calls asked for the second key", v.Cell, share)
		}
	}
}

func TestWhatIsWrongWithAProgramsOwnTargetsIsSaid(t *testing.T) {
	for _, c := range []struct {
		args, want string
	}{
		{"run --target nobody",
			`target "nobody" is unknown: want one of map, span, look-up, spanned, changing, panics, hangs, closed`},
		{"run --target closed --qps 100 --duration 100ms --rounds 1", "no such table"},
	} {
		t.Run(c.args, func(t *testing.T) {
			args := append(strings.Fields(c.args), "--out", filepath.Join(t.TempDir(), "out"))
			code, stdout, stderr := own(t, args...)
			if code != exitUnusable || !strings.Contains(stdout+stderr, c.want) {
				t.Errorf("%s: exit %d, %q not in\n%s\n%s", c.args, code, c.want, stdout, stderr)
			}
		})
	}
	f := func(context.Context, trace.TracerProvider) (bench.Target, error) { return nil, nil }
	err := targets{{Name: "map", Open: f}, {Name: "a b", Open: f}, {Name: "x"}, {Name: "y", Open: f},
		{Name: "y", Open: f}}.check()
	for _, want := range []string{`target 1 is called "map"`, `target 2 is called "a b"`, `target "x" has no Open`,
		`target "y" is given twice`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in %v", want, err)
		}
	}
}

func TestAProgramWithoutAScenarioDrivesItsFirstTarget(t *testing.T) {
	code, stdout, stderr := own(t, "plan")
	if code != 0 || !strings.Contains(stdout, "look-up") {
		t.Errorf("exit %d\n%s\n%s", code, stdout, stderr)
	}
	if code, stdout, _ := own(t, "plan", "span-reuse"); code != 0 || !strings.Contains(stdout, "pooled-off at ") {
		t.Errorf("the scenarios of loadgen are there too: exit %d\n%s", code, stdout)
	}
}

func TestWhenEveryCallFailsTheRunSaysWhere(t *testing.T) {
	for _, c := range []struct {
		name string
		args []string
		code int
		want string // of the standard error
	}{
		{"without an objective", nil, exitUnusable, "every call of spans=none/qps=1000 failed\n"},
		{"with one", []string{"--slo", "p99 < 1s"}, exitWorse, "1 of 1 objective missed"},
		{"with one, apart", []string{"--slo", "p99 < 1s", "--failed", "apart"}, exitUnusable,
			"every call of spans=none/qps=1000 failed\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "out")
			code, stdout, stderr := own(t, append([]string{"run", "--target", "panics", "--qps", "1k", "--duration",
				"400ms",
				"--warmup", "0", "--rounds", "1", "--all", "--out", out}, c.args...)...)
			if code != c.code || !strings.Contains(stderr, c.want) {
				t.Errorf("exit %d, want %d and %q in\n%s", code, c.code, c.want, stderr)
			}
			flat := strings.Join(strings.Fields(stdout), " ")
			if !strings.Contains(flat, "calls failed: panic: kaboom, at /") ||
				!strings.Contains(flat, "target_test.go:") ||
				!strings.Contains(flat, "(100%), p50 ") {
				t.Errorf("the report does not say what failed:\n%s", stdout)
			}
		})
	}
}

// A call that never returns is told after some seconds, and an interrupt ends the run.
func TestARunOfCallsThatNeverReturnEnds(t *testing.T) {
	t.Run("by their timeout", func(t *testing.T) {
		out := filepath.Join(t.TempDir(), "out")
		code, stdout, stderr := own(t, "run", "--target", "hangs", "--qps", "100", "--duration", "200ms", "--warmup",
			"0",
			"--rounds", "1", "--timeout", "20ms", "--workers", "50", "--out", out)
		if code != exitUnusable || !strings.Contains(stderr, "calls failed: timeout") {
			t.Errorf("exit %d\n%s\n%s", code, stdout, stderr)
		}
	})
	t.Run("by an interrupt, once it is told", func(t *testing.T) {
		t.Setenv(asCommand, ownTargets)
		cmd, _, _ := command(t, "run", "--target", "hangs", "--qps", "10", "--arrivals", "constant", "--duration",
			"200ms",
			"--warmup", "0", "--rounds", "1", "--workers", "2", "--out", filepath.Join(t.TempDir(), "out"))
		cmd.Stderr = nil
		stderr, err := cmd.StderrPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		told, in := false, bufio.NewScanner(stderr)
		for !told && in.Scan() {
			told = strings.HasPrefix(in.Text(), "loadgen visit: spans=none/qps=10: ") &&
				strings.Contains(in.Text(), ` not returned: key "" for `)
		}
		if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
		var rest []string
		for in.Scan() {
			rest = append(rest, in.Text())
		}
		// Both calls were made, so that the visit is whole.
		err, said := cmd.Wait(), strings.Join(rest, "\n")
		if code := cmd.ProcessState.ExitCode(); !told || code != exitUnusable ||
			!strings.HasSuffix(said, "2 calls failed: did not return") {
			t.Errorf("told %v, exit %d, %v\n%s", told, code, err, said)
		}
	})
}

func TestAnotherTargetHasItsOwnNameAndNoEstimatorsThatNobodyAskedFor(t *testing.T) {
	for _, c := range []struct {
		name, args string
		want, not  string
	}{
		{"the first", "plan", "look-up", "tdigest"},
		{"another", "plan --target spanned", "spanned: Makes spans by itself.", "look-up"},
		{"estimators", "plan --quantile hdr", "estimators  hdr", "tdigest"},
		{"the map", "plan --target map", "sdk at 10,000/s", "look-up"},
		{"help", "run --help", "--target, look-up is taken.", "span-reuse is taken"},
		{"scenarios", "scenarios", "--target spanned", "--target map"},
		{"completion", "__complete run --target s", "spanned\tMakes spans by itself.", "nobody"},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, stdout, stderr := own(t, strings.Fields(c.args)...)
			if code != 0 || !strings.Contains(stdout, c.want) || strings.Contains(stdout, c.not) {
				t.Errorf("exit %d, want %q and not %q\n%s\n%s", code, c.want, c.not, stdout, stderr)
			}
		})
	}
	out := filepath.Join(t.TempDir(), "out")
	code, stdout, stderr := own(t, "run", "--target", "spanned", "--spans", "none", "--qps", "1k", "--duration",
		"200ms", "--warmup", "0", "--rounds", "1", "--out", out)
	if run, err := results.Read(out); code != 0 || strings.Contains(stdout, "Estimators, each") || err != nil ||
		run.Scenario.Name != "spanned" {
		t.Errorf("exit %d, %v\n%s\n%s", code, err, stdout, stderr)
	}
}
