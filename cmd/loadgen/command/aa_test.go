package command

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/selftest"
	"github.com/loadgen-go/loadgen/scenarios"
)

func TestAnArmIsComparedWithItself(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	var stdout, stderr bytes.Buffer
	a := aa{rounds: 6, json: true, stdout: &stdout, stderr: &stderr, settings: []scenarios.Setting{{Key: "duration", Value: "50ms"}, {Key: "warmup", Value: "0"}}}
	// 6 rounds cannot call anything worse among so many units.
	if err := a.run(t.Context()); err != nil {
		t.Fatalf("%v\n%s", err, &stderr)
	}
	var r selftest.AA
	if err := json.Unmarshal(stdout.Bytes(), &r); err != nil || !r.Passed || r.Rounds != 6 || r.Splits != 64 || len(r.Units) < 10 || r.Need <= 6 {
		t.Errorf("%v, %+v", err, r)
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	var exit *exitError
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
	} {
		if code, stdout, stderr := execute(t, append([]string{"selftest"}, strings.Fields(args)...)...); code != exitUnusable || stdout != "" || !strings.Contains(stderr, want) {
			t.Errorf("%s: exit %d\n%s", args, code, stderr)
		}
	}
}
