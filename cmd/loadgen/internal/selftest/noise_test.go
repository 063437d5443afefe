package selftest_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/selftest"
	"github.com/loadgen-go/loadgen/results"
)

func TestTheNoiseFloorThatIsKeptIsReported(t *testing.T) {
	path := filepath.Join(t.TempDir(), "results", "noise.json")
	if r, err := selftest.ReadNoise(path); r != nil || err != nil || r.Noise(func(string) bool { return true }) != "" {
		t.Errorf("without a file: %v, %v", r, err)
	}
	aa := &selftest.AA{Schema: 1, Began: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Rounds: 12,
		Environment: results.Environment{CPU: "a CPU", GOMAXPROCS: 2},
		Units: []selftest.Floor{{Unit: "sec/op", P90: 0.123}, {Unit: "B/op", P90: 0.5},
			{Unit: "err-ppm", Absolute: true, P90: 7}}}
	if err := aa.Keep(path); err != nil {
		t.Fatal(err)
	}
	r, err := selftest.ReadNoise(path)
	if err != nil {
		t.Fatal(err)
	}
	want := "noise floor, of selftest --aa in 12 rounds on 2026-01-02 (a CPU, GOMAXPROCS=2): nine of ten " +
		"differences of an arm from itself are below sec/op 12.3%, err-ppm 7.000"
	if got := r.Noise(func(unit string) bool { return unit != "B/op" }); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := r.Noise(func(string) bool { return false }); got != "" {
		t.Errorf("no unit is wanted: %s", got)
	}
	for _, broken := range []string{"", "{", `{"schema":"x"}`, `{"schema":2}`, `{"schema":0}`} {
		if err := os.WriteFile(path, []byte(broken), 0o600); err != nil {
			t.Fatal(err)
		}
		where := "noise.json: "
		if !strings.HasSuffix(broken, "}") || strings.Contains(broken, "x") {
			where = "noise.json:1: "
		}
		if r, err := selftest.ReadNoise(path); err == nil || !strings.Contains(err.Error(), where) ||
			!strings.Contains(err.Error(), "selftest --aa") {
			t.Errorf("%q: %v, %v", broken, r, err)
		}
	}
}

func TestWhatCannotBeKeptIsKnownBeforeItIsMeasured(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("kept"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, path string
		ok         bool
	}{
		{"none", "", true},
		{"a new file", filepath.Join(dir, "new", "noise.json"), true},
		{"a file", file, true},
		{"a directory", dir, false},
		{"below a file", filepath.Join(file, "noise.json"), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := selftest.CanKeep(c.path); (err == nil) != c.ok {
				t.Error(err)
			}
		})
	}
	if got, err := os.ReadFile(file); string(got) != "kept" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "new", "noise.json")); !os.IsNotExist(err) {
		t.Errorf("the new file is left: %v", err)
	}
}
