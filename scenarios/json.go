package scenarios

import (
	"cmp"
	"reflect"
	"time"

	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/bench/schedule"
)

// handlers is the JSON of Handlers.
type handlers struct {
	Keys         int     `json:"keys"`
	Zipf         float64 `json:"zipf"`
	Spin         string  `json:"spin"`
	Allocate     int     `json:"allocate"`
	Distribution string  `json:"distribution"`
}

// MarshalJSON encodes s as a scenario file, with every field that has a value. JSON is YAML, so that the file can be
// run again.
func (s *Scenario) MarshalJSON() ([]byte, error) {
	var o object
	o.add("name", s.Name)
	o.addText("about", s.About)
	if targets := s.Arms(Target); len(targets) == 1 {
		o.add(Target, targets[0])
	} else {
		o.add(Target, targets)
	}
	if s.HTTP != nil {
		o.add(HTTPTarget, plain(reflect.ValueOf(s.HTTP)))
	}
	if s.GRPC != nil {
		o.add(GRPCTarget, plain(reflect.ValueOf(s.GRPC)))
	}
	if s.CallsService() {
		if s.Service != nil {
			o.add(ServiceKey, plain(reflect.ValueOf(s.Service).Elem()))
		}
		if s.ServiceArms != nil {
			o.add(ServiceArms, plain(reflect.ValueOf(s.ServiceArms)))
		}
	} else {
		o.add("handlers", handlers{
			Keys:         s.Handlers.Keys,
			Zipf:         s.Handlers.Zipf,
			Spin:         s.Handlers.Spin.String(),
			Allocate:     s.Handlers.Allocate,
			Distribution: string(s.Handlers.Distribution),
		})
	}
	o.add("arrivals", s.Arrivals.String())
	o.addList("qps", texts(s.QPS, schedule.Rate.String))
	o.addList("load", texts(s.Loads, schedule.Load.String))
	switch {
	case s.Closed:
		o.add("closed", true)
	case s.AlsoClosed:
		o.add("closed", alsoClosed)
	}
	o.addText("think", unlessZero(s.Think))
	for _, d := range dimensions {
		switch arms := s.Arms(d.Name); {
		case d.Name == Target || d.Declared:
		case len(arms) == 0:
			o.add(d.Name, []string{None})
		default:
			o.add(d.Name, arms)
		}
	}
	o.add("live", s.Live)
	o.addList("compare", texts(s.Compare, Pair.String))
	o.addText("duration", unlessZero(s.Duration))
	o.add("warmup", s.Warmup.String())
	o.add("rounds", s.Rounds)
	if s.Workers == 0 {
		o.add("workers", "auto")
	} else {
		o.add("workers", s.Workers)
	}
	o.add("overload", s.Overload.String())
	o.add("queue", s.Queue)
	o.add("pace", s.Pace.String())
	o.add("window", cmp.Or(unlessZero(s.Window), "auto"))
	o.addList("slo", texts(s.SLOs, record.SLO.String))
	if s.SLOVisits != 0 {
		o.add("slo_visits", s.SLOVisits.String())
	}
	if s.Abort {
		o.add("abort", true)
	}
	if s.FailedApart {
		o.add("failed", failedApart)
	}
	o.addText("timeout", unlessZero(s.Timeout))
	o.add("seed", s.Seed)
	if s.Full != nil {
		o.add(FullKey, plain(reflect.ValueOf(s.Full).Elem()))
	}
	return o.with(nil)
}

// unlessZero returns d as text, or "" if it is 0.
func unlessZero(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return d.String()
}

// UnmarshalJSON decodes the output of MarshalJSON, of this version or another. It ignores unknown fields, and is
// otherwise as strict as Decode.
func (s *Scenario) UnmarshalJSON(data []byte) error {
	decoded, err := decode(&decoder{file: "scenario", values: map[string]value{}, unread: map[string]bool{},
		lenient: true}, data, nil)
	if err != nil {
		return err
	}
	*s = *decoded
	return nil
}

// texts returns the text of each element of list.
func texts[T any](list []T, text func(T) string) []string {
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = text(v)
	}
	return out
}
