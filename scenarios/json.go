package scenarios

import (
	"encoding/json"

	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/bench/schedule"
)

// document is the JSON of a scenario. JSON is YAML, so that the document is a scenario file that can be run
// again.
type document struct {
	Name       string   `json:"name"`
	About      string   `json:"about,omitempty"`
	Target     string   `json:"target"`
	Handlers   handlers `json:"handlers"`
	Arrivals   string   `json:"arrivals"`
	QPS        []string `json:"qps,omitempty"`
	Load       []string `json:"load,omitempty"`
	Closed     bool     `json:"closed,omitempty"`
	Think      string   `json:"think,omitempty"`
	Spans      []string `json:"spans"`
	Sampling   []string `json:"sampling"`
	Processors []string `json:"processors"`
	Attributes []string `json:"attributes"`
	Metrics    []string `json:"metrics"`
	Quantile   []string `json:"quantile"`
	Live       bool     `json:"live"`
	Compare    []string `json:"compare,omitempty"`
	Duration   string   `json:"duration,omitempty"`
	Warmup     string   `json:"warmup"`
	Rounds     int      `json:"rounds"`
	Workers    any      `json:"workers"`
	Overload   string   `json:"overload"`
	Queue      int      `json:"queue"`
	Pace       string   `json:"pace"`
	Window     string   `json:"window"`
	SLO        []string `json:"slo,omitempty"`
	SLOVisits  string   `json:"slo_visits,omitempty"`
	Abort      bool     `json:"abort,omitempty"`
	Failed     string   `json:"failed,omitempty"`
	Timeout    string   `json:"timeout,omitempty"`
	Seed       uint64   `json:"seed"`
}

// handlers is the JSON of Handlers.
type handlers struct {
	Keys         int     `json:"keys"`
	Zipf         float64 `json:"zipf"`
	Spin         string  `json:"spin"`
	Allocate     int     `json:"allocate"`
	Distribution string  `json:"distribution"`
}

// MarshalJSON encodes s as a scenario file, with every field given.
func (s *Scenario) MarshalJSON() ([]byte, error) {
	d := document{
		Name:   s.Name,
		About:  s.About,
		Target: s.Target,
		Handlers: handlers{
			Keys:         s.Handlers.Keys,
			Zipf:         s.Handlers.Zipf,
			Spin:         s.Handlers.Spin.String(),
			Allocate:     s.Handlers.Allocate,
			Distribution: string(s.Handlers.Distribution),
		},
		Arrivals:   s.Arrivals.String(),
		QPS:        texts(s.QPS, schedule.Rate.String),
		Load:       texts(s.Loads, schedule.Load.String),
		Closed:     s.Closed,
		Spans:      s.Spans,
		Sampling:   s.Sampling,
		Processors: s.Processors,
		Attributes: s.Attributes,
		Metrics:    s.Metrics,
		Quantile:   s.Quantile,
		Live:       s.Live,
		Compare:    texts(s.Compare, Pair.String),
		Warmup:     s.Warmup.String(),
		Rounds:     s.Rounds,
		Workers:    s.Workers,
		Overload:   s.Overload.String(),
		Queue:      s.Queue,
		Pace:       s.Pace.String(),
		Window:     "auto",
		SLO:        texts(s.SLOs, record.SLO.String),
		Abort:      s.Abort,
		Seed:       s.Seed,
	}
	if len(s.Quantile) == 0 {
		d.Quantile = []string{None}
	}
	if s.SLOVisits != 0 {
		d.SLOVisits = s.SLOVisits.String()
	}
	if s.FailedApart {
		d.Failed = failedApart
	}
	if s.Timeout > 0 {
		d.Timeout = s.Timeout.String()
	}
	if s.Duration > 0 {
		d.Duration = s.Duration.String()
	}
	if s.Think > 0 {
		d.Think = s.Think.String()
	}
	if s.Window > 0 {
		d.Window = s.Window.String()
	}
	if s.Workers == 0 {
		d.Workers = "auto"
	}
	return json.Marshal(d)
}

// UnmarshalJSON decodes the output of MarshalJSON, of this version or another. It ignores unknown fields, and is
// otherwise as strict as Decode.
func (s *Scenario) UnmarshalJSON(data []byte) error {
	decoded, err := decode(&decoder{file: "scenario", values: map[string]value{}, lenient: true}, data, nil)
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
