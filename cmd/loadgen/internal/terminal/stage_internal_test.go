package terminal

import (
	"strings"
	"testing"
	"time"
)

// at returns an instant of these tests.
func at(seconds float64) time.Time {
	return time.Unix(0, 0).Add(time.Duration(seconds * float64(time.Second)))
}

// run108 is a stage of 108 visits of 1 s, of which 52 are done. Each took 1.25 s. Visit 53 began at 65 s.
func run108() *stage {
	s := &stage{Stage: Stage{Steps: 108, Noun: "visit", Takes: 108 * time.Second}, began: at(0)}
	for i := range 53 {
		s.next("round 3 of 6", "sdk 50,000/s", time.Second, at(1.25*float64(i)))
	}
	return s
}

// renamed returns run108 with another name of the visit.
func renamed(what string) *stage {
	s := run108()
	s.what = what
	return s
}

func TestTimeLeftIsThePlanAndWhatStepsTookBeyondIt(t *testing.T) {
	skipped := run108()
	skipped.skip(time.Second, at(66.25)) // ends visit 53
	fresh := &stage{Stage: Stage{Steps: 10, Takes: time.Minute}, began: at(0)}
	unknown := &stage{Stage: Stage{Steps: 4}, began: at(0)}
	unknown.next("", "a", 0, at(0))
	known := &stage{Stage: Stage{Steps: 4}, began: at(0)}
	known.next("", "a", 0, at(0))
	known.next("", "b", 0, at(10))
	early := &stage{Stage: Stage{Steps: 3, Takes: 30 * time.Second}, began: at(0)}
	early.next("", "a", 10*time.Second, at(0))
	early.next("", "b", 10*time.Second, at(4))
	last := &stage{Stage: Stage{Steps: 1, Takes: time.Second}, began: at(0)}
	last.next("", "a", time.Second, at(0))
	budget := &stage{Stage: Stage{Takes: time.Minute}, began: at(0)}
	resumed := &stage{Stage: Stage{Takes: time.Minute, Spent: 20 * time.Second}, began: at(0)}
	for name, row := range map[string]struct {
		stage *stage
		now   time.Time
		want  time.Duration
	}{
		"as a step begins":                      {run108(), at(65), 56 * 1250 * time.Millisecond},
		"half a second later":                   {run108(), at(65.5), 56*1250*time.Millisecond - 500*time.Millisecond},
		"a late step takes none of the others":  {run108(), at(165), 55 * 1250 * time.Millisecond},
		"after a step was left out":             {skipped, at(66.25), 54 * 1250 * time.Millisecond},
		"the plan before the first step":        {fresh, at(0), time.Minute},
		"unknown without a plan":                {unknown, at(3), -1},
		"the mean of the steps without a plan":  {known, at(12), 28 * time.Second},
		"steps that ended early":                {early, at(4), 8 * time.Second},
		"never below zero":                      {last, at(100), 0},
		"a budget":                              {budget, at(50), 10 * time.Second},
		"a budget that was spent in part":       {resumed, at(30), 10 * time.Second},
		"a budget that was exceeded by a probe": {budget, at(70), 0},
	} {
		t.Run(name, func(t *testing.T) {
			if got := row.stage.left(row.now); got != row.want {
				t.Errorf("left %v, want %v", got, row.want)
			}
		})
	}
}

