package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/rakyll/hey/requester"
	vegeta "github.com/tsenart/vegeta/v12/lib"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/bench/httptarget"
	"github.com/loadgen-go/loadgen/bench/schedule"
)

// A stallPlan is a load on a server that is stopped once.
type stallPlan struct {
	perSecond         int
	length, at, pause time.Duration // of the load; when the server stops, and for how long
}

func (p stallPlan) gap() time.Duration { return time.Second / time.Duration(p.perSecond) }

// stallQuantiles are the columns of the stall section, besides the requests.
var stallQuantiles = []float64{0.95, 0.99, 0.999, 1}

// millis returns the percentiles of latencies in the columns of the stall section, in ms. It sorts latencies.
func millis(latencies []time.Duration) (columns []float64) {
	slices.Sort(latencies)
	for _, q := range stallQuantiles {
		columns = append(columns, percentile(latencies, q)/1e3)
	}
	return columns
}

// arithmetic returns the percentiles of a client that sends every request when it is due: the one that is due as the
// server stops waits longest, for the pause and its answer, which takes a gap at most, and each one after it waits one
// gap less.
func (p stallPlan) arithmetic() []float64 {
	latencies := make([]time.Duration, p.length/p.gap())
	for i := range latencies {
		latencies[i] = max(p.pause+p.gap()-time.Duration(i)*p.gap(), 0)
	}
	return millis(latencies)
}

// stallRow is a row of the stall section. Connections is the number of connections, or the most workers of vegeta.
type stallRow struct {
	name, client string
	connections  int
}

var stallRows = []stallRow{
	{"loadgen, 64 connections", loadgenClient, 64},
	{"loadgen, 2 connections", loadgenClient, 2},
	{"vegeta", vegetaClient, 0},
	{"vegeta, at most 32 workers", vegetaClient, 32},
	{"hey, 32 workers", heyClient, 32},
}

// stallSection measures which latencies clients report if the server stops for a time.
func stallSection(o options) section {
	p := o.stall
	s := section{
		name: "stall",
		title: fmt.Sprintf("latency as reported, for %d requests/s over %v to a server that is stopped (SIGSTOP) "+
			"for %v", p.perSecond, p.length, p.pause),
		head:    []string{"who"},
		columns: []string{"p95 ms", "p99 ms", "p99.9 ms", "max ms", "done"},
		notes: []string{
			"Arithmetic: every request is sent when it is due. The server is stopped for two requests longer, so that",
			"no percentile may be lower. Done: the server saw as many. hey is given the rate as 31/s for each of 32",
			"workers; its percentiles are of the times that it prints as CSV.",
		},
		cells: []cell{{[]string{"arithmetic"}, func(context.Context) (figures, error) {
			return figures{values: append(p.arithmetic(), float64(p.length/p.gap()))}, nil
		}}},
	}
	for _, r := range stallRows {
		s.cells = append(s.cells, cell{[]string{r.name}, func(ctx context.Context) (figures, error) {
			return stallLatency(ctx, r, p)
		}})
	}
	s.bars = stallBars(&s, p)
	return s
}

// stallBars returns what loadgen's percentiles promise: none below the arithmetic, and the medians at most 6 % above.
func stallBars(s *section, p stallPlan) (bars []bar) {
	for _, r := range stallRows {
		if r.client != loadgenClient {
			continue
		}
		row := s.row(r.name)
		for column, least := range p.arithmetic() {
			bars = append(bars, bar{
				name:   r.name + ", " + s.columns[column],
				values: func(round []figures) float64 { return round[row].values[column] },
				least:  least,
				most:   1.06 * least,
			})
		}
	}
	return bars
}

// stallLatency measures what the client of a row reports.
func stallLatency(ctx context.Context, r stallRow, p stallPlan) (figures, error) {
	ctx, cancel := context.WithTimeout(ctx, p.length+p.pause+patience)
	defer cancel()
	s, err := startServer(ctx, 0)
	if err != nil {
		return figures{}, err
	}
	defer s.kill()
	c, err := startChild(ctx, clientSide, job{Task: stallTask, Client: r.client, URL: s.url,
		Connections: r.connections, PerSecond: p.perSecond, Duration: p.length})
	if err != nil {
		return figures{}, err
	}
	defer c.kill()
	var begun bool
	if err := c.hear(&begun); err != nil {
		return figures{}, err
	}
	if err := sleep(ctx, p.at); err != nil {
		return figures{}, err
	}
	if err := s.pause(ctx, p.pause+2*p.gap()); err != nil {
		return figures{}, err
	}
	var a answer
	if err := c.hear(&a); err != nil {
		return figures{}, err
	}
	seen, err := s.seen()
	if err == nil {
		err = witnessed(r.name, a.Requests, 0, seen.Requests)
	}
	if err != nil {
		return figures{}, err
	}
	return figures{values: append(a.Millis, float64(a.Requests))}, nil
}

