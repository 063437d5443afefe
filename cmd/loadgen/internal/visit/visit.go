// Package visit runs one cell of a scenario, in a process that does nothing else.
package visit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/bench/schedule"
	"github.com/loadgen-go/loadgen/bench/work"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/machine"
	"github.com/loadgen-go/loadgen/observable"
	"github.com/loadgen-go/loadgen/observable/spans"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/scenarios"
)

// A Request is what a visit is to run.
type Request struct {
	Scenario *scenarios.Scenario `json:"scenario"`
	Cell     scenarios.Cell      `json:"cell"`
	Seed     uint64              `json:"seed"` // of the round: one for all arms
	Turns    work.Turns          `json:"turns"`
	Profile  *Profile            `json:"profile,omitempty"`
	// Inputs are what the visit is held to: see [ChangedError].
	Inputs []results.Input `json:"inputs,omitempty"`
}

// Own is a target of the program's own, instead of the map.
type Own struct {
	Keys []string // nil: ""
	Open func(context.Context, trace.TracerProvider) (bench.Target, error)
}

// maxKept bounds the latencies that estimators are compared on.
const maxKept = 1 << 20

// Do runs the visit. Once ctx ends, what was measured until then is returned,
// marked as interrupted.
func Do(ctx context.Context, req *Request, own *Own) (*results.Visit, error) {
	pipeline, err := newPipeline(&req.Cell)
	if err != nil {
		return nil, err
	}
	if err := req.open(); err != nil {
		return nil, errors.Join(err, pipeline.Close(context.WithoutCancel(ctx)))
	}
	v, err := load(ctx, req, own, pipeline)
	if err := errors.Join(err, pipeline.Close(context.WithoutCancel(ctx))); err != nil {
		return nil, err
	}
	if ctx.Err() == nil {
		v.Estimates, err = estimates(req.Scenario.Quantile, v.Record.Kept, req.Seed)
	}
	return v, err
}

// load opens the target, puts it under load, and closes it if it is the program's own, whatever came of the load.
func load(ctx context.Context, req *Request, own *Own, pipeline *spans.Pipeline) (*results.Visit, error) {
	metering, err := openMetrics(req.Cell.Metrics)
	if err != nil {
		return nil, err
	}
	target, keys, err := newTarget(ctx, req, own, pipeline, metering)
	if err != nil {
		return nil, err
	}
	l := loading{req: req, target: target, keys: keys, own: own != nil, pipeline: pipeline, metering: metering}
	v, err := l.measure(ctx)
	if own == nil {
		return v, err
	}
	closeErr := closeTarget(ctx, target, l.givenUp, &req.Cell, os.Stderr)
	if err != nil {
		return nil, errors.Join(err, closeErr)
	}
	v.Verdict = append(v.Verdict, notClosed(closeErr, l.givenUp)...)
	return v, nil
}

// A loading is a target under load.
type loading struct {
	req      *Request
	target   bench.Target
	keys     schedule.Keys
	own      bool // the target is the program's own
	pipeline *spans.Pipeline
	metering *metering
	givenUp  uint64 // calls, which may still be in the target
}

// measure puts the target under load, first to warm it up and then to measure it.
func (l *loading) measure(ctx context.Context) (*results.Visit, error) {
	req, s := l.req, l.req.Scenario
	run := bench.Run{Keys: l.keys, Target: l.target, Workers: s.Workers, Overload: s.Overload, Queue: s.Queue,
		Pace: s.Pace, FailedApart: s.FailedApart, Timeout: s.Timeout, Stuck: tell(os.Stderr, &req.Cell)}
	v := &results.Visit{Cell: req.Cell, Began: time.Now().UTC()}
	var warmed, left uint64 // calls of the warm-up that ended, and of these those that were given up
	if s.Warmup > 0 {
		warm, err := warmup(ctx, req, run)
		if err != nil {
			return nil, err
		}
		v.Warmup, warmed, left = warm.Offered, warm.Done+warm.Failed, warm.GivenUp
		l.givenUp = left
	}
	if err := arrivals(req, &run); err != nil {
		return nil, err
	}
	run.Window, run.SLOs, run.Abort = s.Window, s.SLOs, s.Abort
	run.Activities = []*bench.Activity{exporting(l.pipeline)}
	meter := meter{ctx: context.WithoutCancel(ctx), pipeline: l.pipeline}
	run.Began, run.Ended = meter.begin, meter.end
	stop, err := req.Profile.start()
	if err != nil {
		return nil, err
	}
	v.Record, err = run.Do(ctx)
	if err := errors.Join(err, stop()); err != nil {
		return nil, err
	}
	l.givenUp += v.Record.GivenUp
	if meter.err != nil {
		return nil, meter.err
	}
	v.Cost = meter.after.Since(&meter.before, v.Record.Waiting)
	v.Machine = meter.after.Besides(&meter.before)
	calls := warmed + v.Record.Done + v.Record.Failed
	v.Spans = spansOf(l.pipeline, calls-l.givenUp, l.own)
	// Of calls that were given up the target may know or not.
	if m, ok := l.target.(*observable.Map); ok && !l.own && !v.Record.Interrupted && l.givenUp == 0 {
		if err := l.metering.check(meter.ctx, m, calls); err != nil {
			return nil, err
		}
	}
	v.Verdict = slices.Concat(v.Record.Verdict(0.5, 0.99), notWarm(v.Warmup, left), lost(v.Spans), noise(v.Machine),
		throttled(v.Machine))
	return v, nil
}

