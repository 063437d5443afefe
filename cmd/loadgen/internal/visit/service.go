package visit

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/bench/grpctarget"
	"github.com/loadgen-go/loadgen/bench/httptarget"
	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/scenarios"
)

// callService puts the service of a scenario under load. It starts the service before, and stops it after, if the
// scenario says how.
func callService(ctx context.Context, req *Request, l loading) (v *results.Visit, err error) {
	called := calledWith(req.Scenario, req.Seed)
	if req.Scenario.Service == nil {
		return callAt(ctx, req, called, l)
	}
	up, err := startService(ctx, req.Scenario, req.Cell, req.Provided, req.Log)
	if err != nil {
		return nil, err
	}
	alive, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() { // a service that is gone answers no more calls
		select {
		case <-up.Gone():
			cancel(up.Err())
		case <-alive.Done():
		}
	}()
	l.up = up
	if v, err = up.load(alive, req, called, l); err != nil {
		_, stopErr := up.Stop(ctx)
		return nil, errors.Join(err, stopErr, up.closeSink(ctx))
	}
	gone := up.Err()
	calls := v.Warmup + v.Record.Done + v.Record.Failed + v.Connections.Resent
	cost, doubts, err := up.stop(ctx, calls)
	v.Service, v.Verdict = cost, append(v.Verdict, doubts...)
	if gone != nil {
		v.Error = fmt.Sprintf("service-gone: %v\nIt was sent %s before", gone, format.Plural(int(calls), "call"))
	}
	if err = errors.Join(err, up.errUnless(gone)); err != nil { // what was measured is kept beside the error
		v.Error = strings.TrimPrefix(v.Error+"\n"+err.Error(), "\n")
	}
	return v, nil
}

// errUnless returns what went wrong at the beginning and the end of the load, unless it is that the service was gone.
func (up *started) errUnless(gone error) error {
	if gone != nil {
		return nil
	}
	return up.err
}

// load confines this process, measures the service without load, and then puts it under load.
func (up *started) load(ctx context.Context, req *Request, called scenarios.Called, l loading) (
	*results.Visit, error) {
	called, err := up.addressed(called)
	if err != nil {
		return nil, err
	}
	if len(up.generator) > 0 {
		if err := up.generator.Confine(); err != nil {
			return nil, err
		}
	}
	if idle := req.Scenario.Service.IdleTime(); idle > 0 {
		if err := up.Idle(ctx, idle); err != nil {
			return nil, err
		}
	}
	return callAt(ctx, req, called, l)
}

// callAt opens the connections to a service, puts it under load, and closes them.
func callAt(ctx context.Context, req *Request, called scenarios.Called, l loading) (*results.Visit, error) {
	s := req.Scenario
	target, err := openClient(ctx, called)
	if err != nil {
		return nil, err
	}
	defer target.Close()
	if err := enoughRows(s, target, req.Cell.Level); err != nil {
		return nil, err
	}
	if err := enoughConnections(s, target); err != nil {
		return nil, err
	}
	l.target, l.keys = target, target.Keys()
	if s.KeysOf(req.Cell.Level) != nil { // a replay names the request of each call
		if _, l.keys, err = s.Schedule(req.Cell.Level, req.Seed); err != nil {
			return nil, err
		}
	}
	l.workers = min(target.Workers(), bench.MaxWorkers)
	l.mostWorkers = min(target.MaxWorkers(), bench.MaxWorkers)
	l.local = target.Local()
	l.numberFrom, l.first = target.NumberFrom, uint64(len(target.Names())) // after those of FirstAnswers
	v, err := l.measure(ctx)
	if err != nil {
		return nil, err
	}
	connections := target.Connections()
	v.Connections, v.Streams = &connections, streamsOf(target)
	return v, nil
}

// A FirstAnswer is the answer to the first request of a kind, of HTTP or of gRPC. Err is why it is not as expected, or
// nil.
type FirstAnswer struct {
	Arm     string // of the service that was started; "" if it has none
	Request string
	HTTP    *httptarget.Answer
	GRPC    *grpctarget.Answer
	Err     error
}

// Code returns the code of gRPC that the call ended with, or "" if it did not end with one.
func (a *FirstAnswer) Code() string {
	kind := ""
	if a.Err != nil {
		kind = record.KindOf(a.Err)
	}
	ended := a.Err == nil || strings.HasPrefix(kind, record.KindGRPC+" ") || strings.HasPrefix(kind, "check ")
	if a.GRPC == nil || !ended {
		return ""
	}
	return a.GRPC.Code.String()
}

// FirstAnswers sends one request of each kind to the service of a scenario, over one connection. It starts and stops
// each arm of a service before.
func FirstAnswers(ctx context.Context, s *scenarios.Scenario, p Provided) (answers []FirstAnswer, err error) {
	if s.Service == nil {
		return firstAnswers(ctx, calledWith(s, s.Seed))
	}
	seen := map[string]bool{}
	for _, c := range s.Cells() {
		arm := c.Value(scenarios.ServiceArm)
		if seen[arm] {
			continue
		}
		seen[arm] = true
		of, err := firstAnswersOf(ctx, s, c, p)
		for _, a := range of {
			a.Arm = arm
			answers = append(answers, a)
		}
		if err != nil {
			return answers, err
		}
	}
	return answers, nil
}

// firstAnswersOf starts the service of a cell, sends one request of each kind to it, and stops it.
func firstAnswersOf(ctx context.Context, s *scenarios.Scenario, c scenarios.Cell, p Provided) (answers []FirstAnswer,
	err error) {
	up, err := startService(ctx, s, c, p, "")
	if err != nil {
		return nil, err
	}
	called, err := up.addressed(calledWith(s, s.Seed))
	if err == nil {
		answers, err = firstAnswers(ctx, called)
	}
	_, stopErr := up.Stop(ctx)
	return answers, errors.Join(err, stopErr, up.closeSink(ctx))
}

// firstAnswers sends one request of each kind to a service that runs.
func firstAnswers(ctx context.Context, called scenarios.Called) (answers []FirstAnswer, err error) {
	client, err := openClient(ctx, called.Alone())
	if err != nil {
		return nil, err
	}
	defer client.Close()
	for n, name := range client.Names() {
		answers = append(answers, tryFirst(ctx, client, name, uint64(n)))
	}
	return answers, ctx.Err()
}