// stalled make the requests of a job at its rate, call begun when they start, and return their latencies.
var stalled = map[string]func(ctx context.Context, j job, begun func()) ([]time.Duration, error){
	loadgenClient: stalledLoadgen,
	vegetaClient:  stalledVegeta,
	heyClient:     stalledHey,
}

// stall runs a client, which calls begun when it starts.
func stall(ctx context.Context, j job, run func(context.Context, job, func()) ([]time.Duration, error),
	begun func() error) (answer, error) {
	var begunErr error
	latencies, err := run(ctx, j, func() { begunErr = begun() })
	if err := errors.Join(err, begunErr); err != nil {
		return answer{}, err
	}
	if len(latencies) == 0 {
		return answer{}, errors.New(j.Client + " reports no latencies: want some")
	}
	return answer{Requests: uint64(len(latencies)), Millis: millis(latencies)}, nil
}

func stalledLoadgen(ctx context.Context, j job, begun func()) ([]time.Duration, error) {
	arrivals, err := schedule.Constant(schedule.PerSecond(uint64(j.PerSecond)), j.Duration)
	if err != nil {
		return nil, err
	}
	target, err := httptarget.Open(ctx, httptarget.Options{URL: j.URL, Connections: j.Connections})
	if err != nil {
		return nil, err
	}
	defer target.Close()
	r, err := (&bench.Run{Arrivals: arrivals, Target: target, Workers: target.Workers(), Began: begun,
		Keep: j.PerSecond * int(j.Duration/time.Second+1)}).Do(ctx)
	if err != nil {
		return nil, err
	}
	if r.Done != r.Offered || len(r.Kept) != int(r.Done) {
		return nil, fmt.Errorf("%d of %d calls are done, and %d failed (%v): want all done", r.Done, r.Offered,
			r.Failed, r.Failures)
	}
	return r.Kept, nil
}

func stalledVegeta(_ context.Context, j job, begun func()) (latencies []time.Duration, err error) {
	var options []func(*vegeta.Attacker)
	if j.Connections > 0 {
		options = append(options, vegeta.MaxWorkers(uint64(j.Connections)))
	}
	begun()
	err = attack(vegeta.NewAttacker(options...), j.URL, vegeta.Rate{Freq: j.PerSecond, Per: time.Second}, j.Duration,
		func(r *vegeta.Result) { latencies = append(latencies, r.Latency) })
	return latencies, err
}

func stalledHey(ctx context.Context, j job, begun func()) ([]time.Duration, error) {
	each := j.PerSecond / j.Connections // requests/s of a worker
	w := &requester.Work{N: int(float64(each*j.Connections) * j.Duration.Seconds()), C: j.Connections,
		QPS: float64(each), Output: "csv"}
	var once sync.Once
	var report bytes.Buffer
	if err := hey(ctx, w, j.URL, func() { once.Do(begun) }, &report); err != nil {
		return nil, err
	}
	return parseHey(report.Bytes())
}

// parseHey returns the response times in hey's CSV, which are in seconds.
func parseHey(report []byte) (latencies []time.Duration, err error) {
	rows, err := csv.NewReader(bytes.NewReader(bytes.TrimSpace(report))).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("the CSV of hey: %w", err)
	}
	const column = "response-time"
	if len(rows) == 0 || rows[0][0] != column {
		return nil, fmt.Errorf("the CSV of hey does not begin with the column %s", column)
	}
	for _, row := range rows[1:] {
		seconds, err := strconv.ParseFloat(row[0], 64)
		if err != nil {
			return nil, fmt.Errorf("the CSV of hey: %w", err)
		}
		latencies = append(latencies, time.Duration(seconds*float64(time.Second)))
	}
	return latencies, nil
}
