package selftest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/bench/httptarget"
	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/bench/schedule"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
)

// A serverStall is a load over HTTP whose server is stopped once, by the kernel. The server cannot take part in it: it
// neither answers nor notices, and the kernel keeps what is sent meanwhile.
type serverStall struct {
	stall
	name     string
	protocol string
	// connections are opened before the load. Each carries streams calls at once.
	connections, streams int
	fewWait              bool // fewer than one call in a hundred is at the server when it stops
}

const (
	// overTolerance is the share by which a percentile may be above the one computed. It may not be below it.
	overTolerance = 0.06
	// excess is how much longer than said the server is stopped: a signal takes a moment to reach it, and a call may
	// have been due just before. So no percentile is below the one computed.
	excess = 5 * time.Millisecond
	// mostService bounds the service time at p99 if few calls wait at the server. Calls count as on time after the
	// backlog if they are late by less than onTime.
	mostService, onTime = 60 * time.Millisecond, 2 * time.Millisecond
	// serverLead is about the time that it takes to start and stop a server.
	serverLead = 500 * time.Millisecond
)

// services returns checks of the latency that follows from a stall of a server. The program and arguments in command
// start the server.
func (e engine) services(quick bool, command []string) (checks []Check) {
	load := stall{perSecond: 1000, duration: 10 * time.Second, from: 4 * time.Second, length: time.Second,
		service: time.Millisecond, unlimited: true}
	if quick {
		// Long enough for p99.9, which needs 3,688 calls.
		load.perSecond, load.duration, load.from, load.length = 2000, 2*time.Second, 800*time.Millisecond,
			200*time.Millisecond
	}
	for _, s := range []serverStall{
		{name: "64 connections", protocol: httptarget.HTTP1, connections: 64, streams: 1},
		{name: "2 connections", protocol: httptarget.HTTP1, connections: 2, streams: 1, fewWait: true},
		{name: "h2c, 4 connections", protocol: httptarget.H2C, connections: 4, streams: 16},
	} {
		s.stall = load
		checks = append(checks, Check{Group: Service, Name: s.name, Takes: s.duration + serverLead,
			Measure: func(ctx context.Context) (Outcome, error) { return e.stopped(ctx, &s, command) }})
	}
	return checks
}

// stopped runs s and judges the record.
func (e engine) stopped(ctx context.Context, s *serverStall, command []string) (o Outcome, err error) {
	arrivals, err := schedule.Constant(schedule.PerSecond(s.perSecond), s.duration)
	if err != nil {
		return o, err
	}
	server, err := startServer(ctx, command)
	if err != nil {
		return o, err
	}
	defer func() {
		_, failed := server.Stop(ctx)
		err = errors.Join(err, failed)
	}()
	target, err := httptarget.Open(ctx, httptarget.Options{URL: server.url + callPath, Protocol: s.protocol,
		Connections: s.connections, Streams: s.streams})
	if err != nil {
		return o, err
	}
	defer target.Close()
	stalling, cancel := context.WithCancel(ctx)
	stalled := make(chan error, 1)
	r, err := e.do(ctx, &bench.Run{
		Arrivals: arrivals, Target: target, Workers: target.Workers(),
		Pace:  e.pace(s.perSecond, target.Workers()),
		Began: func() { go func() { stalled <- s.pause(stalling, server) }() },
	})
	cancel() // of a run that failed
	if err != nil {
		return o, err
	}
	if err := <-stalled; err != nil {
		return o, err
	}
	saw, err := server.seen(ctx)
	if err != nil {
		return o, err
	}
	return s.judge(r, target.Connections().Resent, saw), nil
}

// A pauser is a server that can be stopped and continued.
type pauser interface {
	Pause() error
	Resume() error
}

// pause stops the server for the time of the stall, after the time until then. If ctx ends, it continues the server at
// once, and returns the error of ctx.
func (s *serverStall) pause(ctx context.Context, p pauser) error {
	if err := sleep(ctx, s.from); err != nil {
		return err
	}
	if err := p.Pause(); err != nil {
		return err
	}
	return errors.Join(sleep(ctx, s.length+excess), p.Resume())
}

