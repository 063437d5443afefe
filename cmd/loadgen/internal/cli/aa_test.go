package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/selftest"
	"github.com/loadgen-go/loadgen/results/comparison"
	"github.com/loadgen-go/loadgen/scenarios"
)

func TestAnArmIsComparedWithItself(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	var stdout, stderr bytes.Buffer
	kept := filepath.Join(t.TempDir(), "floor.json")
	a := aa{rounds: 6, keep: kept, json: true, stdout: &stdout, stderr: &stderr,
		settings: []scenarios.Setting{{Key: "duration", Value: "50ms"}, {Key: "warmup", Value: "0"}}}
	var exit *exitError
	err := a.run(t.Context())
	if err != nil && (!errors.As(err, &exit) || exit.code != exitWorse) {
		t.Fatalf("%v\n%s", err, &stderr)
	}
	var r selftest.AA
	if jsonErr := json.Unmarshal(stdout.Bytes(), &r); jsonErr != nil || r.Rounds != 6 || r.Splits != 64 ||
		len(r.Units) < 10 {
		t.Errorf("%v, %+v", jsonErr, r)
	}
	// By chance an arm may be called worse than itself; it is told then.
	if r.Passed != (err == nil) {
		t.Errorf("passed %v, and ends with %v", r.Passed, err)
	}
	judged := 0
	for _, f := range r.Units {
		if f.Exploratory == comparison.IsPrimary(f.Unit) {
			t.Errorf("%s: exploratory %v", f.Unit, f.Exploratory)
		}
		if !f.Exploratory {
			judged++
		}
	}
	if judged < 3 || r.Need != comparison.Need(judged, true) { // p99 may not be comparable on a busy machine
		t.Errorf("%d units are judged, and need %d rounds", judged, r.Need)
	}
	if noise, err := selftest.ReadNoise(kept); err != nil || noise == nil || noise.Began.IsZero() ||
		len(noise.Units) != len(r.Units) {
		t.Errorf("kept: %+v, %v", noise, err)
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	if err := a.run(stopped); !errors.As(err, &exit) || exit.code != exitInterrupted {
		t.Errorf("%v, want exit 130", err)
	}
	if left, err := os.ReadDir(os.Getenv("TMPDIR")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestAComparisonWithItselfWantsEnoughRounds(t *testing.T) {
	for args, want := range map[string]string{
		"--aa 5":               "--aa: 5 rounds: want 6 to 1000, since fewer give no interval of 95%",
		"--aa 0":               "--aa: 0 rounds: want 6",
		"--aa 6 --quick":       "--aa: it makes none of the checks",
		"--aa 6 --only pacing": "--aa: it makes none of the checks",
		"--keep floor.json":    "--keep: the checks keep no file",
	} {
		t.Run(args, func(t *testing.T) {
			if code, stdout, stderr := execute(t, append([]string{"selftest"},
				strings.Fields(args)...)...); code != exitUnusable || stdout != "" || !strings.Contains(stderr, want) {
				t.Errorf("%s: exit %d\n%s", args, code, stderr)
			}
		})
	}
}

// What was kept is told by a comparison in the same directory, and what is broken changes
// no result.
func TestAComparisonTellsTheNoiseFloor(t *testing.T) {
	dir := t.TempDir()
	results := strings.Repeat("BenchmarkA-2 10 100 ns/op 8 B/op\n", 6)
	if err := os.WriteFile(filepath.Join(dir, "a.txt"), []byte(results), 0o600); err != nil {
		t.Fatal(err)
	}
	floor := filepath.Join(dir, selftest.NoiseFile)
	aa := selftest.AA{Schema: 1, Rounds: 12, Units: []selftest.Floor{{Unit: "sec/op", P90: 0.2},
		{Unit: "err-ppm", P90: 0.3}}}
	if err := aa.Keep(floor); err != nil {
		t.Fatal(err)
	}
	compare := func() (stdout, stderr string) {
		cmd, out, errs := command(t, "compare", "a.txt", "a.txt")
		cmd.Dir = dir
		if err := cmd.Run(); err != nil {
			t.Fatalf("%v\n%s", err, errs)
		}
		return strings.Join(strings.Fields(out.String()), " "), errs.String()
	}
	if stdout, stderr := compare(); !strings.Contains(stdout, "note: noise floor") ||
		!strings.Contains(stdout, "are below sec/op 20.0%") || strings.Contains(stdout, "err-ppm") || stderr != "" {
		t.Errorf("%s\n%s", stdout, stderr)
	}
	if err := os.WriteFile(floor, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if stdout, stderr := compare(); strings.Contains(stdout, "noise") ||
		!strings.Contains(stderr, "warning: the noise floor is not told: ") {
		t.Errorf("%s\n%s", stdout, stderr)
	}
}
