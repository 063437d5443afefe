package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// The arms: what makes the spans.
const (
	sdk    = "sdk"
	pooled = "pooled"
)

// A result is what a run found.
type result struct {
	options  *options
	passages []*passage
	reading  *reading // nil: nothing was read
	problems []string
	took     time.Duration
}

// perform starts the stack, runs the parts, prints the result, and stops everything. The result is nil if there is
// none to print.
func perform(ctx context.Context, o *options, stdout, stderr io.Writer) (res *result, err error) {
	began := time.Now()
	if _, err := exec.LookPath("prometheus"); err != nil {
		return nil, errNoPrometheus // before anything is built
	}
	dir, err := os.MkdirTemp("", "loadgen-stack-")
	if err != nil {
		return nil, err
	}
	defer func() {
		if unequal := res != nil && len(res.problems) > 0; o.keep || unequal || err != nil && ctx.Err() == nil {
			fmt.Fprintf(stderr, "stack: the logs are in %s\n", dir)
		} else {
			err = errors.Join(err, os.RemoveAll(dir))
		}
	}()
	s, err := startStack(ctx, o, dir, stderr)
	defer func() { err = errors.Join(err, s.stop()) }()
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(stderr, "stack: Jaeger is at %s, Prometheus at %s\n", s.jaeger.query, s.rig.prometheus.url)
	r := &result{options: o}
	if err := r.measure(ctx, s.rig, stderr); err != nil {
		return nil, err
	}
	r.took = time.Since(began)
	if err := r.print(stdout); err != nil {
		return nil, err
	}
	if o.keep {
		fmt.Fprintln(stderr, "stack: everything runs on until an interrupt")
		<-ctx.Done()
	}
	return r, nil
}

// measure runs the parts.
func (r *result) measure(ctx context.Context, rig *rig, stderr io.Writer) error {
	o := r.options
	do := func(v visit) ([]*passage, error) {
		fmt.Fprintf(stderr, "stack: %s, %v at %v spans/s of each service\n", v.name, v.length, v.rate)
		list, problems, err := rig.do(ctx, v)
		r.passages, r.problems = append(r.passages, list...), append(r.problems, problems...)
		return list, err
	}
	if o.wants(partRead) {
		list, err := do(readVisit(o.rate, o.duration))
		if err != nil {
			return err
		}
		if r.reading, err = rig.read(ctx, list[0], list[1]); err != nil {
			return err
		}
		r.problems = slices.Concat(r.problems, r.reading.problems, r.reading.misled())
		if n := r.reading.dropped; n > 0 {
			r.problems = append(r.problems, fmt.Sprintf("%d more traces or properties differ", n))
		}
	}
	for round := 0; o.wants(partOutage) && round < o.rounds; round++ {
		for i := range 2 {
			v := o.visit(round, (i+round)%2 == 0)
			list, err := do(v)
			if err != nil {
				return err
			}
			r.problems = append(r.problems, kept(list)...)
		}
	}
	return nil
}

// In the visit that is read back, one step waits as if for a database, so that it is known where time goes.
const (
	slowStep = "place order"
	slowBy   = 5 * time.Millisecond
)

// readVisit returns the visit whose traces are read back. The SDK's default queue loses spans on a busy machine: here,
// none may be lost.
func readVisit(rate float64, length time.Duration) visit {
	return visit{name: partRead, rate: rate, length: length, scraped: true,
		env: []string{"OTEL_BSP_MAX_QUEUE_SIZE=100000", fmt.Sprintf("SLOW=%s=%v", slowStep, slowBy)}}
}

// begin is how long the load of an outage runs before it, and after it.
const begin = time.Second

// visit returns a visit of a round, with or without an outage.
func (o *options) visit(round int, outage bool) visit {
	v := visit{name: fmt.Sprintf("calm %d", round+1), rate: o.rate, length: o.outage + 2*begin, begin: begin}
	if outage {
		v.name, v.outage = fmt.Sprintf("outage %d", round+1), o.outage
	}
	return v
}

// The queue of the pooled exporter, and what a span of the service takes in it at most (250 on average).
const (
	queueBytes = 16 << 20
	spanBytes  = 400
)

