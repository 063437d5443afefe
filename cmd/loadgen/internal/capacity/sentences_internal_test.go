package capacity

import (
	"strings"
	"testing"
)

func TestTheLimitThatEndedASearchIsNamed(t *testing.T) {
	busy := Remark{Probes: 4, Last: "noisy-machine: 90% of the CPU time was used by other processes"}
	late := Remark{Probes: 4, Last: "generator-limited: calls began 2ms late"}
	for _, c := range []struct {
		name                string
		arm                 Arm
		sentence, exit, not string
	}{
		{"the machine", Arm{Verdict: GeneratorLimited, Silent: busy},
			"was not measured further: no rate was confirmed, and at more the machine was busy", "close other " +
				"programs", "generator"},
		{"the machine, above a rate", Arm{Verdict: GeneratorLimited, Silent: busy, Told: 100,
			Visits: 6},
			"was not measured further: it holds at 100/s (6 of 6 visits), and at more the machine", "close other " +
				"programs", "generator"},
		{"the generator", Arm{Verdict: GeneratorLimited, Silent: late},
			"is generator-limited: no rate was confirmed", "the generator ran out", "busy"},
		{"the machine, before anything was told", Arm{Verdict: Undecided, Silent: busy},
			"is undecided", "close other programs", "--budget"},
		{"the budget", Arm{Verdict: Undecided}, "is undecided", "raise --budget", "busy"},
		{"the target", Arm{Verdict: FailsThroughout, Fails: 3.9},
			"fails throughout: down to 3.9/s no rate held", "misses the objective down to 3.9/s", "--budget"},
	} {
		t.Run(c.name, func(t *testing.T) {
			sentence, exit := c.arm.sentence(), c.arm.Unanswered()
			if !strings.Contains(sentence, c.sentence) || !strings.Contains(exit, c.exit) ||
				strings.Contains(exit, c.not) {
				t.Errorf("%q and %q, want %q and %q without %q", sentence, exit, c.sentence, c.exit, c.not)
			}
		})
	}
}

func TestAnAnswerIsSaidWithItsIntervalAndABoundIsNoCapacity(t *testing.T) {
	found := Arm{Verdict: Found, Told: 40_200.4, Visits: 6, Capacity: 41_200.4, Low: 40_600.2,
		High: 41_901, Fitted: true, Precise: true,
		Within: Tally{Held: 7, Visits: 15}}
	with := func(change func(*Arm)) Arm {
		a := found
		change(&a)
		return a
	}
	for want, a := range map[string]Arm{
		"holds at 40,200/s (6 of 6 visits); half of the visits hold at 41,200/s (95% interval 40,600 to " +
			"41,900)": found,
		"holds at 812.5/s (12 of 12 visits); half of the visits hold at 900/s (95% interval 890 to 921)": {
			Verdict: Found, Told: 812.51, Visits: 12, Capacity: 900, Low: 890, High: 921, Fitted: true,
			Precise: true,
		},
		"holds at 40,200/s (6 of 6 visits); half of the visits hold at about 41,200/s: they come out both ways " +
			"between 40,600 and 41,900/s, where 7 of 15 held": with(func(a *Arm) { a.Precise = false }),
		"holds surely at no rate that was tried; half of the visits hold somewhere between 40,600 and 41,900/s " +
			"(bracket, no interval)": with(func(a *Arm) {
			a.Told, a.Fitted, a.Precise = 0, false, false
		}),
		"is generator-limited: it holds at 9,000/s (6 of 6 visits), and more the generator cannot offer": {
			Verdict: GeneratorLimited, Told: 9000, Visits: 6,
		},
		"is generator-limited: no rate was confirmed, and more the generator cannot offer": {
			Verdict: GeneratorLimited,
		},
		"holds at 9,000/s (6 of 6 visits), and was not seen to fail": {
			Verdict: HoldsThroughout, Told: 9000, Visits: 6,
		},
		"holds throughout: up to 8,000/s no rate failed": {
			Verdict: HoldsThroughout, Low: 8000,
		},
		"fails throughout: down to 0.9766/s no rate held": {
			Verdict: FailsThroughout, Fails: 1000. / 1024,
		},
		"fails at 1,000/s: 0 of 7 visits held": {
			Verdict: FailsThroughout, Fails: 1000, Required: Tally{Visits: 7},
		},
		"held before, fails now: five visits in a row failed at 1,000/s, where it held at first; it has not " +
			"recovered from an overload": {Verdict: FailsNow, Fails: 1000},
		"is undecided: too few probes said anything of the target": {Verdict: Undecided},
	} {
		if got := a.sentence(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestWhatMakesAnAnswerDoubtfulIsSaid(t *testing.T) {
	for want, a := range map[string]Arm{
		"2 of 30 visits at that rate and below failed": {Verdict: Found, Told: 900,
			Below: Tally{Held: 28, Visits: 30}, Fitted: true, Precise: true},
		"no rate was confirmed: 9 of 30 visits at 1,000/s and below failed": {Verdict: Found, Low: 1000,
			Below: Tally{Held: 21, Visits: 30}, Fitted: true, Precise: true},
		"less precise than asked: visits differ too much for the budget": {Verdict: Found, Told: 900,
			Fitted: true},
		"3 of 40 probes said nothing of the target: noisy-machine: busy": {Probes: 40,
			Silent: Remark{Probes: 3, Last: "noisy-machine: busy"}},
		"1 of 40 probes kept the objectives and do not hold all the same: saturated: no worker": {Probes: 40,
			Spoiled: Remark{Probes: 1, Last: "saturated: no worker"}},
		"latency changed in the course of 3 of 12 visits at that rate and below: not-stationary: by -60%": {
			Below: Tally{Held: 9, Visits: 12}, Unsteady: Remark{Probes: 3,
				Last: "not-stationary: by -60%"},
		},
		"": {Below: Tally{Held: 9, Visits: 13},
			Unsteady: Remark{Probes: 3, Last: "not-stationary: by -60%"}},
		"what ran out: CPU: 1.97 of 2 cores": {Resource: "CPU: 1.97 of 2 cores"},
	} {
		if got := strings.Join(a.notes(), "\n"); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestEqualSharesHaveNoSign(t *testing.T) {
	for share, want := range map[float64]string{0: "0%", -1e-17: "0%", -0.0123: "-1.23%", 0.25: "25.0%"} {
		if got := sharePercent(share); got != want {
			t.Errorf("%v is %s, want %s", share, got, want)
		}
		if got := sharePercent(-share); share == 0 && got != want {
			t.Errorf("-0 is %s", got)
		}
	}
}
