package cli

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/gate"
)

const baselines = "../../../../results/baseline/"

// baseline is the recorded one.
func baseline(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(baselines + "exact.txt")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// runGate runs scripts/gate with this binary for loadgen.
func runGate(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var out, errs strings.Builder
	cmd := exec.Command("../../../../scripts/gate", args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = append(os.Environ(), "LOADGEN="+self), &out, &errs
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// The figures that were measured stand in for those of a measurement.
func TestTheGatePassesAndFailsAsCompareDoes(t *testing.T) {
	good := baseline(t)
	const figure = " 48 B/op 1 allocs/op"
	if !strings.Contains(good, figure) {
		t.Fatalf("the baseline has no%s", figure)
	}
	measured := written(t, "measured.txt", good)
	for name, test := range map[string]struct {
		baseline, want string
		code           int
	}{
		"the same":        {good, "0 regressed", 0},
		"was worse":       {strings.Replace(good, figure, " 64 B/op 2 allocs/op", 1), "2 improved", 0},
		"was better":      {strings.Replace(good, figure, " 47 B/op 1 allocs/op", 1), "1 regressed", 1},
		"had none":        {strings.Replace(good, figure, " 0 B/op 0 allocs/op", 1), "2 regressed", 1},
		"had a benchmark": {good + "BenchmarkGone 1 1 B/op\n", "Gone in B/op", 2},
		"broken":          {strings.Replace(good, figure, " 4x8 B/op", 1), "baseline.txt:", 2},
		"empty":           {"", "no benchmark results", 2},
	} {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr := runGate(t, "--baseline", written(t, "baseline.txt", test.baseline), "--measured",
				measured)
			if code != test.code || !strings.Contains(stdout+stderr, test.want) {
				t.Errorf("exit %d, want %d and %q\n%s%s", code, test.code, test.want, stdout, stderr)
			}
		})
	}
	for _, args := range [][]string{{"--baseline"}, {"--record"},
		{"--baseline", "missing.txt", "--measured", measured}} {
		if code, stdout, stderr := runGate(t, args...); code != 2 || stderr == "" {
			t.Errorf("%v: exit %d\n%s%s", args, code, stdout, stderr)
		}
	}
}

func TestTheGateRecordsABaselineThatItPasses(t *testing.T) {
	good := baseline(t)
	_, figures, _ := strings.Cut(good, "\n") // the comment has the version of Go
	file, measured := filepath.Join(t.TempDir(), "baseline.txt"), written(t, "measured.txt", figures)
	if code, _, stderr := runGate(t, "--record-baseline", "--baseline", file, "--measured", measured); code != 0 {
		t.Fatalf("exit %d\n%s", code, stderr)
	}
	data, err := os.ReadFile(file)
	if err != nil || !strings.HasSuffix(string(data), "\n"+figures) {
		t.Errorf("%v\n%s", err, data)
	}
	if code, stdout, stderr := runGate(t, "--baseline", file, "--measured", measured); code != 0 {
		t.Errorf("exit %d\n%s%s", code, stdout, stderr)
	}
}

// A time of another machine in the baseline would be compared with nothing.
func TestTheBaselineHasExactFiguresAlone(t *testing.T) {
	file, err := gate.ReadFile(baselines + gate.DefaultFile)
	if err != nil {
		t.Fatal(err)
	}
	lines, warnings, err := gate.Lines([]string{baselines + "exact.txt"}, nil, nil)
	if err != nil || len(warnings) > 0 {
		t.Fatal(err, warnings)
	}
	met := map[string]bool{}
	for _, l := range lines {
		for i, v := range l.Of.Values {
			met[v.Unit] = true
			if !slices.Contains(file.Exact, v.Unit) || !slices.Contains(file.Only, v.Unit) {
				t.Errorf("%s has %v %s", l.Of.Name, l.Values[i], v.Unit)
			}
			if m := file.Margins[v.Unit]; m.Share != 0 || m.Amount != 0 {
				t.Errorf("%s may differ by %v", v.Unit, m)
			}
		}
		for _, key := range []string{"goos", "goarch", "cpu"} {
			if value := l.Of.GetConfig(key); value != "" {
				t.Errorf("%s is of one machine: %s: %s", l.Of.Name, key, value)
			}
		}
	}
	if len(met) != len(file.Only) {
		t.Errorf("measured in %v, of %v", met, file.Only)
	}
}

// withGo puts a shell script in the place of the command go.
func withGo(t *testing.T, script string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "go"), []byte("#!/bin/sh\n"+script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+string(filepath.ListSeparator)+os.Getenv("PATH"))
}

// What fails to be measured is not what regressed.
func TestTheGateExitsWith2WhereNothingIsMeasured(t *testing.T) {
	for script, want := range map[string]string{
		"echo 'does not build'; exit 1": "does not build",
		"echo PASS":                     "nothing was measured",
	} {
		withGo(t, script)
		if code, stdout, stderr := runGate(t); code != 2 || !strings.Contains(stderr, want) {
			t.Errorf("%s: exit %d\n%s%s", script, code, stdout, stderr)
		}
	}
}

// What the runtime allocates now and then is in one of three rounds, and no time is kept.
func TestTheGateKeepsTheLeastOfTheRounds(t *testing.T) {
	withGo(t, `echo "pkg: m"; for b in 17 9 10; do echo "BenchmarkA/x=1 50 123 ns/op 520.0 state-bytes $b B/op 1 `+
		`allocs/op"; done`)
	file := filepath.Join(t.TempDir(), "baseline.txt")
	if code, _, stderr := runGate(t, "--record-baseline", "--baseline", file); code != 0 {
		t.Fatalf("exit %d\n%s", code, stderr)
	}
	data, err := os.ReadFile(file)
	if err != nil || !strings.HasSuffix(string(data),
		"pkg: m\nBenchmarkA/x=1 50 520.0 state-bytes 9 B/op 1 allocs/op\n") {
		t.Errorf("%v\n%s", err, data)
	}
}
