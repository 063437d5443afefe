package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"
)

// childArgument is the first argument of this program when it has started itself for a job, the second argument.
const childArgument = "child"

// Tasks of children.
const (
	serveTask  = "server"
	clientTask = "client" // requests as fast as possible
	stallTask  = "stall"  // requests at a rate, to a server that stops
	poolTask   = "pool"   // requests at a rate, to a server that takes some time
)

// A job is what a child does.
type job struct {
	Task        string        `json:"task"`
	Client      string        `json:"client,omitempty"` // its name in clients, stalled or pooled
	URL         string        `json:"url,omitempty"`
	Connections int           `json:"connections,omitempty"`
	Duration    time.Duration `json:"duration,omitempty"`
	PerSecond   int           `json:"per_second,omitempty"`
	Seed        uint64        `json:"seed,omitempty"`
	Delay       time.Duration `json:"delay,omitempty"` // the time a server takes to answer
}

func (j job) String() string {
	if j.Task == serveTask {
		return "the server"
	}
	return j.Client
}

// An answer is what a client reports.
type answer struct {
	Requests uint64    `json:"requests"`         // that succeeded
	Allocs   *float64  `json:"allocs,omitempty"` // per request; nil if it is not known
	Millis   []float64 `json:"millis,omitempty"` // percentiles of latency, in ms
	Allowed  uint64    `json:"allowed,omitempty"`
}

// child does the job of a child process, and returns its exit code.
func child(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	var j job
	err := fmt.Errorf("%d jobs: want one, in JSON", len(args))
	if len(args) == 1 {
		err = json.Unmarshal([]byte(args[0]), &j)
	}
	if err == nil {
		err = j.do(stdin, json.NewEncoder(stdout))
	}
	if err != nil {
		fmt.Fprintf(stderr, "peers %s: %v\n", childArgument, err)
		return 2
	}
	return 0
}

func (j job) do(stdin io.Reader, out *json.Encoder) error {
	ctx := context.Background() // the parent kills a child that it does not need any more
	var a answer
	var err error
	known := true
	switch j.Task {
	case serveTask:
		return serve(j.Delay, stdin, out)
	case clientTask:
		var run func(context.Context, job, *gauge) error
		if run, known = clients[j.Client]; known {
			a, err = measured(ctx, j, run)
		}
	case stallTask:
		var run func(context.Context, job, func()) ([]time.Duration, error)
		if run, known = stalled[j.Client]; known {
			a, err = stall(ctx, j, run, func() error { return out.Encode(true) })
		}
	case poolTask:
		var run func(context.Context, job) (answer, error)
		if run, known = pooled[j.Client]; known {
			a, err = run(ctx, j)
		}
	default:
		return fmt.Errorf("unknown task %q", j.Task)
	}
	switch {
	case !known:
		return fmt.Errorf("%s: unknown client %q", j.Task, j.Client)
	case err != nil:
		return err
	}
	return out.Encode(a)
}

// answerSize is the size of the body of every answer, in bytes.
const answerSize = 64

// serve answers every request with a small body after delay. It sends its URL, and its counts for every line of in,
// until in ends.
func serve(delay time.Duration, in io.Reader, out *json.Encoder) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("the server: %w", err)
	}
	counted := &countingListener{Listener: listener}
	var requests atomic.Uint64
	body := bytes.Repeat([]byte{'x'}, answerSize)
	s := fasthttp.Server{Handler: func(c *fasthttp.RequestCtx) {
		requests.Add(1)
		if delay > 0 {
			time.Sleep(delay)
		}
		c.SetBody(body)
	}}
	go func() {
		err := s.Serve(counted)
		fmt.Fprintf(os.Stderr, "the server has stopped: %v\n", err)
		os.Exit(2)
	}()
	if err := out.Encode("http://" + listener.Addr().String() + "/"); err != nil {
		return err
	}
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		if err := out.Encode(counts{requests.Load(), counted.accepted.Load()}); err != nil {
			return err
		}
	}
	return lines.Err()
}

// A countingListener counts the connections that it accepts.
type countingListener struct {
	net.Listener
	accepted atomic.Uint64
}

func (l *countingListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		l.accepted.Add(1)
	}
	return c, err
}
