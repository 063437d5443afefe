package cli

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/capacity"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/machine"
	"github.com/loadgen-go/loadgen/results"
)

// turnstile lets one call through at a time, each of which takes 2 ms or more: it
// carries 500 calls a second at the very most, on any machine.
var turnstile = func() Target {
	var mu sync.Mutex
	return Func("turnstile", func(context.Context, string) error {
		mu.Lock()
		defer mu.Unlock()
		time.Sleep(2 * time.Millisecond)
		return nil
	})
}()

func init() { testTargets = append(testTargets, turnstile) }

// In 200 ms of 800 calls a second, the median call comes when the turnstile is 60 ms
// behind. So no such rate holds, however the machine is.
func TestASearchThatIsInterruptedGoesOn(t *testing.T) {
	marks, out := filepath.Join(t.TempDir(), "marks"), filepath.Join(t.TempDir(), "out")
	t.Setenv(asCommand, ownTargets)
	t.Setenv(testMarks, marks)
	t.Setenv(testHangs, "probe 3")
	p := start(t, "", "capacity", "--target", "turnstile", "--slo", "p50<50ms, errors<50%", "--workers", "8",
		"--pace", "sleep",
		"--from", "200/s", "--probe", "200ms", "--warmup", "0", "--budget", "1m", "--precision", "25%", "--seed", "1",
		"--out", out)
	p.await(t, "a third probe", func() bool { return marked(marks, "probe") == 3 })
	if code, _, log := execute(t, "capacity", "--resume", out); code != exitUnusable ||
		!strings.Contains(log, "another loadgen is searching there") {
		t.Errorf("another search in its place while it goes on: exit %d\n%s", code, log)
	}
	if f, err := capacity.ReadFile(out); err != nil || f.Status != results.Partial {
		t.Errorf("while it goes on: %+v, %v", f, err)
	}
	if code := p.interrupt(t); code != exitInterrupted ||
		!strings.Contains(p.stderr.String(), "loadgen capacity --resume "+out+" goes on") {
		t.Fatalf("exit %d\n%s\n%s", code, &p.stdout, &p.stderr)
	}
	before, err := capacity.ReadFile(out)
	if err != nil || before.Status != results.Partial || len(before.Probes) != 2 {
		t.Fatalf("%+v, %v", before, err)
	}

	code, text, log := execute(t, "capacity", "--resume", out, "--budget", "10s", "--all")
	if code != exitOK && code != exitNotValid { // a slow machine may not do in the budget
		t.Fatalf("exit %d\n%s\n%s", code, text, log)
	}
	if !strings.Contains(log, "probe 3: spans=none at ") || strings.Contains(log, "probe 2:") {
		t.Errorf("after 2 probes it goes on with\n%s", log)
	}
	f, err := capacity.ReadFile(out)
	if err != nil || f.Status != results.Complete || len(f.Probes) != len(f.Search.Evidence()) ||
		!cmp.Equal(f.Probes[:2], before.Probes) {
		t.Fatalf("%+v, %v", f, err)
	}
	a := f.Answer.Arms[0]
	for _, want := range []string{"turnstile: the capacity at which p50 < 50ms, errors < 50%; ", "\nturnstile ",
		filepath.Join(out, capacity.FileName)} {
		if !strings.Contains(unwrapped(text), want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	if max(a.Told, a.Capacity) >= 800 || a.High >= 900 {
		t.Errorf("%+v, want less than 800/s\n%s", a, log)
	}
	if left, err := filepath.Glob(filepath.Join(out, "*")); err != nil || len(left) != 1 {
		t.Errorf("it leaves %v, %v", left, err)
	}
}

// ended writes a search that has ended: of a target that holds below 500/s.
func ended(t *testing.T) (out string) {
	t.Helper()
	s, err := targets(testTargets).load(newRun(testTargets), nil)
	if err != nil {
		t.Fatal(err)
	}
	if s.SLOs, err = readObjectives("p99<5ms"); err != nil {
		t.Fatal(err)
	}
	search, err := capacity.New(capacity.Options{Arms: []string{"spans=none"}, Start: 100, Least: 1, Most: 1e6,
		Precision: 0.1, Probe: time.Second, Budget: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	_, inputs, err := pinSelf()
	if err != nil {
		t.Fatal(err)
	}
	f := &capacity.File{Status: results.Complete, Scenario: s, Search: search, Environment: machine.Environment(),
		Inputs: inputs}
	for ask, ok := search.Next(); ok; ask, ok = search.Next() {
		p := &capacity.Probe{Evidence: capacity.Evidence{Ask: ask, Met: ask.Rate < 500}}
		search.Add(p.Evidence)
		f.Probes = append(f.Probes, p)
	}
	f.Answer = search.Answer()
	out = t.TempDir()
	if err := f.Write(out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestASearchThatHasEndedIsAskedForAnotherRate(t *testing.T) {
	out := ended(t)
	for require, want := range map[string]int{"10/s": exitOK, "1000/s": exitWorse} {
		code, text, log := execute(t, "capacity", "--resume", out, "--require", require)
		if code != want || !strings.Contains(text, map[string]string{"10/s": "look-up carries 10/s.",
			"1000/s": "look-up does not carry 1,000/s."}[require]) || strings.Contains(log, "probe 1") {
			t.Errorf("--require %s: exit %d, want %d\n%s\n%s", require, code, want, text, log)
		}
	}
	_, json, _ := execute(t, "capacity", "--resume", out, "--format", "json")
	if data, err := os.ReadFile(filepath.Join(out, capacity.FileName)); err != nil || json != string(data) {
		t.Errorf("%v; --format json prints\n%s\nwant what is in the file", err, json)
	}
	if code, _, log := execute(t, "capacity", "--resume", out, "--budget", "100ms"); code != exitUnusable ||
		!strings.Contains(log, "--budget: ") {
		t.Errorf("a budget of less than a probe: exit %d\n%s", code, log)
	}
	code, _, log := execute(t, "capacity", "--slo", "p50<10ms", "--out", out)
	if code != exitUnusable || !strings.Contains(log,
		"holds a search already: want another directory, or --resume "+out) {
		t.Errorf("another search in its place: exit %d\n%s", code, log)
	}
}

func TestASearchGoesOnWithTheSameProgramAlone(t *testing.T) {
	const another = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	for name, c := range map[string]struct {
		change func(*capacity.File)
		code   int
		want   []string
	}{
		"the same":                  {func(*capacity.File) {}, exitOK, nil},
		"the same in another place": {func(f *capacity.File) { f.Inputs[0].Name = "/elsewhere" }, exitOK, nil},
		"another": {func(f *capacity.File) { f.Inputs[0].SHA256 = another }, exitUnusable,
			[]string{"--resume: the program was ", " with SHA-256 " + another + " and is ",
				"resume with the same build, or begin another search"}},
		"an unknown one": {func(f *capacity.File) { f.Inputs = nil }, exitUnusable,
			[]string{"--resume: the search does not say which program its probes were made with"}},
	} {
		t.Run(name, func(t *testing.T) {
			out := ended(t)
			f, err := capacity.ReadFile(out)
			if err != nil {
				t.Fatal(err)
			}
			c.change(f)
			if err := f.Write(out); err != nil {
				t.Fatal(err)
			}
			before, err := os.ReadFile(filepath.Join(out, capacity.FileName))
			if err != nil {
				t.Fatal(err)
			}
			code, _, log := execute(t, "capacity", "--resume", out)
			if code != c.code {
				t.Errorf("exit %d, want %d\n%s", code, c.code, log)
			}
			for _, want := range c.want {
				if !strings.Contains(log, want) {
					t.Errorf("%q is not in\n%s", want, log)
				}
			}
			after, err := os.ReadFile(filepath.Join(out, capacity.FileName))
			if err != nil || code == exitUnusable && !bytes.Equal(before, after) {
				t.Errorf("%v: what was measured is changed", err)
			}
		})
	}
}

func TestASearchThatCannotBeWrittenSaysSoOnce(t *testing.T) {
	file := written(t, "file", "")
	code, stdout, stderr := own(t, "capacity", "--slo", "p50<10ms", "--out", filepath.Join(file, "out"))
	if code != exitUnusable || stdout != "" || strings.Count(stderr, "not a directory") != 1 ||
		strings.Contains(stderr, "what was measured before") {
		t.Errorf("exit %d\n%s\n%s", code, stdout, stderr)
	}
}

func TestASearchOfAnotherMachineDoesNotGoOn(t *testing.T) {
	s, err := capacity.New(capacity.Options{Arms: []string{"spans=none"}, Start: 100, Least: 1, Most: 1e6,
		Precision: 0.1, Probe: time.Second, Budget: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	scenario, err := targets(testTargets).load(newRun(testTargets), nil)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	f := capacity.File{Scenario: scenario, Search: s, Environment: results.Environment{CPU: "abacus", NumCPU: 1}}
	if err := f.Write(dir); err != nil {
		t.Fatal(err)
	}
	code, _, stderr := execute(t, "capacity", "--resume", dir)
	if code != exitUnusable || !strings.Contains(stderr, "--resume: the processor was abacus x 1 and is ") {
		t.Errorf("exit %d\n%s", code, stderr)
	}
	if err := os.WriteFile(filepath.Join(dir, capacity.FileName), []byte("{\"schema\":1,\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := execute(t, "capacity", "--resume", dir); code != exitUnusable ||
		!strings.Contains(stderr, "capacity.json:2: not JSON") {
		t.Errorf("exit %d\n%s", code, stderr)
	}
}

func TestAProbeThatCannotBeMadeEndsTheSearch(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	code, stdout, stderr := own(t, "capacity", "--target", "closed", "--slo", "p50<10ms", "--probe", "50ms", "--out",
		out)
	if code != exitUnusable || stdout != "" || !strings.Contains(stderr, "no such table") ||
		!strings.Contains(stderr, "what was measured before is in "+out) {
		t.Errorf("exit %d\n%s\n%s", code, stdout, stderr)
	}
}
