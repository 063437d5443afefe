package scenarios

import (
	"encoding/json"

	"github.com/loadgen-go/loadgen/bench"
)

// document is a scenario as a file holds it. JSON is YAML: what is written here
// can be read, and run, again.
type document struct {
	Name     string   `json:"name"`
	About    string   `json:"about,omitempty"`
	Handlers handlers `json:"handlers"`
	Arrivals string   `json:"arrivals"`
	QPS      []string `json:"qps"`
	Spans    []string `json:"spans"`
	Quantile []string `json:"quantile"`
	Live     bool     `json:"live"`
	Compare  []string `json:"compare,omitempty"`
	Duration string   `json:"duration"`
	Warmup   string   `json:"warmup"`
	Rounds   int      `json:"rounds"`
	Workers  any      `json:"workers"`
	Queue    int      `json:"queue"`
	Seed     uint64   `json:"seed"`
}

type handlers struct {
	Keys         int     `json:"keys"`
	Zipf         float64 `json:"zipf"`
	Spin         string  `json:"spin"`
	Allocate     int     `json:"allocate"`
	Distribution string  `json:"distribution"`
}

// MarshalJSON writes s as a scenario file, with every field given.
func (s *Scenario) MarshalJSON() ([]byte, error) {
	d := document{
		Name:  s.Name,
		About: s.About,
		Handlers: handlers{
			Keys:         s.Handlers.Keys,
			Zipf:         s.Handlers.Zipf,
			Spin:         s.Handlers.Spin.String(),
			Allocate:     s.Handlers.Allocate,
			Distribution: string(s.Handlers.Distribution),
		},
		Arrivals: s.Arrivals.String(),
		QPS:      texts(s.QPS, bench.QPS.String),
		Spans:    s.Spans,
		Quantile: s.Quantile,
		Live:     s.Live,
		Compare:  texts(s.Compare, Pair.String),
		Duration: s.Duration.String(),
		Warmup:   s.Warmup.String(),
		Rounds:   s.Rounds,
		Workers:  s.Workers,
		Queue:    s.Queue,
		Seed:     s.Seed,
	}
	if s.Workers == 0 {
		d.Workers = "auto"
	}
	return json.Marshal(d)
}

// UnmarshalJSON reads what MarshalJSON wrote, as strictly as a file.
func (s *Scenario) UnmarshalJSON(data []byte) error {
	decoded, err := Decode("scenario", data)
	if err != nil {
		return err
	}
	*s = *decoded
	return nil
}

func texts[T any](all []T, text func(T) string) []string {
	out := make([]string, len(all))
	for i, v := range all {
		out[i] = text(v)
	}
	return out
}
