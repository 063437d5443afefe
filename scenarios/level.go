package scenarios

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/bench/schedule"
)

// A Level is a load that every arm is measured at: a steady rate, another load, or a
// closed loop, which sets neither field.
type Level struct {
	QPS  schedule.Rate `json:"qps,omitzero"`   // the rate of a steady load
	Load string        `json:"load,omitempty"` // any other load, in the syntax of schedule.ParseLoad
}

// Name returns the level as a part of a benchmark's name, which must not contain blanks or
// slashes: qps=1000, load=ramp:1k..20k@1m or loop=closed. A rate that is a fraction becomes a
// decimal.
func (l Level) Name() string {
	switch {
	case l.Load != "":
		load := strings.ReplaceAll(l.Load, "/s", "")
		return "load=" + strings.NewReplacer("/", "_", " + ", "+", " ", ",").Replace(load)
	case l.Closed():
		return "loop=" + record.ClosedLoop
	}
	text := l.QPS.String()
	if strings.Contains(text, "/") {
		text = strconv.FormatFloat(l.QPS.Float(), 'f', -1, 64)
	}
	return "qps=" + text
}

// String returns the level, with a rate or load as in a scenario.
func (l Level) String() string {
	switch {
	case l.Load != "":
		return "load=" + l.Load
	case l.Closed():
		return "loop=" + record.ClosedLoop
	}
	return "qps=" + l.QPS.String()
}

// Closed reports whether the level is a closed loop.
func (l Level) Closed() bool { return l == Level{} }

// HasClosed reports whether one of the scenario's levels is a closed loop.
func (s *Scenario) HasClosed() bool { return s.Closed || s.AlsoClosed }

// Levels returns the levels of the scenario, in its order.
func (s *Scenario) Levels() (levels []Level) {
	if s.Closed {
		return []Level{{}}
	}
	if s.AlsoClosed {
		levels = append(levels, Level{})
	}
	for _, qps := range s.QPS {
		levels = append(levels, Level{QPS: qps})
	}
	for _, load := range s.Loads {
		levels = append(levels, Level{Load: load.String()})
	}
	return levels
}

// LoadOf returns the load of a level, with its process. The load of a closed loop has no arrivals.
func (s *Scenario) LoadOf(l Level) schedule.Load {
	if l.Load == "" {
		return schedule.Load{RateCurve: schedule.Steady(l.QPS, s.Duration), Process: s.Arrivals}
	}
	load, err := schedule.ParseLoad(l.Load)
	if err != nil {
		return schedule.Load{} // the level is not one of the scenario, and its load has no arrivals
	}
	return load.Or(s.Arrivals)
}

// A replayed is a replay whose file has been read, with its distinct keys.
type replayed struct {
	*schedule.Replay
	keys []string
}

// ReadReplays reads the files of the scenario's replays. Before, their durations and keys are unknown.
func (s *Scenario) ReadReplays() error {
	for _, load := range s.Loads {
		if load.Replay.Path == "" {
			continue
		}
		r, err := load.Replay.Open()
		if err != nil {
			return err
		}
		if d := r.Duration(); d > MaxDuration {
			return fmt.Errorf("%v lasts %v, which is longer than %v: raise its speed, or cut it, as in replay:FILE@1h",
				load, d, MaxDuration)
		}
		if s.replays == nil {
			s.replays = map[string]replayed{}
		}
		s.replays[load.String()] = replayed{r, keysOf(r)}
	}
	return nil
}

// A ReplayFile describes a replay file that was read.
type ReplayFile struct {
	Path       string
	SHA256     string // in hexadecimal
	Calls      uint64 // calls of the load
	OutOfOrder uint64 // calls that follow a later call in the file
}

// ReplayFiles returns the files that [Scenario.ReadReplays] has read, in the order of the loads.
func (s *Scenario) ReplayFiles() (files []ReplayFile) {
	for _, load := range s.Loads {
		if r, ok := s.replays[load.String()]; ok {
			files = append(files, ReplayFile{load.Replay.Path, r.Digest(), r.Calls(), r.OutOfOrder()})
		}
	}
	return files
}

