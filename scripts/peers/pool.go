package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/bench/httptarget"
	"github.com/loadgen-go/loadgen/bench/schedule"
)

// A poolPlan is a load on a server that takes some time to answer.
type poolPlan struct {
	calls, perSecond int
	service          time.Duration
}

// Columns of the pool section.
const (
	poolOpened = iota
	poolAllowed
	poolP99
	poolCPU
	poolRequests
)

// pool measures how many connections clients open.
func pool(o options) section {
	p := o.pool
	s := section{
		name: "pool",
		title: fmt.Sprintf("connections opened for %d requests, %d/s at random, to a server that takes %v", p.calls,
			p.perSecond, p.service),
		head:    []string{"who"},
		columns: []string{"connections", "workers + reconnects", "p99 ms", "CPU us", "requests"},
		notes: []string{
			"Connections: as accepted by the server. p99: from when a request is due. CPU: of the client, per",
			"request, its start included.",
		},
	}
	names := []string{transportClient, loadgenClient}
	for i, label := range []string{"net/http Transport, default, a goroutine per request", "loadgen, default"} {
		s.cells = append(s.cells, cell{[]string{label}, func(ctx context.Context) (figures, error) {
			return poolCost(ctx, names[i], p, o.seed)
		}})
	}
	ours := slices.Index(names, loadgenClient)
	s.bars = []bar{{
		name: "connections of loadgen beyond its workers and reconnects",
		values: func(round []figures) float64 {
			return max(round[ours].values[poolOpened]-round[ours].values[poolAllowed], 0)
		},
	}}
	return s
}

// poolCost measures the connections of a client.
func poolCost(ctx context.Context, name string, p poolPlan, seed uint64) (figures, error) {
	length := time.Duration(p.calls) * time.Second / time.Duration(p.perSecond)
	ctx, cancel := context.WithTimeout(ctx, length+patience)
	defer cancel()
	s, err := startServer(ctx, p.service)
	if err != nil {
		return figures{}, err
	}
	defer s.kill()
	c, err := startChild(ctx, clientSide, job{Task: poolTask, Client: name, URL: s.url, PerSecond: p.perSecond,
		Duration: length, Seed: seed})
	if err != nil {
		return figures{}, err
	}
	defer c.kill()
	var a answer
	if err := c.hear(&a); err != nil {
		return figures{}, err
	}
	used, err := c.end()
	if err != nil {
		return figures{}, err
	}
	seen, err := s.seen()
	if err == nil {
		err = witnessed(name, a.Requests, 0, seen.Requests)
	}
	if err != nil {
		return figures{}, err
	}
	f := figures{values: []float64{float64(seen.Connections), missing, a.Millis[0],
		micros(used.cpu()) / float64(a.Requests), float64(a.Requests)}}
	if a.Allowed > 0 {
		f.values[poolAllowed] = float64(a.Allowed)
	}
	return f, nil
}

// pooled make the requests of a job at random times.
var pooled = map[string]func(ctx context.Context, j job) (answer, error){
	transportClient: pooledTransport,
	loadgenClient:   pooledLoadgen,
}

// independent returns when the requests of a job are due.
func (j job) independent() (schedule.Arrivals, error) {
	a, err := schedule.Poisson(schedule.PerSecond(uint64(j.PerSecond)), 2*j.Duration, j.Seed) // some take longer
	return schedule.First(a, uint64(j.PerSecond)*uint64(j.Duration)/uint64(time.Second)), err
}

func pooledTransport(_ context.Context, j job) (answer, error) {
	arrivals, err := j.independent()
	if err != nil {
		return answer{}, err
	}
	var mu sync.Mutex // guards latencies and errs
	var latencies []time.Duration
	var errs []error
	var all sync.WaitGroup
	begun := now()
	for i := arrivals.From(0); ; {
		due, ok := i.Next()
		if !ok {
			break
		}
		time.Sleep(due - (now() - begun))
		all.Go(func() {
			r, err := http.NewRequest(http.MethodGet, j.URL, nil)
			if err == nil {
				err = readAnswer(http.DefaultTransport.RoundTrip(r))
			}
			latency := now() - begun - due
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				errs = append(errs, err)
				return
			}
			latencies = append(latencies, latency)
		})
	}
	all.Wait()
	slices.Sort(latencies)
	return answer{Requests: uint64(len(latencies)), Millis: []float64{percentile(latencies, 0.99) / 1e3}},
		errors.Join(errs...)
}

func pooledLoadgen(ctx context.Context, j job) (answer, error) {
	arrivals, err := j.independent()
	if err != nil {
		return answer{}, err
	}
	target, err := httptarget.Open(ctx, httptarget.Options{URL: j.URL})
	if err != nil {
		return answer{}, err
	}
	defer target.Close()
	r, err := (&bench.Run{Arrivals: arrivals, Target: target, Workers: target.Workers(),
		MaxWorkers: target.MaxWorkers()}).Do(ctx)
	if err != nil {
		return answer{}, err
	}
	if r.Done != r.Offered {
		return answer{}, fmt.Errorf("%d of %d calls are done, and %d failed (%v): want all done", r.Done, r.Offered,
			r.Failed, r.Failures)
	}
	return answer{Requests: r.Done, Millis: []float64{micros(r.Latency.Quantile(0.99)) / 1e3},
		Allowed: uint64(r.Workers) + target.Connections().Reconnects}, nil
}