// spansOf is what became of the spans of so many calls; nil if they come to no end
// where they are counted.
func spansOf(pipeline *spans.Pipeline, calls uint64, own bool) *results.SpanCount {
	if !pipeline.Records() {
		return nil
	}
	exported, bytes := pipeline.Exported()
	made := pipeline.Sampled(calls)
	if own {
		made = exported // nobody knows how many roots its calls start
	}
	return &results.SpanCount{Made: made, Exported: exported, Bytes: bytes}
}

// warmup puts the target under load of the same kind as that of the visit, but
// steady, and does not measure it.
func warmup(ctx context.Context, req *Request, run bench.Run) (_ *record.Record, err error) {
	s := req.Scenario
	if s.Closed {
		run.Closed = &bench.Closed{Duration: s.Warmup, Think: s.Think}
	} else if run.Arrivals, err = s.WarmupOf(req.Cell.Level, req.Seed+1); err != nil {
		return nil, err
	}
	return run.Do(ctx)
}

// schedule says when the calls of the visit are due, and how many latencies are
// kept.
func arrivals(req *Request, run *bench.Run) (err error) {
	s := req.Scenario
	if s.Closed {
		run.Closed = &bench.Closed{Duration: s.Duration, Think: s.Think}
		run.Keep = maxKept
		return nil
	}
	run.Arrivals, _, err = s.Schedule(req.Cell.Level, req.Seed)
	calls := s.Calls(req.Cell.Level) // by chance as many more as fewer
	run.Keep = int(min(maxKept, 2*calls-s.Surely(req.Cell.Level)+1000))
	return err
}

// exporting is the export of spans as something that calls may overlap.
func exporting(pipeline *spans.Pipeline) *bench.Activity {
	a := bench.NewActivity("span export")
	pipeline.OnExport(a.Begin)
	return a
}

// notWarm tells whether calls of the warm-up went on into what was measured.
func notWarm(calls, left uint64) []record.Reason {
	if left == 0 {
		return nil
	}
	return []record.Reason{{Name: results.NotWarm, Detail: fmt.Sprintf(
		"%d of %d calls of the warm-up had not returned at its end and were given up, and may still go on: mend "+
			"what holds them, or raise the timeout",
		left, calls)}}
}

// lost tells whether the costs of a visit are those of all its spans.
func lost(s *results.SpanCount) []record.Reason {
	if s == nil || s.Dropped() == 0 {
		return nil
	}
	return []record.Reason{{Name: results.SpansLost, Detail: fmt.Sprintf(
		"%d of %d spans were lost before export, and what they cost is understated: lower the rate", s.Dropped(), s.Made)}}
}

// A meter reads what the process has spent before and after the load. Spans that
// wait are exported first: what their export costs belongs to the calls that
// made them.
type meter struct {
	ctx           context.Context
	pipeline      *spans.Pipeline
	before, after machine.Usage
	err           error
}

func (m *meter) begin() {
	m.flush()
	runtime.GC() // every arm begins with a heap as small as it can be
	m.read(&m.before)
}

func (m *meter) end() {
	m.flush()
	m.read(&m.after)
}

func (m *meter) flush() {
	if err := m.pipeline.Flush(m.ctx); err != nil {
		m.err = errors.Join(m.err, fmt.Errorf("exporting spans: %w", err))
	}
}

func (m *meter) read(into *machine.Usage) {
	u, err := machine.Read()
	m.err = errors.Join(m.err, err)
	*into = u
}

// How much of the machine may go elsewhere.
const (
	maxStolen = 0.02
	maxOthers = 0.10
)

// maxThrottled is the share of the periods of a CPU quota in which the process may be stopped.
const maxThrottled = 0.01

// throttled reports that the control group of the process stopped it. It is no noise: closing other programs does not
// help.
func throttled(m results.Machine) []record.Reason {
	if m.Throttled <= maxThrottled {
		return nil
	}
	return []record.Reason{{Name: results.Throttled, Detail: fmt.Sprintf(
		"the CPU quota of %.4g cores (cgroup) was used up in %.0f%% of its periods, and the process was stopped "+
			"until the next one: "+
			"raise the quota, or lower the rate", m.Quota, 100*m.Throttled)}}
}

func noise(m results.Machine) []record.Reason {
	var why []string
	if m.Stolen > maxStolen {
		why = append(why, fmt.Sprintf("%.0f%% of the machine's CPU time was stolen by its host: measure on a "+
			"quieter machine", 100*m.Stolen))
	}
	if m.Others > maxOthers {
		why = append(why, fmt.Sprintf("%.0f%% of the machine's CPU time was used by other processes: close them",
			100*m.Others))
	}
	if !m.Known || why == nil {
		return nil
	}
	return []record.Reason{{Name: record.NoisyMachine, Detail: strings.Join(why, "; ")}}
}
