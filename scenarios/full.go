package scenarios

import (
	"reflect"
	"strconv"
	"strings"
	"time"
)

// FullKey is the key of the field full. A [Setting] of that key, true or false, runs the full form of a scenario.
const FullKey = "full"

// A Full is what the full form of a scenario changes: it makes more and longer visits, for a result to be published. A
// field that is nil changes nothing.
type Full struct {
	Duration *time.Duration `json:"duration,omitempty"`
	Warmup   *time.Duration `json:"warmup,omitempty"`
	Rounds   *int           `json:"rounds,omitempty"`
}

// fullField describes the field full.
func fullField() Field {
	return Field{Key: FullKey,
		Want:  "a mapping with some of " + strings.Join(fieldKeys(reflect.TypeFor[Full]()), ", "),
		About: "The full form of the scenario, which --full runs instead."}
}

// FullForm returns the scenario in its full form, or nil if it has none.
func (s *Scenario) FullForm() *Scenario {
	if s.Full == nil {
		return nil
	}
	full := *s
	full.lengthen(func(string) bool { return false })
	return &full
}

// IsFull reports whether the scenario is its full form already.
func (s *Scenario) IsFull() bool {
	full := s.FullForm()
	return full != nil && full.Duration == s.Duration && full.Warmup == s.Warmup && full.Rounds == s.Rounds
}

// lengthen makes s its full form, but for the fields that settings give.
func (s *Scenario) lengthen(given func(key string) bool) {
	if d := s.Full.Duration; d != nil && !given("duration") && len(s.Loads) == 0 {
		s.Duration = *d
	}
	if d := s.Full.Warmup; d != nil && !given("warmup") {
		s.Warmup = *d
	}
	if n := s.Full.Rounds; n != nil && !given("rounds") {
		s.Rounds = *n
	}
}

// takeFull checks the full form of the scenario, and makes s that form if a setting asks for it.
func (d *decoder) takeFull(s *Scenario) {
	s.Full = d.made.Full
	v := d.values[FullKey]
	wanted := false
	if f := d.fullSetting; f != nil {
		if err := setBool(&wanted, f.Value); err != nil {
			d.wrong(f.Where, 0, "%q is not valid: want true or false", f.Value)
		}
		if wanted && s.Full == nil && !d.unread[FullKey] {
			d.wrong(f.Where, 0, "this scenario has no full form: want --duration and --rounds, which set how long it "+
				"takes, or a scenario with a field full, such as otel-spec")
		}
	}
	if s.Full == nil {
		return
	}
	wrong := func(key, value string) {
		d.wrong(v.where, v.line, "%s.%s: %s is out of range: want %s", FullKey, key, value, want(key))
	}
	if l := s.Full.Duration; l != nil && (*l <= 0 || *l > MaxDuration) {
		wrong("duration", l.String())
	}
	if l := s.Full.Warmup; l != nil && (*l < 0 || *l > MaxDuration) {
		wrong("warmup", l.String())
	}
	if n := s.Full.Rounds; n != nil && (*n < 1 || *n > 1000) {
		wrong("rounds", strconv.Itoa(*n))
	}
	if wanted {
		s.lengthen(func(key string) bool { return d.values[key].given() })
	}
}
