package scenarios

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/bench/schedule"
)

// A Level is a load that every arm is put under: a steady rate, another load, or a
// closed loop, which has neither.
type Level struct {
	QPS  schedule.Rate `json:"qps,omitzero"`   // of a steady load
	Load string        `json:"load,omitempty"` // of another: what schedule.ParseLoad reads
}

// Name is the level as a part of a benchmark's name, which neither a blank nor a
// slash may be in: qps=1000, load=ramp:1k..20k@1m or loop=closed. A fraction becomes
// a decimal.
func (l Level) Name() string {
	switch {
	case l.Load != "":
		load := strings.ReplaceAll(l.Load, "/s", "")
		return "load=" + strings.NewReplacer("/", "_", " + ", "+", " ", ",").Replace(load)
	case l.QPS == schedule.Rate{}:
		return "loop=" + record.ClosedLoop
	}
	text := l.QPS.String()
	if strings.Contains(text, "/") {
		text = strconv.FormatFloat(l.QPS.Float(), 'f', -1, 64)
	}
	return "qps=" + text
}

func (l Level) String() string {
	switch {
	case l.Load != "":
		return "load=" + l.Load
	case l.QPS == schedule.Rate{}:
		return "loop=" + record.ClosedLoop
	}
	return "qps=" + l.QPS.String()
}

// Levels are those of the scenario, in its order.
func (s *Scenario) Levels() (all []Level) {
	if s.Closed {
		return []Level{{}}
	}
	for _, qps := range s.QPS {
		all = append(all, Level{QPS: qps})
	}
	for _, load := range s.Loads {
		all = append(all, Level{Load: load.String()})
	}
	return all
}

// LoadOf is the load of a level, with its process. A closed loop has none.
func (s *Scenario) LoadOf(l Level) schedule.Load {
	if l.Load == "" {
		return schedule.Load{RateCurve: schedule.Steady(l.QPS, s.Duration), Process: s.Arrivals}
	}
	load, err := schedule.ParseLoad(l.Load)
	if err != nil {
		return schedule.Load{} // which has no arrivals: the level is not one of the scenario
	}
	return load.Or(s.Arrivals)
}

// A replayed is what is known of a replay once its file has been read.
type replayed struct {
	*schedule.Replay
	keys []string
}

// ReadReplays reads the files of the scenario's replays. Until then it is not known
// how long they are, nor which keys they have.
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
			return fmt.Errorf("%v lasts %v, which is longer than %v: raise its speed, or cut it, as in replay:FILE@1h", load, d, MaxDuration)
		}
		if s.replays == nil {
			s.replays = map[string]replayed{}
		}
		s.replays[load.String()] = replayed{r, keysOf(r)}
	}
	return nil
}

// A ReplayFile is a file that the scenario replays, as it was read.
type ReplayFile struct {
	Path       string
	SHA256     string // in hexadecimal digits
	Calls      uint64 // of the load
	OutOfOrder uint64 // calls that stood after one that was made later
}

// ReplayFiles are those of the loads that [Scenario.ReadReplays] has read, in their order.
func (s *Scenario) ReplayFiles() (all []ReplayFile) {
	for _, load := range s.Loads {
		if r, ok := s.replays[load.String()]; ok {
			all = append(all, ReplayFile{load.Replay.Path, r.Digest(), r.Calls(), r.OutOfOrder()})
		}
	}
	return all
}

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

// Schedule is when the calls of a level are due, and which keys they ask for: nil
// if the level does not say. The seed decides what is random in it.
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

// KeysOf are the keys of a level's own, which take the place of Handlers.Keys; nil
// if it has none.
func (s *Scenario) KeysOf(l Level) []string { return s.replays[l.Load].keys }

// Length is how long the load of a level lasts; 0 if that is not known, of a replay
// that has not been read.
func (s *Scenario) Length(l Level) time.Duration {
	if l.Load == "" {
		return s.Duration
	}
	if r, ok := s.replays[l.Load]; ok {
		return r.Duration()
	}
	return s.LoadOf(l).RateCurve.Duration()
}

// Calls is how many calls a visit at that level makes: the mean, if arrivals are
// random; 0 if it is not known, of a closed loop, or a replay that has not been
// read.
func (s *Scenario) Calls(l Level) uint64 {
	switch r, ok := s.replays[l.Load]; {
	case ok:
		return r.Calls()
	case l.Load == "" && s.Closed:
		return 0
	}
	return s.LoadOf(l).RateCurve.Calls()
}

// Surely is how many calls a visit at that level makes at least, but for one of
// some 30,000.
func (s *Scenario) Surely(l Level) uint64 {
	if r, ok := s.replays[l.Load]; ok {
		return r.Calls()
	}
	if s.Closed && l.Load == "" {
		return 0
	}
	return s.LoadOf(l).Least()
}

// WarmupOf is the load before that of a level: as many calls a second, in the mean.
func (s *Scenario) WarmupOf(l Level, seed uint64) (schedule.Arrivals, error) {
	load := schedule.Load{Process: s.LoadOf(l).Or(s.Arrivals).Process}
	mean := l.QPS
	if l.Load != "" {
		var err error
		if mean, err = schedule.ParseRate(fmt.Sprintf("%.3f",
			max(float64(s.Calls(l))/s.Length(l).Seconds(), 0.001))); err != nil {
			return nil, err
		}
		if s.replays[l.Load].Replay != nil {
			load.Process = s.Arrivals
		}
	}
	load.RateCurve = schedule.Steady(mean, s.Warmup)
	return load.Arrivals(seed)
}
