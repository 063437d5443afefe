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
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/machine"
	"github.com/loadgen-go/loadgen/observable"
	"github.com/loadgen-go/loadgen/observable/spans"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/scenarios"
)

// A Request says what a visit should run.
type Request struct {
	Scenario *scenarios.Scenario `json:"scenario"`
	Cell     scenarios.Cell      `json:"cell"`
	Seed     uint64              `json:"seed"` // seed of the round, which all arms share
	Turns    work.Turns          `json:"turns"`
	Profile  *Profile            `json:"profile,omitempty"`
	// Provided is for the service that the visit starts. Log is where the output of the service goes; "" is nowhere.
	Provided Provided `json:"provided,omitzero"`
	Log      string   `json:"log,omitempty"`
	// Inputs are the inputs that the visit checks: see [ChangedError].
	Inputs []results.Input `json:"inputs,omitempty"`
}

// An Own is a target of the program's own, which is used instead of the map.
type Own struct {
	Keys []string // nil means that every call has the key ""
	Open func(context.Context, trace.TracerProvider) (bench.Target, error)
}

// maxKept is the largest number of latencies that estimators are compared on.
const maxKept = 1 << 20

// Do runs the visit. If ctx ends, Do returns what was measured until then, marked as interrupted.
func Do(ctx context.Context, req *Request, own *Own) (*results.Visit, error) {
	receiver, err := openReceiver(context.WithoutCancel(ctx), &req.Cell)
	if err != nil {
		return nil, err
	}
	pipeline, err := newPipeline(req, own == nil, receiver)
	if err != nil {
		return nil, errors.Join(err, receiver.close())
	}
	closeAll := func() error { return errors.Join(pipeline.Close(context.WithoutCancel(ctx)), receiver.close()) }
	if err := req.open(); err != nil {
		return nil, errors.Join(err, closeAll())
	}
	v, err := load(ctx, req, own, pipeline, receiver)
	if err := errors.Join(err, closeAll()); err != nil {
		return nil, err
	}
	if ctx.Err() == nil {
		v.Estimates, err = estimates(req.Scenario.Arms(scenarios.Quantile), v.Record.Kept, req.Seed)
	}
	return v, err
}

// load opens the target, puts it under load, and closes it if it is the program's own, whatever came of the load.
func load(ctx context.Context, req *Request, own *Own, pipeline *spans.Pipeline, receiver *receiver) (*results.Visit,
	error) {
	metering, err := openMetrics(req.Cell.Value("metrics"))
	if err != nil {
		return nil, err
	}
	if req.Scenario.CallsService() {
		return callService(ctx, req, loading{req: req, pipeline: pipeline, metering: metering})
	}
	target, keys, err := newTarget(ctx, req, own, pipeline, metering)
	if err != nil {
		return nil, err
	}
	l := loading{req: req, target: target, keys: keys, own: own != nil, pipeline: pipeline, metering: metering,
		receiver: receiver}
	if t, ok := target.(*spanTarget); ok && t.gate != nil {
		l.workers, l.exported = runtime.GOMAXPROCS(0), t.gate.open
		pipeline.OnExport(func() func() { return l.exported }) // in the warm-up, too
	}
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
	receiver *receiver // of the spans; nil if they are not sent
	exported func()    // is called after each export; nil: nothing is
	// workers and mostWorkers are the workers of a service, and the most that its connections carry, unless the
	// scenario says how many there are; 0 for another target.
	workers, mostWorkers int
	local                bool     // the target is a service on this machine
	up                   *started // that service, if the visit started it
	// numberFrom sets the number of the first call of a run of a service; nil for another target. First is the number
	// of the visit's first call.
	numberFrom func(first uint64)
	first      uint64
	givenUp    uint64 // calls, which may still be in the target
}

