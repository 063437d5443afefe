package schedule

import (
	"errors"
	"fmt"
	"strconv"
)

// A Load describes the calls that a target receives: a rate curve and an arrival process,
// or the replay of a file. [ParseLoad] and [At] make one; the zero Load is not valid.
type Load struct {
	RateCurve RateCurve
	Process   Process
	// Replay, if its Path is set, replaces both.
	Replay ReplaySpec
}

// ParseLoad parses a load: a rate curve and then, after a blank, a process; or a replay.
//
//	const:5k/s@30s poisson
//	ramp:0..1k/s@10s + const:1k/s@30s + ramp:1k..0/s@10s gamma(cv=2)
//	replay:access.jsonl@30s(speed=2)
//
// Rate curves are written as in [ParseRateCurve], processes as in [ParseProcess] and replays
// as in [ReplaySpec]. The process may be omitted; [Load.Or] fills it in. Commas occur only
// inside brackets (and in file names), so that a list of loads can be separated by commas.
//
// The error reports the position of the first character that is wrong, and what was expected.
func ParseLoad(text string) (Load, error) {
	s := &scanner{what: "load", text: text}
	l, err := s.load()
	if err != nil {
		return Load{}, err
	}
	return l, nil
}

func (s *scanner) load() (l Load, err error) {
	if name, _ := s.word(":@(+"); name == "replay" {
		l.Replay, err = s.replay()
		return l, err
	}
	s.at = 0
	if l.RateCurve, err = s.rateCurve(); err != nil {
		return l, err
	}
	rest := s.rest()
	if rest == "" {
		return l, nil
	}
	if before := s.text[s.at-1]; before != ' ' && before != '\t' {
		return l, s.wrong(s.at, fmt.Sprintf("%q is left over", rest),
			"nothing after the rate curve, + and another, or a blank and a process")
	}
	if l.Process, err = s.process(); err != nil {
		return l, err
	}
	return l, s.ends("nothing after the process")
}

// At returns an endless load of evenly spaced calls at a rate in calls per second. A whole
// number is kept exactly; any other is rounded to a billionth of a call per second.
//
// At returns no error, so that a call of it can be an argument. If the rate is not valid,
// [RateCurve.Err] of the load's curve and [Load.Arrivals] return the error, and so does
// everything that runs the load.
func At[N ~int | ~uint64 | ~float64](perSecond N) Load {
	var q Rate
	err := fmt.Errorf("rate of %v calls per second: want one above 0, up to %d", perSecond, maxRate)
	if x := float64(perSecond); x > 0 && x <= maxRate {
		q, err = ParseRate(strconv.FormatFloat(x, 'f', 9, 64))
	}
	if err != nil {
		return Load{RateCurve: RateCurve{err: err}, Process: Even}
	}
	return Load{RateCurve: Steady(q, Endless), Process: Even}
}

// Or returns the load with process p if the load has no process and is not a replay, and
// otherwise the load itself.
func (l Load) Or(p Process) Load {
	if l.Process.kind == nil && l.Replay.Path == "" {
		l.Process = p
	}
	return l
}

// Equal reports whether two loads are the same.
func (l Load) Equal(other Load) bool {
	return l.RateCurve.Equal(other.RateCurve) && l.Process.Equal(other.Process) && l.Replay == other.Replay
}

// String returns the load in the form that [ParseLoad] parses.
func (l Load) String() string {
	switch {
	case l.Replay.Path != "":
		return l.Replay.String()
	case l.Process.kind == nil:
		return l.RateCurve.String()
	}
	return l.RateCurve.String() + " " + l.Process.String()
}

// Arrivals returns the schedule of the load. The seed fixes everything that is random in it.
// The schedule of a replay is a [*Replay], which implements [Keys] too; Arrivals reads its
// file. The error reports everything that is wrong with the load.
func (l Load) Arrivals(seed uint64) (Arrivals, error) {
	if l.Replay.Path == "" {
		return newSchedule(l.RateCurve, l.Process, seed)
	}
	var errs []error
	if l.Process.kind != nil {
		errs = append(errs, fmt.Errorf("schedule: load has both the process %s and a replay: want one of them",
			l.Process))
	}
	if l.RateCurve.segments != nil || l.RateCurve.err != nil {
		errs = append(errs, fmt.Errorf("schedule: load has both the rate curve %q and a replay: want one of them",
			l.RateCurve))
	}
	r, err := l.Replay.Open()
	if err = errors.Join(append(errs, err)...); err != nil {
		return nil, err
	}
	return r, nil
}

// Least returns the number of calls that the schedule has at least: about one seed in 30,000
// gives fewer. Least returns 0 for a replay, because it does not read the file.
func (l Load) Least() uint64 { return l.Process.Least(l.RateCurve.Calls()) }
