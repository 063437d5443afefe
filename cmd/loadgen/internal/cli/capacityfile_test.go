package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/capacity"
)

func TestABudgetThatIsTooSmallForOneProbeIsRefusedAtOnce(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"calls enough for a percentile": {[]string{"--from", "10/s", "--slo", "p99.9<50ms", "--budget", "3s"},
			"since the objectives need as many calls: raise --budget, or --from"},
		"a long warm-up": {[]string{"--slo", "p50<50ms", "--probe", "1s", "--warmup", "10s",
			"--budget", "5s"}, "--budget: 5s is not enough for one probe: at 1000/s one lasts 11s: raise"},
	} {
		t.Run(name, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "out")
			code, text, log := execute(t, append([]string{"capacity", "--out", out}, c.args...)...)
			if code != exitUnusable || text != "" || !strings.Contains(log, c.want) {
				t.Errorf("exit %d, %q\n%s\nwant %d and %q", code, text, log, exitUnusable, c.want)
			}
			if _, err := os.Stat(out); !os.IsNotExist(err) {
				t.Errorf("%s was made: %v", out, err)
			}
		})
	}
}

func TestASearchDoesNotBeginWhereAnotherIsRunning(t *testing.T) {
	out := t.TempDir()
	unlock, err := capacity.Lock(out)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unlock() })
	code, _, log := execute(t, "capacity", "--slo", "p99<50ms", "--out", out)
	if code != exitUnusable || strings.Count(log, "another loadgen is searching there") != 1 {
		t.Errorf("exit %d\n%s", code, log)
	}
}

func TestADirectoryThatCannotBeWrittenIsToldOnceAndHoldsNothing(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	code, _, log := execute(t, "capacity", "--slo", "p99<50ms", "--out", filepath.Join(file, "out"))
	if code != exitUnusable || strings.Count(log, "not a directory") != 1 ||
		strings.Contains(log, "what was measured before") {
		t.Errorf("exit %d\n%s", code, log)
	}
}