// sleep returns after d, or with the error of ctx if ctx ends before.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// judge compares the record with what follows from the stall and from how fast the server caught up.
func (s *serverStall) judge(r *record.Record, resent uint64, saw *sighting) Outcome {
	sent := r.Service.Quantile(0.99)
	o := Outcome{
		Note: fmt.Sprintf("%s stop at %s; counted from the send, p99 would be %s",
			format.Duration(s.length), format.GivenRate(float64(s.perSecond)), format.Duration(sent)),
		Findings: []Finding{
			exactly("calls done", s.calls(), r.Done),
			exactly("calls the server saw", r.Done+resent, saw.Calls),
		},
	}
	if s.fewWait {
		o.Findings = append(o.Findings, atMost("service time p99", Nanoseconds, float64(mostService), float64(sent)))
	}
	length, drain, err := s.catchUp(saw.Begun)
	if err != nil {
		f := unknown("latency", err)
		f.Timing = true
		o.Findings = append(o.Findings, f)
		return o
	}
	// The calls before and after the stop are up to one interval away from it.
	stop := fromLeast("stop by the server's clock", s.length+2*due(1, s.perSecond), s.length+excess, length, true)
	o.Findings = append(o.Findings, stop)
	if stop.Got < stop.Least {
		return o // nothing follows from a stop that came late
	}
	for _, q := range []float64{0.95, 0.99, 0.999, 1} {
		o.Findings = append(o.Findings, s.percentile(r, q, length, drain))
	}
	return o
}

// percentile returns the finding of the q-quantile of latency, where 1 is the maximum. The server was stopped for
// length, and then served drain calls a second.
func (s *serverStall) percentile(r *record.Record, q float64, length time.Duration, drain float64) Finding {
	got, what := r.Latency.Max(), "latency max"
	if q < 1 {
		var err error
		what = "latency " + record.PercentileName(q)
		if got, err = r.Percentile(q); err != nil {
			return unknown(what, err)
		}
	}
	least, err := s.latency(q, s.service)
	if err != nil {
		return unknown(what, err)
	}
	real := s.stall
	real.length, real.unlimited, real.workers = length, false, s.connections*s.streams
	// With so many calls at once, each takes this long at the rate at which they are served.
	want, err := real.latency(q, time.Duration(float64(real.workers)/drain*float64(time.Second)))
	if err != nil {
		f := unknown(what, err)
		f.Timing = true
		return f
	}
	return fromLeast(what, least, max(want, least), got, false)
}

// fromLeast returns the finding of a duration that may be above want by overTolerance, and may not be below least. A
// busy machine makes durations longer. Argument shorter says whether it may also make this one shorter.
func fromLeast(what string, least, want, got time.Duration, shorter bool) Finding {
	return Finding{What: what, Unit: Nanoseconds, Want: float64(want), Least: float64(least),
		Most: float64(want) * (1 + overTolerance), Got: float64(got), Timing: shorter || got >= least,
		margin: fmt.Sprintf("+%s, at least %s", format.Given(overTolerance), format.Duration(least))}.judged()
}

// catchUp returns for how long the server saw no call at most, and how many calls a second it served after that, until
// calls were on time again. begun has when calls began.
func (s *serverStall) catchUp(begun []time.Duration) (length time.Duration, perSecond float64, err error) {
	begun = slices.Sorted(slices.Values(begun)) // handlers overtake each other
	after := 0                                  // the first call after the stall
	for i := 1; i < len(begun); i++ {
		if gap := begun[i] - begun[i-1]; gap > length {
			length, after = gap, i
		}
	}
	if after == 0 {
		return 0, 0, fmt.Errorf("the server saw %s", format.Plural(len(begun), "call"))
	}
	last := begun[after-1] // on time
	for i := after + 1; i < len(begun); i++ {
		late := begun[i] - last - due(uint64(i-after+1), s.perSecond)
		if late <= onTime {
			return length, float64(i-after) / (begun[i] - begun[after]).Seconds(), nil
		}
	}
	return 0, 0, errors.New("the server had not caught up when the load ended")
}