// measure puts the target under load, first to warm it up and then to measure it.
func (l *loading) measure(ctx context.Context) (*results.Visit, error) {
	req, s := l.req, l.req.Scenario
	run := bench.Run{Keys: l.keys, Target: l.target, Workers: s.Workers, Overload: s.Overload, Queue: s.Queue,
		Pace: s.Pace, FailedApart: s.FailedApart, Timeout: s.Timeout, Stuck: tell(os.Stderr, &req.Cell)}
	if run.Workers == 0 {
		run.Workers, run.MaxWorkers = l.workers, l.mostWorkers
	}
	v := &results.Visit{Cell: req.Cell, Began: time.Now().UTC()}
	var warmed, left uint64 // calls of the warm-up that ended, and those of them that were abandoned
	l.number(0)
	if s.Warmup > 0 {
		warm, err := warmup(ctx, req, run)
		if err != nil {
			return nil, err
		}
		v.Warmup, warmed, left = warm.Offered, warm.Done+warm.Failed, warm.GivenUp
		l.givenUp = left
		l.number(warm.Offered)
	}
	if err := arrivals(req, &run); err != nil {
		return nil, err
	}
	run.Window, run.SLOs, run.Abort = s.Window, s.SLOs, s.Abort
	run.Activities = []*bench.Activity{exporting(l.pipeline, l.exported)}
	meter := meter{ctx: context.WithoutCancel(ctx), pipeline: l.pipeline, receiver: l.receiver}
	run.Began, run.Ended = meter.begin, meter.end
	if l.up != nil {
		run.Began = func() { meter.begin(); l.up.begin(meter.ctx) }
		run.Ended = func() { l.up.end(meter.ctx); meter.end() }
	}
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
	v.Machine = meter.after.Besides(&meter.before, l.spent())
	calls := warmed + v.Record.Done + v.Record.Failed
	v.Spans = spansOf(l.pipeline, calls-l.givenUp, l.own)
	if l.receiver != nil {
		v.Sending = l.receiver.sending()
		exact := l.givenUp == 0 && !l.own // of calls that were given up a span may be made or not
		if err := l.receiver.account(v.Spans, l.pipeline, calls, exact); err != nil {
			return nil, err
		}
	}
	// Of calls that were given up the target may know or not.
	if !l.own && !v.Record.Interrupted && l.givenUp == 0 {
		if err := l.check(meter.ctx, calls); err != nil {
			return nil, err
		}
	}
	v.Verdict = slices.Concat(v.Record.Verdict(0.5, 0.99), notWarm(v.Warmup, left), lost(v.Spans),
		noise(v.Machine, l.local && l.up == nil), throttled(v.Machine))
	return v, nil
}

// check returns an error unless what observes the handlers has counted all calls.
func (l *loading) check(ctx context.Context, calls uint64) error {
	switch target := l.target.(type) {
	case *observable.Map:
		return l.metering.check(ctx, target, calls)
	case *table:
		return target.check(calls)
	}
	return nil
}

// spent returns the CPU time of the processes that belong to the visit, under load: of the service that it started and
// of its sidecars, or of the receiver of its spans.
func (l *loading) spent() time.Duration {
	switch {
	case l.receiver != nil:
		return l.receiver.spent()
	case l.up == nil:
		return 0
	}
	return l.up.spent()
}

// number makes the calls of the next run of a service follow those of the visit before it. All arms of a round have
// the same arrivals, so that they make the same requests.
func (l *loading) number(before uint64) {
	if l.numberFrom != nil {
		l.numberFrom(l.first + before)
	}
}

// spansOf returns the numbers of spans of these calls, or nil if the pipeline does not count them.
func spansOf(pipeline *spans.Pipeline, calls uint64, own bool) *results.SpanCount {
	if !pipeline.Records() {
		return nil
	}
	exported, bytes := pipeline.Exported()
	made := pipeline.Sampled(calls)
	if own {
		made = exported // the number of root spans per call is unknown
	}
	return &results.SpanCount{Made: made, Exported: exported, Bytes: bytes}
}

// warmup applies a steady load of the same kind as the visit's load, and does not measure it.
func warmup(ctx context.Context, req *Request, run bench.Run) (_ *record.Record, err error) {
	s := req.Scenario
	if req.Cell.Closed() {
		run.Closed = &bench.Closed{Duration: s.Warmup, Think: s.Think}
	} else if run.Arrivals, err = s.WarmupOf(req.Cell.Level, req.Seed+1); err != nil {
		return nil, err
	}
	return run.Do(ctx)
}

// arrivals sets when the calls of the visit are due, and how many latencies are kept for estimators.
func arrivals(req *Request, run *bench.Run) (err error) {
	s := req.Scenario
	defer func() {
		if len(s.Arms(scenarios.Quantile)) == 0 {
			run.Keep = 0 // their memory would be part of what is measured
		}
	}()
	if req.Cell.Closed() {
		run.Closed = &bench.Closed{Duration: s.Duration, Think: s.Think}
		run.Keep = maxKept
		return nil
	}
	run.Arrivals, _, err = s.Schedule(req.Cell.Level, req.Seed)
	calls := s.Calls(req.Cell.Level) // random arrivals may exceed the mean by as much as they may fall below it
	run.Keep = int(min(maxKept, 2*calls-s.Surely(req.Cell.Level)+1000))
	return err
}

