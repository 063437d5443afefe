package command

import (
	"errors"
	"strings"
	"testing"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/capacity"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/golden"
)

func TestHelpOfCapacity(t *testing.T) {
	code, got, stderr := execute(t, "capacity", "--help")
	if code != 0 {
		t.Fatalf("exit %d\n%s", code, stderr)
	}
	golden.Check(t, "help-capacity.txt", got)
}

func TestAnObjectiveThatIsWrongIsPointedAt(t *testing.T) {
	for text, want := range map[string]string{
		"p99<500us, errrs<0.1%": "character 12 is where it goes wrong\n  p99<500us, errrs<0.1%\n             ^ SLO \"errrs<0.1%\": not an objective",
		"p99<500":               "character 5 is where it goes wrong\n  p99<500\n      ^ SLO",
		"max<20µs,p100<5ms":     "character 10 is where it goes wrong\n  max<20µs,p100<5ms\n           ^ SLO",
		"errors<0.1%,":          "character 13 is where it goes wrong",
	} {
		if _, err := readObjectives(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v\nwant %s", text, err, want)
		}
	}
	if all, err := readObjectives("p99<500us, errors<0.1%,p50 < 1ms over every 1s"); err != nil || len(all) != 3 {
		t.Error(all, err)
	}
}

func TestWhatIsWrongWithASearchIsSaidTogether(t *testing.T) {
	for _, c := range []struct {
		args string
		want []string
	}{
		{"capacity --format xml --probe 1ms --slo p99<5 --out=", []string{`--format: "xml" is unknown: want one of text, json`, "--probe: 1ms is not valid: want 10ms to 1h", "--slo: character 5", "--out is empty"}},
		{"capacity --budget 1s", []string{"--budget: 1s is not enough for a probe of 2s"}},
		{"capacity span-reuse", []string{"there is no objective to search by: want --slo 'p99<500us, errors<0.1%'"}},
		{"capacity --from 0", []string{"--from", "not above zero"}},
		{"capacity --scaling 1,2,2,x,0 --format xml", []string{`"xml" is unknown`, "--scaling: 2 is given twice", `--scaling: "x" is no number of workers: want 1 to 100000`, `--scaling: "0" is no`, "--scaling: 2 different numbers of workers: want 6 to 64"}},
		{"capacity --scaling=", []string{`--scaling: "" is no number of workers`}},
		{"capacity --require fast", []string{"--require", "not a number"}},
		{"capacity --precision 90%", []string{"--precision", "want a share from 0.1% to 25%, such as 3%"}},
		{"capacity --qps 5k", []string{"unknown flag: --qps"}},
		{"capacity --slo p99<5ms --spans pool", []string{`--spans: "pool" is unknown`}},
		{"capacity --resume /no/such/search", []string{"/no/such/search", "want the directory of a capacity search"}},
		{"capacity mine --resume x --probe 3s", []string{"want no mine", "--resume: --probe is that of the search"}},
		{"capacity --slo p99<5ms_over_every_1h", []string{"is about windows longer than the run of 2"}},
	} {
		args := strings.Fields(c.args)
		for i := range args {
			args[i] = strings.ReplaceAll(args[i], "_", " ")
		}
		code, stdout, stderr := execute(t, args...)
		if code != exitUnusable || stdout != "" {
			t.Errorf("loadgen %s: exit %d, prints %q", c.args, code, stdout)
		}
		for _, want := range c.want {
			if !strings.Contains(stderr, want) {
				t.Errorf("loadgen %s: %q is not in\n%s", c.args, want, stderr)
			}
		}
	}
}

func TestCapacityCompletesWhatItsFlagsTake(t *testing.T) {
	for flag, want := range map[string]string{"--format": "json\n", "--precision": "3%\n", "--spans": "pooled\n", "--scaling": "1,2,3,4,6,8\n"} {
		if code, stdout, _ := execute(t, "__complete", "capacity", flag, ""); code != 0 || !strings.Contains(stdout, want) {
			t.Errorf("%s: exit %d\n%s", flag, code, stdout)
		}
	}
}

