package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"fortio.org/fortio/fhttp"
	"fortio.org/log"
	"github.com/rakyll/hey/requester"
	vegeta "github.com/tsenart/vegeta/v12/lib"
	"github.com/valyala/fasthttp"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/bench/httptarget"
)

// Names of the clients in this program.
const (
	transportClient  = "net/http Transport"
	clientConnClient = "net/http ClientConn"
	loadgenClient    = "loadgen"
	fasthttpClient   = "fasthttp"
	vegetaClient     = "vegeta"
	heyClient        = "hey"
	fortioClient     = "fortio"
)

// clients make requests over the connections of a job, as fast as possible, until ctx ends or the duration of the job
// is over. The gauge counts them.
var clients = map[string]func(ctx context.Context, j job, g *gauge) error{
	transportClient:  transportLoop,
	clientConnClient: clientConnLoop,
	loadgenClient:    loadgenLoop,
	fasthttpClient:   fasthttpLoop,
	vegetaClient:     vegetaLoop,
	heyClient:        heyLoop,
	fortioClient:     fortioLoop,
}

// A gauge counts the requests that a client has made.
type gauge struct {
	requests atomic.Uint64
	begun    chan struct{} // closed after the first
}

func (g *gauge) add() {
	if g.requests.Add(1) == 1 {
		close(g.begun)
	}
}

// measured runs a client until the duration of the job has passed since its first request, and returns how many
// requests it made, and its allocations per request in the middle half of the time, when its connections and buffers
// are in use.
func measured(ctx context.Context, j job, run func(context.Context, job, *gauge) error) (answer, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	g := gauge{begun: make(chan struct{})}
	steady := make(chan *float64, 1)
	go func() {
		defer cancel()
		steady <- g.allocs(ctx, j.Duration)
	}()
	if err := run(ctx, j, &g); err != nil {
		return answer{}, fmt.Errorf("%s: %w", j.Client, err)
	}
	cancel()
	return answer{Requests: g.requests.Load(), Allocs: <-steady}, nil
}

// allocs returns the allocations per request in the middle half of d, which starts with the first request, or nil if
// ctx ends before that half is over. It returns when d is over, or when ctx ends.
func (g *gauge) allocs(ctx context.Context, d time.Duration) (each *float64) {
	select {
	case <-g.begun:
	case <-ctx.Done():
		return nil
	}
	var mallocs, requests [2]uint64
	var memory runtime.MemStats
	for i, wait := range []time.Duration{d / 4, d / 2} {
		if sleep(ctx, wait) != nil {
			return nil
		}
		runtime.ReadMemStats(&memory)
		mallocs[i], requests[i] = memory.Mallocs, g.requests.Load()
	}
	if requests[1] > requests[0] {
		average := float64(mallocs[1]-mallocs[0]) / float64(requests[1]-requests[0])
		each = &average
	}
	_ = sleep(ctx, d/4) // if ctx has ended, so has the load
	return each
}

