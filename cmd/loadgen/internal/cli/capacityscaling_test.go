package cli

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/capacity"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/usl"
	"github.com/loadgen-go/loadgen/results"
)

func TestNumbersOfWorkersAreReadStrictly(t *testing.T) {
	many := make([]string, 65)
	for i := range many {
		many[i] = fmt.Sprint(i + 1)
	}
	if all, err := readWorkers("8, 6,4,3,2,1"); err != nil || !slices.Equal(all, []int{1, 2, 3, 4, 6, 8}) {
		t.Error(all, err)
	}
	if all, err := readWorkers(strings.Join(many[:64], ",")); err != nil || len(all) != 64 {
		t.Error(all, err)
	}
	for text, want := range map[string][]string{
		"1,2,3,4,5":               {"5 different numbers of workers: want 6 to 64"},
		strings.Join(many, ","):   {"65 different numbers"},
		"1,2,3,4,5,6,6":           {"6 is given twice"},
		"100,101,102,103,104,105": {"the fewest workers are 100: want 1 or 2 among them"},
		"1,2,3,4,5,6,100001,":     {`"100001" is no number of workers: want 1 to 100000`, `"" is no number`},
		"1,-2,1e3,99999999999999999999999": {`"-2" is no`, `"1e3" is no`, `"99999999999999999999999" is no`,
			"1 different"},
	} {
		_, err := readWorkers(text)
		for _, want := range want {
			if err == nil || !strings.Contains(err.Error(), "--scaling: "+want) {
				t.Errorf("%q: %v\nwant %s", text, err, want)
			}
		}
	}
}

// The turnstile lets calls through one by one: 500 a second at the very most, whatever
// the number of workers.
func TestScalingIsMeasuredAfterTheSearchAndGoesOnAfterAnInterrupt(t *testing.T) {
	marks, out := filepath.Join(t.TempDir(), "marks"), filepath.Join(t.TempDir(), "out")
	t.Setenv(asCommand, ownTargets)
	t.Setenv(testMarks, marks)
	t.Setenv(testHangs, "visit 2") // which come after all probes
	p := start(t, "", "capacity", "--target", "turnstile", "--slo", "max<1h", "--workers", "2", "--pace", "sleep",
		"--from", "5000/s", "--probe", "20ms", "--warmup", "0", "--budget", "200ms", "--seed", "1", "--out", out,
		"--scaling", "1,2,3,4,6,8")
	p.await(t, "a second throughput", func() bool { return marked(marks, "visit") == 2 })
	code := p.interrupt(t)
	f, err := capacity.ReadFile(out)
	if err != nil || code != exitInterrupted || f.Status != results.Partial || len(f.Scaling) != 1 ||
		len(f.Throughputs) != 1 {
		t.Fatalf("exit %d, %+v, %v\n%s\n%s", code, f, err, &p.stdout, &p.stderr)
	}
	// Most of the rest is made up, for visits take their time.
	made := f.Unscaled()
	for i := range made {
		made[i].Achieved = 400
	}
	f.Throughputs = append(f.Throughputs, made[:len(made)-2]...)
	before := f.Throughputs
	if err := f.Write(out); err != nil {
		t.Fatal(err)
	}

	if code, _, log := execute(t, "capacity", "--resume", out, "--scaling", "1,2,3,4,5,6"); code != exitUnusable ||
		!strings.Contains(log, "--scaling: the search has [1 2 3 4 6 8]") {
		t.Errorf("other numbers of workers: exit %d\n%s", code, log)
	}
	code, text, log := execute(t, "capacity", "--resume", out)
	if code != exitNotValid || !strings.Contains(log, "scaling 17 of 18: spans=none with ") ||
		strings.Contains(log, "scaling 16 of") {
		t.Fatalf("after %d throughputs: exit %d\n%s", len(before), code, log)
	}
	if f, err = capacity.ReadFile(out); err != nil || f.Status != results.Complete || len(f.Throughputs) != 18 ||
		!slices.Equal(f.Throughputs[:len(before)], before) {
		t.Fatalf("%+v, %v", f, err)
	}
	for _, m := range f.Throughputs {
		if !(m.Achieved > 0 && m.Achieved <= 500) {
			t.Errorf("%+v: want at most 500/s", m)
		}
	}
	for _, want := range []string{"\nHow throughput scales with workers, in closed loops: ", "\n  spans=none: "} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	planOfScaling(t, f)
}

// planOfScaling sees that a plan finds a law, of an arm with a capacity: one without a
// peak, whose infinite ends JSON does not have, and which is read again all the same.
func planOfScaling(t *testing.T, f *capacity.File) {
	t.Helper()
	f.Answer.Arms[0] = capacity.Arm{Arm: "spans=none", Verdict: capacity.Found, Capacity: 400, Low: 390, High: 410,
		Told: 390}
	law := usl.Law{Lambda: 2000, Sigma: 0.5}
	for i := range f.Throughputs {
		f.Throughputs[i].Achieved = law.Throughput(float64(f.Throughputs[i].Workers))
	}
	f.Scale()
	const want = ": 2,000/s alone ("
	text := strings.Join(strings.Fields(f.Text(plainScreen(), capacity.Reading{})), " ")
	if !strings.Contains(text, "spans=none"+want) ||
		!strings.Contains(text, "; no peak is shown: kappa may be 0") {
		t.Error(text)
	}
	dir := t.TempDir()
	if err := f.Write(dir); err != nil {
		t.Fatal(err)
	}
	if again, err := capacity.ReadFile(dir); err != nil || again.Scaling[0].Fit == nil {
		t.Errorf("read again: %v", err)
	}
	code, text, log := execute(t, "capacity", "plan", "--all", "--peak", "1000", dir)
	if code != 0 || !strings.Contains(text,
		"How an instance scales: the Universal Scalability Law, with 95% intervals\n\n- turnstile"+want) {
		t.Errorf("exit %d\n%s\n%s", code, text, log)
	}
}