// keysOf returns the distinct keys of a replay, or nil if it has none.
func keysOf(r *schedule.Replay) (keys []string) {
	if !r.HasKeys() {
		return nil
	}
	seen := map[string]bool{}
	for n := range r.Calls() {
		if key := r.Key(n); !seen[key] {
			seen[key] = true
			keys = append(keys, key)
		}
	}
	return keys
}

// Schedule returns when the calls of a level are due, and which keys they use, or nil if
// the level does not choose keys. The seed determines random arrivals.
func (s *Scenario) Schedule(l Level, seed uint64) (schedule.Arrivals, schedule.Keys, error) {
	if r, ok := s.replays[l.Load]; ok {
		if r.keys == nil {
			return r.Replay, nil, nil
		}
		return r.Replay, r.Replay, nil
	}
	a, err := s.LoadOf(l).Arrivals(seed)
	return a, nil, err
}

// KeysOf returns the level's own keys, which replace the keys of Handlers, or nil if it has none.
func (s *Scenario) KeysOf(l Level) []string { return s.replays[l.Load].keys }

// Length returns how long the load of a level lasts, or 0 for a replay that has not been read.
func (s *Scenario) Length(l Level) time.Duration {
	if l.Load == "" {
		return s.Duration
	}
	if r, ok := s.replays[l.Load]; ok {
		return r.Duration()
	}
	return s.LoadOf(l).RateCurve.Duration()
}

// Calls returns the number of calls that a visit at that level makes. For random arrivals it is the mean. It is 0
// for a closed loop and for a replay that has not been read.
func (s *Scenario) Calls(l Level) uint64 {
	switch r, ok := s.replays[l.Load]; {
	case ok:
		return r.Calls()
	case l.Closed():
		return 0
	}
	return s.LoadOf(l).RateCurve.Calls()
}

// Surely returns a number of calls that all but about one in 30,000 visits at that level reach.
func (s *Scenario) Surely(l Level) uint64 {
	if r, ok := s.replays[l.Load]; ok {
		return r.Calls()
	}
	if l.Closed() {
		return 0
	}
	return s.LoadOf(l).Least()
}

// Most returns a number of calls that all but about one in 15,000 visits at that level do not exceed, the calls of the
// warm-up included. It is 0 for a closed loop and for a replay that has not been read.
func (s *Scenario) Most(l Level) (uint64, error) {
	calls := s.Calls(l)
	if calls == 0 {
		return 0, nil
	}
	warmup, err := s.warmupLoad(l)
	if err != nil {
		return 0, err
	}
	return most(calls, s.Surely(l)) + most(warmup.RateCurve.Calls(), warmup.Least()), nil
}

// most returns a number of calls that a schedule seldom exceeds, from the mean and the number that it seldom falls
// short of. The difference is as large on both sides, but for schedules of few calls.
func most(mean, least uint64) uint64 {
	const few = 10
	if least >= mean { // the number is not random
		return mean
	}
	return 2*mean - least + few
}

// WarmupOf returns the load before a visit at that level, at the same mean rate.
func (s *Scenario) WarmupOf(l Level, seed uint64) (schedule.Arrivals, error) {
	load, err := s.warmupLoad(l)
	if err != nil {
		return nil, err
	}
	return load.Arrivals(seed)
}

// warmupLoad returns the load before a visit at that level.
func (s *Scenario) warmupLoad(l Level) (schedule.Load, error) {
	load := schedule.Load{Process: s.LoadOf(l).Or(s.Arrivals).Process}
	mean := l.QPS
	if l.Load != "" {
		var err error
		if mean, err = schedule.ParseRate(fmt.Sprintf("%.3f",
			max(float64(s.Calls(l))/s.Length(l).Seconds(), 0.001))); err != nil {
			return load, err
		}
		if s.replays[l.Load].Replay != nil {
			load.Process = s.Arrivals
		}
	}
	load.RateCurve = schedule.Steady(mean, s.Warmup)
	return load, nil
}