// loop makes calls until ctx ends, with a goroutine for each connection, whose calls open returns.
func (g *gauge) loop(ctx context.Context, connections int, open func(i int) (call func() error, err error)) error {
	calls := make([]func() error, connections)
	for i := range calls {
		var err error
		if calls[i], err = open(i); err != nil {
			return err
		}
	}
	var over atomic.Bool // asking ctx would take longer
	defer context.AfterFunc(ctx, func() { over.Store(true) })()
	errs := make([]error, connections)
	var all sync.WaitGroup
	for i, call := range calls {
		all.Go(func() {
			for errs[i] == nil && !over.Load() {
				if errs[i] = call(); errs[i] == nil {
					g.add()
				}
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// readAnswer reads an answer to its end, so that its connection can be used again, and checks it.
func readAnswer(r *http.Response, err error) error {
	if err != nil {
		return err
	}
	n, err := io.Copy(io.Discard, r.Body)
	if err := errors.Join(err, r.Body.Close()); err != nil {
		return err
	}
	return checked(r.StatusCode, int(n))
}

// checked returns an error if an answer is not one of our server.
func checked(status, size int) error {
	if status != http.StatusOK || size != answerSize {
		return fmt.Errorf("status %d with %d bytes: want %d with %d", status, size, http.StatusOK, answerSize)
	}
	return nil
}

func transportLoop(ctx context.Context, j job, g *gauge) error {
	t := &http.Transport{MaxIdleConnsPerHost: j.Connections, MaxConnsPerHost: j.Connections}
	return g.loop(ctx, j.Connections, func(int) (func() error, error) {
		r, err := http.NewRequest(http.MethodGet, j.URL, nil)
		return func() error { return readAnswer(t.RoundTrip(r)) }, err
	})
}

func clientConnLoop(ctx context.Context, j job, g *gauge) error {
	u, err := url.Parse(j.URL)
	if err != nil {
		return err
	}
	dial := func() (*http.ClientConn, error) {
		return new(http.Transport).NewClientConn(context.Background(), u.Scheme, u.Host)
	}
	return g.loop(ctx, j.Connections, func(int) (func() error, error) {
		r, err := http.NewRequest(http.MethodGet, j.URL, nil)
		if err != nil {
			return nil, err
		}
		c, err := dial()
		return func() error {
			if c.Err() != nil { // net/http closes it if a write returns 50 ms after the answer
				if c, err = dial(); err != nil {
					return err
				}
			}
			return readAnswer(c.RoundTrip(r))
		}, err
	})
}

// loadgenLoop does for each request what loadgen run URL --closed does: latency, phases, windows, slowest calls, and
// the check of the status.
func loadgenLoop(_ context.Context, j job, g *gauge) error {
	ctx, cancel := context.WithCancel(context.Background()) // the end of the load must not interrupt calls
	defer cancel()
	target, err := httptarget.Open(ctx, httptarget.Options{URL: j.URL, Connections: j.Connections,
		Requests: []httptarget.Request{{Expect: httptarget.Expect{Status: []int{http.StatusOK}}}}})
	if err != nil {
		return err
	}
	defer target.Close()
	kept := int(j.Duration.Seconds() * 100_000) // room for every latency, as for the schedule of an open loop
	r, err := (&bench.Run{Closed: &bench.Closed{Duration: j.Duration}, Target: &countedTarget{target, g},
		Keys: target.Keys(), Workers: target.Workers(), Keep: kept,
		Activities: []*bench.Activity{bench.NewActivity("none")}}).Do(ctx)
	if err != nil {
		return err
	}
	if r.Done != g.requests.Load() || r.Failed > 0 || r.Phases == nil || r.Phases.Wait.Count() != r.Done {
		return fmt.Errorf("%d of %d calls are done, %d failed (%v), and phases are %v: want all done, with phases",
			r.Done, g.requests.Load(), r.Failed, r.Failures, r.Phases)
	}
	return nil
}

// A countedTarget counts the calls of a target.
type countedTarget struct {
	*httptarget.Target
	gauge *gauge
}

var _ bench.Timed = (*countedTarget)(nil)

func (t *countedTarget) CallTimed(ctx context.Context, key string, at *bench.Instants) error {
	err := t.Target.CallTimed(ctx, key, at)
	t.gauge.add()
	return err
}

func fasthttpLoop(ctx context.Context, j job, g *gauge) error {
	u, err := url.Parse(j.URL)
	if err != nil {
		return err
	}
	c := &fasthttp.HostClient{Addr: u.Host, MaxConns: j.Connections}
	return g.loop(ctx, j.Connections, func(int) (func() error, error) {
		var request fasthttp.Request
		var response fasthttp.Response
		request.SetRequestURI(j.URL)
		return func() error {
			if err := c.Do(&request, &response); err != nil {
				return err
			}
			return checked(response.StatusCode(), len(response.Body()))
		}, nil
	})
}

func fortioLoop(ctx context.Context, j job, g *gauge) error {
	log.SetLogLevelQuiet(log.Critical)
	return g.loop(ctx, j.Connections, func(i int) (func() error, error) {
		o := fhttp.NewHTTPOptions(j.URL)
		o.ID = i
		c, err := fhttp.NewFastClient(o)
		return func() error {
			status, _, _ := c.StreamFetch(context.Background())
			return checked(status, answerSize) // it reports the size with the headers
		}, err
	})
}

func vegetaLoop(ctx context.Context, j job, g *gauge) error {
	n := uint64(j.Connections)
	a := vegeta.NewAttacker(vegeta.Workers(n), vegeta.MaxWorkers(n), vegeta.Connections(j.Connections))
	defer context.AfterFunc(ctx, func() { a.Stop() })()
	return attack(a, j.URL, vegeta.Rate{}, 0, func(*vegeta.Result) { g.add() })
}

// attack calls done for each result of an attack. The error is that of the first request that failed.
func attack(a *vegeta.Attacker, url string, rate vegeta.Rate, d time.Duration, done func(*vegeta.Result)) (err error) {
	targets := vegeta.NewStaticTargeter(vegeta.Target{Method: http.MethodGet, URL: url})
	for r := range a.Attack(targets, rate, d, "peers") {
		if r.Error != "" {
			err = errors.Join(err, errors.New(r.Error))
			a.Stop()
			continue
		}
		done(r)
	}
	return err
}

func heyLoop(ctx context.Context, j job, g *gauge) error {
	w := &requester.Work{N: math.MaxInt32, C: j.Connections}
	return hey(ctx, w, j.URL, g.add, io.Discard)
}

// hey makes the requests of w until ctx ends, calls each before each of them, and writes the report of hey.
func hey(ctx context.Context, w *requester.Work, url string, each func(), report io.Writer) error {
	r, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	var text bytes.Buffer
	w.Request, w.Timeout, w.Writer = r, 20, &text // seconds, its default
	w.RequestFunc = func() *http.Request {
		each()
		return r.Clone(r.Context()) // as it does without this function
	}
	w.Init()
	defer context.AfterFunc(ctx, w.Stop)()
	w.Run()
	if _, failures, ok := bytes.Cut(text.Bytes(), []byte("Error distribution:")); ok {
		return fmt.Errorf("requests failed: %s", bytes.TrimSpace(failures))
	}
	_, err = report.Write(text.Bytes())
	return err
}