func TestASearchEndsWithTheCodeOfItsAnswer(t *testing.T) {
	found := capacity.Arm{Arm: "spans=none", Verdict: capacity.Found, Holds: 41_200, Low: 40_600, High: 41_900, Fails: 42_400, Precise: true, Confirmed: 40_600}
	with := func(change func(*capacity.Arm)) capacity.Arm {
		a := found
		change(&a)
		return a
	}
	bound := func(v capacity.Verdict, holds, fails float64) capacity.Arm {
		return capacity.Arm{Arm: "spans=none", Verdict: v, Holds: holds, Low: holds, High: holds, Fails: fails}
	}
	for name, c := range map[string]struct {
		arms    []capacity.Arm
		require float64
		code    int
	}{
		"an answer":                                {[]capacity.Arm{found}, 0, exitOK},
		"it carries what is required":              {[]capacity.Arm{found}, 40_000, exitOK},
		"it does not":                              {[]capacity.Arm{found}, 42_000, exitWorse},
		"what is required is in the interval":      {[]capacity.Arm{found}, 41_000, exitNotValid},
		"less precise than asked":                  {[]capacity.Arm{with(func(a *capacity.Arm) { a.Precise = false })}, 0, exitNotValid},
		"not confirmed":                            {[]capacity.Arm{with(func(a *capacity.Arm) { a.Confirmed = 0 })}, 0, exitNotValid},
		"less precise, and surely enough":          {[]capacity.Arm{with(func(a *capacity.Arm) { a.Precise = false })}, 40_000, exitOK},
		"one arm of two does not carry it":         {[]capacity.Arm{found, with(func(a *capacity.Arm) { a.Low, a.Holds, a.High = 30_000, 31_000, 32_000 })}, 40_000, exitWorse},
		"the generator was the limit":              {[]capacity.Arm{bound(capacity.GeneratorLimited, 41_000, 0)}, 0, exitNotValid},
		"the generator was the limit before it":    {[]capacity.Arm{bound(capacity.GeneratorLimited, 39_000, 0)}, 40_000, exitNotValid},
		"the generator was the limit, and no harm": {[]capacity.Arm{bound(capacity.GeneratorLimited, 41_000, 0)}, 40_000, exitOK},
		"no rate failed":                           {[]capacity.Arm{bound(capacity.HoldsThroughout, 41_000, 0)}, 0, exitNotValid},
		"no rate failed, which is enough":          {[]capacity.Arm{bound(capacity.HoldsThroughout, 41_000, 0)}, 40_000, exitOK},
		"no rate held":                             {[]capacity.Arm{bound(capacity.FailsThroughout, 0, 1000)}, 0, exitNotValid},
		"no rate held, not the required one":       {[]capacity.Arm{bound(capacity.FailsThroughout, 0, 1000)}, 40_000, exitWorse},
		"no rate held, but there are lower ones":   {[]capacity.Arm{bound(capacity.FailsThroughout, 0, 1000)}, 500, exitNotValid},
		"nothing is known":                         {[]capacity.Arm{{Arm: "spans=none", Verdict: capacity.Undecided}}, 40_000, exitNotValid},
		"there is no arm":                          {nil, 0, exitNotValid},
	} {
		err := judgeCapacity(&capacity.File{Require: c.require, Answer: capacity.Answer{Arms: c.arms}})
		code := exitOK
		var exit *exitError
		if errors.As(err, &exit) {
			code = exit.code
		}
		if code != c.code {
			t.Errorf("%s: exit %d (%v), want %d", name, code, err, c.code)
		}
	}
}

func TestAnAnswerIsSaidWithItsIntervalAndABoundIsNoCapacity(t *testing.T) {
	for want, a := range map[string]capacity.Arm{
		"holds at 41,200/s (95% interval 40,600 to 41,900), fails at 42,400/s":           {Verdict: capacity.Found, Holds: 41_200.4, Low: 40_600.2, High: 41_901, Fails: 42_399.7},
		"holds at 812.5/s (95% interval 800 to 821)":                                     {Verdict: capacity.Found, Holds: 812.51, Low: 800, High: 821},
		"is generator-limited: it holds at 9,000/s, and more the generator cannot offer": {Verdict: capacity.GeneratorLimited, Holds: 9000, Low: 9000, High: 9000},
		"holds at 9,000/s, and was not seen to fail":                                     {Verdict: capacity.HoldsThroughout, Holds: 9000},
		"fails at 1,000/s, and was not seen to hold":                                     {Verdict: capacity.FailsThroughout, Fails: 1000},
		"is undecided: no probe said anything of the target":                             {Verdict: capacity.Undecided},
	} {
		if got := capacitySentence(&a); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	notes := strings.Join(capacityNotes(&capacity.Arm{Verdict: capacity.Found, Confirmed: 40_600, Precise: true, Resource: "CPU: 1.97 of 2 cores",
		NotMonotone: "1,000/s fails and 2,000/s holds"}), "\n")
	if want := "confirmed at 40,600/s by a probe three times as long\nwhat ran out: CPU: 1.97 of 2 cores\nnot monotone: 1,000/s fails and 2,000/s holds"; notes != want {
		t.Errorf("%q, want %q", notes, want)
	}
}