// kept returns a problem if spans were lost that should have been kept: those of the pooled exporter that fit into its
// queue.
func kept(list []*passage) (problems []string) {
	for _, p := range list {
		if p.arm == pooled && p.lost() != 0 && p.account.Started*spanBytes <= queueBytes {
			problems = append(problems, fmt.Sprintf("%s, %s: %d of %d spans were lost: want none, because the queue "+
				"of 16 MiB has room for all of them", p.visit, p.arm, p.lost(), p.account.Started))
		}
	}
	return problems
}

// A stack is everything that runs.
type stack struct {
	rig    *rig
	jaeger *jaeger
}

// startStack builds and starts everything. After an error, too, the stack must be stopped.
func startStack(ctx context.Context, o *options, dir string, stderr io.Writer) (s *stack, err error) {
	s = &stack{rig: &rig{dir: dir, arms: []string{sdk, pooled}, exporter: "otlp_http", seed: o.seed}}
	fmt.Fprintln(stderr, "stack: building Jaeger and the service (the first time takes some minutes)")
	program, err := buildJaeger(ctx)
	if err != nil {
		return s, err
	}
	if s.rig.program, err = buildService(ctx); err != nil {
		return s, err
	}
	// Prometheus comes first, because it scrapes nothing in its first seconds.
	if s.rig.prometheus, err = startPrometheus(ctx, dir); err != nil {
		return s, err
	}
	if s.jaeger, err = startJaeger(ctx, dir, program, o.traces()); err != nil {
		return s, err
	}
	s.rig.store = s.jaeger
	return s, s.rig.startCollector(ctx, toJaeger(s.jaeger.otlp), func(config string) (collector, error) {
		self, err := os.Executable()
		return &child{dir: dir, program: self, config: config, ready: s.rig.addresses[0]}, err
	})
}

// traces returns the number of traces that Jaeger must have room for.
func (o *options) traces() int {
	length := o.duration + time.Duration(2*o.rounds)*(o.outage+2*begin)
	return 1000 + int(2*1.1*o.rate/spansPerRequest()*length.Seconds())
}

// buildJaeger builds Jaeger, or finds it in the cache of go, and returns the path of the program.
func buildJaeger(ctx context.Context) (string, error) {
	build := exec.CommandContext(ctx, "go", "-C", "jaeger", "tool", "-n", "all-in-one")
	build.Env = append(os.Environ(), "GOFLAGS="+os.Getenv("GOFLAGS")+" -ldflags=-w")
	var errs bytes.Buffer
	build.Stderr = &errs
	out, err := build.Output()
	if err != nil {
		return "", fmt.Errorf("building Jaeger: %w\n%s", err, &errs)
	}
	return filepath.Clean(strings.TrimSpace(string(out))), nil
}

// startCollector writes the configuration of a collector and starts it. from returns one with the configuration in a
// file.
func (r *rig) startCollector(ctx context.Context, out outlet, from func(string) (collector, error)) (err error) {
	if r.tally, err = startTally(); err != nil {
		return err
	}
	if r.addresses, err = freeAddresses(len(r.arms)); err != nil {
		return err
	}
	text := collectorConfig(r.arms, r.addresses, out, r.tally.url)
	if err := os.WriteFile(configPath(r.dir), []byte(text), 0o600); err != nil {
		return fmt.Errorf("writing the configuration of the collector: %w", err)
	}
	if r.collector, err = from(configPath(r.dir)); err != nil {
		return err
	}
	return r.collector.start(ctx)
}

// listening returns a function that reports whether an address accepts connections.
func listening(address string) func(context.Context) bool {
	return func(ctx context.Context) bool {
		c, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err != nil {
			return false
		}
		c.Close()
		return true
	}
}

// stop stops everything that runs.
func (s *stack) stop() error {
	errs := []error{s.rig.stop()}
	if s.jaeger != nil {
		errs = append(errs, s.jaeger.process.stop())
	}
	return errors.Join(errs...)
}

// stop stops the collector and Prometheus.
func (r *rig) stop() (err error) {
	if r.collector != nil {
		err = r.collector.stop()
	}
	if r.tally != nil {
		err = errors.Join(err, r.tally.stop())
	}
	if r.prometheus != nil {
		err = errors.Join(err, r.prometheus.process.stop())
	}
	return err
}