func TestALineShowsWhereTheCommandIsAndWhatIsLeft(t *testing.T) {
	budget := &stage{Stage: Stage{Takes: 5 * time.Minute, Spent: time.Minute}, began: at(0)}
	budget.next("probe 13", "pooled at 12,000/s", 0, at(0))
	bench := &stage{Stage: Stage{Steps: 24, Noun: "run"}, began: at(0)}
	bench.next("round 1 of 12", "head", 0, at(0))
	checks := &stage{Stage: Stage{Steps: 2, Noun: "check", Takes: 4 * time.Second}, began: at(0)}
	checks.next("", "pacing, 1,000/s", 2*time.Second, at(0))
	done := &stage{Stage: Stage{Steps: 1, Noun: "check", Takes: time.Second}, began: at(0)}
	done.next("", "", time.Second, at(0))
	done.finish(at(1))
	for name, row := range map[string]struct {
		stage      *stage
		now        time.Time
		columns    int
		line, text string
	}{
		"a run": {run108(), at(65), 79,
			"round 3 of 6 ━━━━━━━━━━━━━╺───────────── 52 of 108  1 min left  sdk 50,000/s",
			"round 3 of 6: 52 of 108 visits done, 1 min left; now sdk 50,000/s"},
		"a short bar where there is little room": {run108(), at(65), 60,
			"round 3 of 6 ━━━━━╺───── 52 of 108  1 min left  sdk 50,000/s",
			"round 3 of 6: 52 of 108 visits done, 1 min left; now sdk 50,000/s"},
		"a long name is cut": {renamed(strings.Repeat("x", 60)), at(65), 79,
			"round 3 of 6 ━━━╺──── 52 of 108  1 min left  " + strings.Repeat("x", 60),
			"round 3 of 6: 52 of 108 visits done, 1 min left; now " + strings.Repeat("x", 60)},
		"no bar where there is less": {run108(), at(65), 50,
			"round 3 of 6  52 of 108  1 min left  sdk 50,000/s",
			"round 3 of 6: 52 of 108 visits done, 1 min left; now sdk 50,000/s"},
		"a step that does not end": {run108(), at(80.25), 79,
			"round 3 of 6 ━━━━━━╺─────── 52 of 108  1 min left  sdk 50,000/s, 14 s over plan",
			"round 3 of 6: 52 of 108 visits done, 1 min left; now sdk 50,000/s, 14 s over plan"},
		"a budget": {budget, at(60), 79,
			"probe 13 ━━━━━━━━━━╺──────────────── at most 3 min left  pooled at 12,000/s",
			"probe 13: at most 3 min left; now pooled at 12,000/s"},
		"no plan": {bench, at(60), 79,
			"round 1 of 12 ╺────────────────────────── 0 of 24  head",
			"round 1 of 12: 0 of 24 runs done; now head"},
		"no title": {checks, at(1), 79,
			"╺────────────────────────── 0 of 2  3 s left  pacing, 1,000/s",
			"0 of 2 checks done, 3 s left; now pacing, 1,000/s"},
		"the end": {done, at(1), 79,
			"━━━━━━━━━━━━━━━━━━━━━━━━━━━ 1 of 1  1 s left",
			"1 of 1 check done, 1 s left"},
	} {
		t.Run(name, func(t *testing.T) {
			line := row.stage.line(row.now, row.columns)
			if line != row.line {
				t.Errorf("line\n%s\nwant\n%s", line, row.line)
			}
			if text := row.stage.text(row.now); text != row.text {
				t.Errorf("text\n%s\nwant\n%s", text, row.text)
			}
		})
	}
}

// A bar that becomes longer and shorter with the names of arms would flicker.
func TestABarDoesNotGrowAgainUnlessTheTerminalDoes(t *testing.T) {
	s := run108()
	long := func(columns int, name string) int {
		s.what = name
		line := s.line(at(65), columns)
		return strings.Count(line, "━") + strings.Count(line, "╺") + strings.Count(line, "─")
	}
	if a, b, c, d := long(79, "sdk"), long(79, "pooled-value 50,000/s"), long(79, "sdk"), long(80, "sdk"); a != 27 ||
		b != 21 || c != b || d != a {
		t.Errorf("bars of %d, %d, %d and %d columns", a, b, c, d)
	}
}

func TestAnActivityShowsItsTimeOnceThatIsLong(t *testing.T) {
	a := &activity{what: "building main (abc1234)", began: at(0)}
	for name, row := range map[string]struct {
		seconds float64
		want    string
	}{
		"at first":          {1.9, "building main (abc1234)"},
		"from 2 s":          {2, "building main (abc1234)  2 s"},
		"in minutes, too":   {180, "building main (abc1234)  3 min"},
		"it may just begin": {0, "building main (abc1234)"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := a.line(at(row.seconds)); got != row.want {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
}
