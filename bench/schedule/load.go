package schedule

import (
	"errors"
	"fmt"
	"strconv"
)

// A Load is what is asked of a target: a process under a profile, or a replay.
// [ParseLoad] and [At] make one; the zero Load is not valid.
type Load struct {
	RateCurve RateCurve
	Process   Process
	// Replay, if it has a path, stands in place of both.
	Replay ReplaySpec
}

// ParseLoad reads a load: a profile and then, after a blank, a process, or a replay.
//
//	const:5k/s@30s poisson
//	ramp:0..1k/s@10s + const:1k/s@30s + ramp:1k..0/s@10s gamma(cv=2)
//	replay:access.jsonl@30s(speed=2)
//
// Curves are as in [ParseRateCurve], processes as in [ParseProcess], replays as in
// [ReplaySpec]. The process may be left out, for [Load.Or] to fill in. Commas stand
// in brackets only, so that loads can be listed with commas between them, unless a
// file has one in its name.
//
// The error tells the character where the text goes wrong, and what was wanted.
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
		l.Replay, err = s.recording()
		return l, err
	}
	s.at = 0
	if l.RateCurve, err = s.profile(); err != nil {
		return l, err
	}
	rest := s.rest()
	if rest == "" {
		return l, nil
	}
	if before := s.text[s.at-1]; before != ' ' && before != '\t' {
		return l, s.wrong(s.at, fmt.Sprintf("%q is left over", rest),
			"nothing after the profile, + and another, or a blank and a process")
	}
	if l.Process, err = s.process(); err != nil {
		return l, err
	}
	return l, s.ends("nothing after the process")
}

// At returns a load of evenly spaced calls without end, so many a second: exactly if that is a
// whole number, and otherwise to a billionth of a call. What is wrong with it is told
// by [Load.Arrivals].
func At[N ~int | ~uint64 | ~float64](perSecond N) Load {
	var q Rate
	err := fmt.Errorf("rate of %v calls a second: want one above 0, up to %d", perSecond, maxRate)
	if x := float64(perSecond); x > 0 && x <= maxRate {
		q, err = ParseRate(strconv.FormatFloat(x, 'f', 9, 64))
	}
	if err != nil {
		return Load{RateCurve: RateCurve{err: err}, Process: Even}
	}
	return Load{RateCurve: Steady(q, Endless), Process: Even}
}

// Or is the load with process p, unless it has one, or needs none because it is a
// replay.
func (l Load) Or(p Process) Load {
	if l.Process.kind == nil && l.Replay.Path == "" {
		l.Process = p
	}
	return l
}

// Equal tells whether two loads are the same.
func (l Load) Equal(other Load) bool {
	return l.RateCurve.Equal(other.RateCurve) && l.Process.Equal(other.Process) && l.Replay == other.Replay
}

// String is the text that [ParseLoad] reads.
func (l Load) String() string {
	switch {
	case l.Replay.Path != "":
		return l.Replay.String()
	case l.Process.kind == nil:
		return l.RateCurve.String()
	}
	return l.RateCurve.String() + " " + l.Process.String()
}

// Arrivals is the schedule of the load. The seed decides what is random in it. That
// of a replay is a [*Replay], which has keys besides; its file is read now. The error
// reports all that is wrong.
func (l Load) Arrivals(seed uint64) (Arrivals, error) {
	if l.Replay.Path == "" {
		return newSchedule(l.RateCurve, l.Process, seed)
	}
	var errs []error
	if l.Process.kind != nil {
		errs = append(errs, fmt.Errorf("schedule: process %s beside a replay: want one of them", l.Process))
	}
	if l.RateCurve.segments != nil || l.RateCurve.err != nil {
		errs = append(errs, fmt.Errorf("schedule: profile %q beside a replay: want one of them", l.RateCurve))
	}
	r, err := l.Replay.Open()
	if err = errors.Join(append(errs, err)...); err != nil {
		return nil, err
	}
	return r, nil
}

// Least is how many calls the schedule has at the very least, but for one seed in
// some 30,000. It is 0 for a replay, whose file is not read for it.
func (l Load) Least() uint64 { return l.Process.Least(l.RateCurve.Calls()) }
