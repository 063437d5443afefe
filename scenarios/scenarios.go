// Package scenarios describes what loadgen runs. A [Scenario] is decoded strictly from a YAML file. All
// errors in a file are reported together, each with its position and the accepted values.
//
// Some scenarios are part of the program; [Names] lists them. [Load] accepts one of
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
	"github.com/loadgen-go/loadgen/bench/grpctarget"
	"github.com/loadgen-go/loadgen/bench/httptarget"
	"github.com/loadgen-go/loadgen/bench/pace"
	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/bench/schedule"
	"github.com/loadgen-go/loadgen/bench/work"
	"github.com/loadgen-go/loadgen/internal/spelling"
)

// A Scenario says what to run. Its cells are all combinations of arms and levels of load, and each round
// visits every cell once.
type Scenario struct {
	Name  string
	About string

	// HTTP is the service that target http calls, and GRPC the service that target grpc calls; nil if the target is
	// another.
	HTTP *httptarget.Options
	GRPC *grpctarget.Options
	// Service is how to start that service; nil if it runs already. ServiceArms are its variants.
	Service     *Service
	ServiceArms []Arm

	Handlers Handlers
	Arrivals schedule.Process
	QPS      []schedule.Rate // levels of steady load
	Loads    []schedule.Load // levels of any other load
	// Closed runs a closed loop, which is then the only level. Each worker makes its next call when the
	// previous one has ended and the time Think has passed. AlsoClosed adds a closed loop before the levels of QPS.
	Closed     bool
	AlsoClosed bool
	Think      time.Duration
	// Live makes each estimator in turn the latency instrument of every handler. Otherwise all
	// estimators are compared on the latencies of every visit.
	Live    bool
	Compare []Pair

	Duration time.Duration // duration of a visit's load, unless Loads are set
	Warmup   time.Duration // duration of the load before a visit, which is not measured
	Rounds   int
	Workers  int // 0 means one fewer than the number of processors
	Overload bench.Overload
	Queue    int // calls that may wait for a worker
	Pace     pace.Pace
	Window   time.Duration // length of the windows that a visit is divided into; 0 means about 50 windows
	SLOs     []record.SLO  // objectives of every visit
	// SLOVisits is the share of its visits in which a cell must meet an objective.
	SLOVisits Quorum
	Abort     bool // ends a visit that is certain to miss an objective
	// FailedApart leaves failed calls out of percentiles and of latency objectives;
	// otherwise they count as infinitely slow.
	FailedApart bool
	Timeout     time.Duration // limit after which a call fails; 0 means none
	Seed        uint64        // of arrivals, keys, work and order; 0 means random

	// Full is what the full form of the scenario changes; nil if it has none.
	Full *Full

	arms    map[string][]string // by dimension; copies of the scenario share it, so that it never changes
	unknown []*Dimension        // dimensions of another version of the program: see Adopt
	ignored map[string][]string // lists of unknown fields of the JSON that the scenario was decoded from
	visited []Cell              // instead of all combinations of arms; nil unless there are unknown dimensions
	replays map[string]replayed // the replays that have been read, by load
}

// Handlers describes the functions of the map under load.
type Handlers struct {
	Keys         int               // number of handlers
	Zipf         float64           // exponent of the keys' popularity
	Spin         time.Duration     // mean CPU time of a call
	Allocate     int               // mean number of bytes that a call allocates
	Distribution work.Distribution // of Spin and Allocate
}

// MaxCells is the largest number of cells of a scenario. A thousand rounds of more cells would take too long for
// anyone to wait.
const MaxCells = 1000

// MaxDuration is the longest Duration, and Warmup, of a scenario.
const MaxDuration = 24 * time.Hour

// defaults returns a scenario with all default values. QPS and Duration have none.
func defaults() *Scenario {
	poisson, err := schedule.ParseProcess("poisson")
	if err != nil {
		panic(err) // the text is a constant
	}
	s := &Scenario{
		Handlers: Handlers{Keys: 16, Zipf: 1, Spin: 2 * time.Microsecond, Distribution: work.Exponential},
		Arrivals: poisson,
		Warmup:   100 * time.Millisecond,
		Rounds:   12,
		Queue:    bench.DefaultQueue,
		Pace:     pace.Auto,
	}
	for _, d := range dimensions {
		s.SetArms(d.Name, d.Default...)
	}
	return s
}

//go:embed *.yaml
var embedded embed.FS

// Names returns the names of the scenarios that are part of the program.
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

// Load returns the scenario with that name, or of the file with that path, with the settings
// applied. The error is a [Problems] if the scenario has errors.
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
		return nil, &notFound{fmt.Sprintf("no scenario and no file is called %q%s: want one of %s, or the path of a "+
			"YAML file", nameOrPath, spelling.Meant(nameOrPath, Names()), strings.Join(Names(), ", "))}
	case err != nil:
		return nil, fmt.Errorf("%w: want the path of a scenario, or the name of one: %s", err,
			strings.Join(Names(), ", "))
	}
	return Decode(nameOrPath, data, settings...)
}

// A notFound is the error that there is no scenario and no file of a name.
type notFound struct{ text string }

func (e *notFound) Error() string { return e.text }

// Unwrap makes the error one of package io/fs.
func (e *notFound) Unwrap() error { return fs.ErrNotExist }

// Visits returns the number of visits that the scenario makes.
func (s *Scenario) Visits() int { return s.Rounds * len(s.Cells()) }

// Overhead is an estimate of the time that a visit takes besides its load, for a process to start,
// flush and report.
const Overhead = 60 * time.Millisecond

// serviceOverhead is an estimate of the time that a service takes to start and to stop.
const serviceOverhead = 400 * time.Millisecond

// Besides returns an estimate of the time that a visit takes besides its load.
func (s *Scenario) Besides() time.Duration {
	if s.Service == nil {
		return s.Warmup + Overhead
	}
	return s.Warmup + Overhead + serviceOverhead + s.Service.IdleTime()
}

// Takes returns an estimate of the time that a visit of a cell takes.
func (s *Scenario) Takes(c Cell) time.Duration { return s.Besides() + s.Length(c.Level) }

// Wall returns an estimate of the time that the scenario takes.
func (s *Scenario) Wall() (sum time.Duration) {
	for _, c := range s.Cells() {
		sum += time.Duration(s.Rounds) * s.Takes(c)
	}
	return sum
}

// nameOf returns the name of a scenario whose file gives none.
func nameOf(file string) string {
	return strings.TrimSuffix(path.Base(filepath.ToSlash(file)), path.Ext(file))
}
