package cli

import (
	"errors"
	"strings"
	"testing"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/capacity"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/golden"
	"github.com/loadgen-go/loadgen/scenarios"
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
		"p99<500us, errrs<0.1%": "character 12 is where it goes wrong\n  p99<500us, errrs<0.1%\n             ^ SLO " +
			"\" errrs<0.1%\": character 2: \"errrs<0.1%\" is not p99",
		"p99<500":           "character 5 is where it goes wrong\n  p99<500\n      ^ SLO",
		"max<20µs,p100<5ms": "character 10 is where it goes wrong\n  max<20µs,p100<5ms\n           ^ SLO",
		"errors<0.1%,":      "character 13 is where it goes wrong",
	} {
		t.Run(text, func(t *testing.T) {
			if _, err := readObjectives(text); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%q: %v\nwant %s", text, err, want)
			}
		})
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
		{"capacity --format xml --probe 1ms --slo p99<5 --out=",
			[]string{`--format: "xml" is unknown: want one of text, json`,
				"--probe: 1ms is not valid: want 10ms to 1h", "--slo: character 5", "--out is empty"}},
		{"capacity --slo p99<5ms --require 1/m --budget 3s",
			[]string{"--budget: 3s is not enough for one probe: at 1/60/s one lasts 7h22m0.1s, since the " +
				"objectives need as many calls: raise --budget, or --require"}},
		{"capacity --slo p99<5ms --from 1000M --probe 2s",
			[]string{"--from: at 1000000000/s a probe of 2s is of 2,000,000,000 calls: want 200,000,000 at most"}},
		{"capacity --slo p99<5ms --require 500M --budget 3s", []string{"--require: at 500000000/s a probe of 2s"}},
		{"capacity --budget 1s", []string{"--budget: 1s is not enough for a probe of 2s"}},
		{"capacity span-reuse", []string{"there is no objective to search by: want --slo 'p99<500us, errors<0.1%'"}},
		{"capacity --from 0", []string{"--from", "not above zero"}},
		{"capacity --scaling 1,2,2,x,0 --format xml", []string{`"xml" is unknown`, "--scaling: 2 is given twice",
			`--scaling: "x" is no number of workers: want 1 to 100000`, `--scaling: "0" is no`,
			"--scaling: 2 different numbers of workers: want 6 to 64"}},
		{"capacity --scaling=", []string{`--scaling: "" is no number of workers`}},
		{"capacity --require fast", []string{"--require", "not a number"}},
		{"capacity --precision 90%", []string{"--precision", "want a share from 0.1% to 25%, such as 3%"}},
		{"capacity --qps 5k", []string{"unknown flag: --qps"}},
		{"capacity --slo p99<5ms --spans pool", []string{`--spans: "pool" is unknown`}},
		{"capacity --resume /no/such/search", []string{"/no/such/search", "want the directory of a capacity search"}},
		{"capacity mine --resume x --probe 3s", []string{"want no mine", "--resume: --probe is that of the search"}},
		{"capacity --slo p99<5ms_over_every_100ms",
			[]string{"at 1,000/s the windows of the objectives have too few calls: want --from, and --require, of " +
				"4420/s or more"}},
		{"capacity --slo p99<5ms_over_every_1h", []string{"has windows longer than the run of 2"}},
	} {
		t.Run(c.args, func(t *testing.T) {
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
		})
	}
}

func TestCapacityCompletesWhatItsFlagsTake(t *testing.T) {
	for flag, want := range map[string]string{"--format": "json\n", "--precision": "3%\n", "--spans": "pooled\n",
		"--scaling": "1,2,3,4,6,8\n"} {
		t.Run(flag, func(t *testing.T) {
			if code, stdout, _ := execute(t, "__complete", "capacity", flag, ""); code != 0 ||
				!strings.Contains(stdout, want) {
				t.Errorf("%s: exit %d\n%s", flag, code, stdout)
			}
		})
	}
}

func TestASearchEndsWithTheCodeOfItsAnswer(t *testing.T) {
	found := capacity.Arm{Arm: "spans=none", Verdict: capacity.Found, Told: 40_200, Visits: 6, Capacity: 41_200,
		Low: 40_600, High: 41_900, Fitted: true, Precise: true}
	with := func(change func(*capacity.Arm)) capacity.Arm {
		a := found
		change(&a)
		return a
	}
	bound := func(v capacity.Verdict, told float64) capacity.Arm {
		return capacity.Arm{Arm: "spans=none", Verdict: v, Told: told, Capacity: told, Low: told, High: told}
	}
	for name, c := range map[string]struct {
		arms    []capacity.Arm
		require float64
		code    int
	}{
		"an answer":                   {[]capacity.Arm{found}, 0, exitOK},
		"it carries what is required": {[]capacity.Arm{found}, 40_000, exitOK},
		"it does not": {[]capacity.Arm{with(func(a *capacity.Arm) { a.Refused = true })},
			42_000, exitWorse},
		"what is required is not confirmed": {[]capacity.Arm{found}, 40_400, exitNotValid},
		"less precise than asked": {[]capacity.Arm{with(func(a *capacity.Arm) { a.Precise = false })}, 0,
			exitNotValid},
		"no rate is confirmed": {[]capacity.Arm{with(func(a *capacity.Arm) { a.Told = 0 })}, 0,
			exitNotValid},
		"no rate is confirmed, and one required": {[]capacity.Arm{with(func(a *capacity.Arm) { a.Told = 0 })}, 100,
			exitNotValid},
		"less precise, and surely enough": {[]capacity.Arm{with(func(a *capacity.Arm) { a.Precise = false })}, 40_000,
			exitOK},
		"one arm of two does not carry it": {[]capacity.Arm{found,
			with(func(a *capacity.Arm) { a.Refused = true })}, 40_000, exitWorse},
		"the generator was the limit": {[]capacity.Arm{bound(capacity.GeneratorLimited, 41_000)}, 0,
			exitNotValid},
		"the generator was the limit before it": {[]capacity.Arm{bound(capacity.GeneratorLimited, 39_000)}, 40_000,
			exitNotValid},
		"the generator was the limit, and no harm": {[]capacity.Arm{bound(capacity.GeneratorLimited, 41_000)}, 40_000,
			exitOK},
		"no rate failed": {[]capacity.Arm{bound(capacity.HoldsThroughout, 41_000)}, 0,
			exitNotValid},
		"no rate failed, which is enough": {[]capacity.Arm{bound(capacity.HoldsThroughout, 41_000)}, 40_000,
			exitOK},
		"no rate held": {[]capacity.Arm{bound(capacity.FailsThroughout, 0)}, 0,
			exitNotValid},
		"it fails what it held": {[]capacity.Arm{bound(capacity.FailsNow, 0)}, 0, exitNotValid},
		"nothing is known": {[]capacity.Arm{{Arm: "spans=none", Verdict: capacity.Undecided}},
			40_000, exitNotValid},
		"there is no arm": {nil, 0, exitNotValid},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := scenarios.Load("span-reuse")
			if err != nil {
				t.Fatal(err)
			}
			err = judgeCapacity(&capacity.File{Scenario: s, Require: c.require, Answer: capacity.Answer{Arms: c.arms}})
			code := exitOK
			var exit *exitError
			if errors.As(err, &exit) {
				code = exit.code
			}
			if code != c.code {
				t.Errorf("exit %d (%v), want %d", code, err, c.code)
			}
		})
	}
}