// exporting returns the export of spans as an activity that calls may overlap. After each export it calls exported,
// unless that is nil.
func exporting(pipeline *spans.Pipeline, exported func()) *bench.Activity {
	a := bench.NewActivity("span export")
	begin := a.Begin
	if exported != nil {
		begin = func() func() {
			end := a.Begin()
			return func() {
				end()
				exported()
			}
		}
	}
	pipeline.OnExport(begin)
	return a
}

// notWarm returns a reason if calls of the warm-up may have run during the measurement.
func notWarm(calls, left uint64) []record.Reason {
	if left == 0 {
		return nil
	}
	return []record.Reason{{Name: results.NotWarm, Detail: fmt.Sprintf(
		"%d of %d calls of the warm-up had not returned at its end and were abandoned, but may still run: fix "+
			"what blocks them, or raise the timeout",
		left, calls)}}
}

// lost returns a reason if spans were lost.
func lost(s *results.SpanCount) []record.Reason {
	if s == nil || s.Dropped() == 0 {
		return nil
	}
	return []record.Reason{{Name: results.SpansLost, Detail: fmt.Sprintf(
		"%d of %d spans were lost before export, so their cost is understated: lower the rate",
		s.Dropped(), s.Made)}}
}

// A meter reads what the process has used before and after the load. It exports waiting spans first, since the cost
// of their export belongs to the calls that made them.
type meter struct {
	ctx           context.Context
	pipeline      *spans.Pipeline
	receiver      *receiver // nil if no spans are sent
	before, after machine.Usage
	err           error
}

// begin reads the usage before the load.
func (m *meter) begin() {
	m.flush()
	runtime.GC() // every arm begins with the smallest possible heap
	if m.receiver != nil {
		m.err = errors.Join(m.err, m.receiver.begin())
	}
	m.read(&m.before)
}

// end reads the usage after the load.
func (m *meter) end() {
	m.flush()
	m.read(&m.after)
	if m.receiver != nil {
		m.err = errors.Join(m.err, m.receiver.end())
	}
}

// flush exports the spans that wait.
func (m *meter) flush() {
	if err := m.pipeline.Flush(m.ctx); err != nil {
		m.err = errors.Join(m.err, fmt.Errorf("exporting spans: %w", err))
	}
}

// read reads the usage.
func (m *meter) read(into *machine.Usage) {
	u, err := machine.Read()
	m.err = errors.Join(m.err, err)
	*into = u
}

// Shares of the machine's CPU time that may be stolen, and that other processes may use.
const (
	maxStolen = 0.02
	maxOthers = 0.10
)

// maxThrottled is the share of a CPU quota's periods in which the process may be stopped.
const maxThrottled = 0.01

// throttled returns a reason if the control group stopped the process. This is not noise, since closing other programs
// would not help.
func throttled(m results.Machine) []record.Reason {
	if m.Throttled <= maxThrottled {
		return nil
	}
	return []record.Reason{{Name: results.Throttled, Detail: fmt.Sprintf(
		"the CPU quota of %s cores (cgroup) was used up in %s of its periods, and the process was stopped "+
			"until the next period: raise the quota, or lower the rate", format.Digits(m.Quota, 4),
		format.Rough(m.Throttled))}}
}

// noise returns a reason if the host or other processes used too much of the machine. A service on this machine is one
// of the other processes, and they cannot be told apart, so that they are no reason then.
func noise(m results.Machine, local bool) []record.Reason {
	var why []string
	if m.Stolen > maxStolen {
		why = append(why, fmt.Sprintf("%s of the machine's CPU time was stolen by its host: measure on a "+
			"quieter machine", format.Rough(m.Stolen)))
	}
	if m.Others > maxOthers && !local {
		why = append(why, fmt.Sprintf("%s of the machine's CPU time was used by other processes: close "+
			"other programs",
			format.Rough(m.Others)))
	}
	if !m.Known || why == nil {
		return nil
	}
	return []record.Reason{{Name: record.NoisyMachine, Detail: strings.Join(why, "; ")}}
}
