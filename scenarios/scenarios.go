// Package scenarios says what loadgen runs. A [Scenario] is a YAML file, decoded
// strictly: what is unknown, out of range or impossible is reported, all of it at
// once, each with its place in the file and what was wanted.
//
// Some scenarios are part of the program; [Names] lists them. [Load] takes one of
// their names or the path of a file.
package scenarios

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/bench/pace"
	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/bench/schedule"
	"github.com/loadgen-go/loadgen/bench/work"
	"github.com/loadgen-go/loadgen/internal/spelling"
)

// A Scenario is what to run: every combination of arm and rate, its cells, once
// in each round.
type Scenario struct {
	Name  string
	About string

	Target   string // what is called: MapTarget, or one of the program's own
	Handlers Handlers
	Arrivals schedule.Process
	QPS      []schedule.Rate // levels of steady load
	Loads    []schedule.Load // levels of any other
	// Closed makes the loop a closed one, its only level: every worker calls again
	// once its call has ended and it has thought for Think.
	Closed bool
	Think  time.Duration
	// The arms, each with each.
	Spans      []string // ways of making spans
	Sampling   []string // which spans are recorded
	Processors []string // where ended spans go
	Attributes []string // how many attributes spans have, besides the key
	Metrics    []string // where the numbers and durations of calls are counted
	Quantile   []string // latency estimators
	// Live puts the estimators on the path of the call, one at a time, as the
	// latency instrument of every handler. Otherwise they are compared, all of
	// them, on the latencies of every visit.
	Live    bool
	Compare []Pair

	Duration time.Duration // of the load of a visit, unless Loads say it
	Warmup   time.Duration // of the load before it, which is not measured
	Rounds   int
	Workers  int // 0: one fewer than there are processors
	Overload bench.Overload
	Queue    int // calls that may wait for a worker
	Pace     pace.Pace
	Window   time.Duration // of the windows that a visit is cut into; 0: about 50 of them
	SLOs     []record.SLO  // what every visit is to hold
	// SLOVisits is in how many of its visits a cell must meet an objective.
	SLOVisits Quorum
	Abort     bool // ends a visit once it is certain to miss one
	// FailedApart leaves failed calls out of percentiles and of objectives about latency;
	// otherwise they count as infinitely slow.
	FailedApart bool
	Timeout     time.Duration // of a call, which fails then; 0: none
	Seed        uint64        // of arrivals, keys, work and order; 0: drawn when the run starts

	replays map[string]replayed // that have been read, by load
}

// Handlers are the functions of the map under load.
type Handlers struct {
	Keys         int               // how many there are
	Zipf         float64           // exponent of their popularity
	Spin         time.Duration     // mean CPU time of a call
	Allocate     int               // mean bytes a call allocates
	Distribution work.Distribution // of both
}

// MaxCells is how many cells a scenario may have: a visit of each in a thousand rounds
// is more than anyone waits for.
const MaxCells = 1000

// MaxDuration is the longest Duration, and Warmup, of a scenario.
const MaxDuration = 24 * time.Hour

// MapTarget is the instrumented map of handlers: the target of a scenario that does
// not say.
const MapTarget = "map"

// defaults is a scenario before anything is read. QPS and Duration have none.
func defaults() *Scenario {
	poisson, err := schedule.ParseProcess("poisson")
	if err != nil {
		panic(err) // its text is a constant
	}
	return &Scenario{
		Target:     MapTarget,
		Handlers:   Handlers{Keys: 16, Zipf: 1, Spin: 2 * time.Microsecond, Distribution: work.Exponential},
		Arrivals:   poisson,
		Spans:      []string{None},
		Sampling:   []string{Always},
		Processors: []string{"batch"},
		Attributes: []string{"0"},
		Metrics:    []string{None},
		Quantile:   slices.Clone(QuantileArms),
		Warmup:     100 * time.Millisecond,
		Rounds:     12,
		Queue:      bench.DefaultQueue,
		Pace:       pace.Auto,
	}
}

//go:embed *.yaml
var embedded embed.FS

// Names are those of the scenarios that are part of the program.
func Names() []string {
	files, err := fs.Glob(embedded, "*.yaml")
	if err != nil {
		panic(err) // the pattern is a constant
	}
	for i, f := range files {
		files[i] = strings.TrimSuffix(f, ".yaml")
	}
	return files
}

// Load reads the scenario of that name, or the file of that path, and applies
// the settings to it. The error is a [Problems] if the scenario is wrong.
func Load(nameOrPath string, settings ...Setting) (*Scenario, error) {
	if slices.Contains(Names(), nameOrPath) {
		data, err := embedded.ReadFile(nameOrPath + ".yaml")
		if err != nil {
			return nil, err
		}
		return Decode(nameOrPath+".yaml", data, settings...)
	}
	data, err := os.ReadFile(nameOrPath)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !strings.ContainsAny(nameOrPath, `./\`):
		return nil, fmt.Errorf("no scenario and no file is called %q%s: want one of %s, or the path of a YAML file",
			nameOrPath, spelling.Meant(nameOrPath, Names()), strings.Join(Names(), ", "))
	case err != nil:
		return nil, fmt.Errorf("%w: want the path of a scenario, or the name of one: %s", err,
			strings.Join(Names(), ", "))
	}
	return Decode(nameOrPath, data, settings...)
}

// Visits is how many visits the scenario makes in all.
func (s *Scenario) Visits() int { return s.Rounds * len(s.Cells()) }

// Overhead is about what a visit takes besides its load: a process that starts,
// flushes and reports.
const Overhead = 60 * time.Millisecond

// Wall is about how long the scenario takes.
func (s *Scenario) Wall() (sum time.Duration) {
	for _, c := range s.Cells() {
		sum += time.Duration(s.Rounds) * (s.Warmup + s.Length(c.Level) + Overhead)
	}
	return sum
}

// nameOf is the name of the scenario in a file that does not give one.
func nameOf(file string) string {
	return strings.TrimSuffix(path.Base(filepath.ToSlash(file)), path.Ext(file))
}
