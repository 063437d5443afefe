package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/collector/exporter"

	"github.com/loadgen-go/loadgen/bench/record"
)

// A collector is an OpenTelemetry Collector that can be started again after it was stopped.
type collector interface {
	start(context.Context) error
	stop() error
}

// A child is a collector that runs in a process of its own, which is this program.
type child struct {
	dir, program, config string
	ready                string // an address on which it listens
	process              *process
}

var _ collector = (*child)(nil)

func (c *child) start(ctx context.Context) (err error) {
	c.process, err = start(c.dir, "collector", nil, c.program, childArgument, "file:"+c.config)
	if err != nil {
		return err
	}
	return c.process.await(ctx, listening(c.ready))
}

func (c *child) stop() error {
	p := c.process
	c.process = nil
	return p.stop()
}

// An inside is a collector in this process, with exporters of its own.
type inside struct {
	config string
	more   []exporter.Factory
	end    func() error
}

var _ collector = (*inside)(nil)

func (c *inside) start(ctx context.Context) (err error) {
	c.end, err = startCollector(ctx, collectorSettings([]string{"file:" + c.config}, c.more...))
	return err
}

func (c *inside) stop() error {
	end := c.end
	if c.end = nil; end == nil {
		return nil
	}
	return end()
}

// A rig is the pipeline: services, a collector, a store of spans, and a Prometheus.
type rig struct {
	dir        string
	program    string // the service
	arms       []string
	addresses  []string // of the receivers of the collector, by arm
	exporter   string   // the type of the exporters of the collector
	collector  collector
	tally      *tally
	store      store
	prometheus *prometheusServer // nil: none
	seed       uint64
	patience   time.Duration // how long spans and counts may be on their way; 0 is a limit for busy machines
}

// A visit is one load on the services of all arms at once.
type visit struct {
	name    string
	rate    float64 // in spans per second, of each arm
	length  time.Duration
	begin   time.Duration // when the outage begins
	outage  time.Duration // how long the collector is stopped; 0: it is not
	scraped bool          // whether Prometheus is compared
	env     []string      // more of the services
}

// A passage is what became of the spans of an arm in a visit.
type passage struct {
	visit   string
	arm     string
	load    *load
	record  *record.Record
	account account
	hops    hops
	// compared is the number of counts of Prometheus that were compared.
	compared int
}

// hops are the numbers of spans at each place behind the service.
type hops struct {
	accepted, refused  int // by the receiver of the collector
	sent, failed, full int // by its exporter; full: its queue was
	saved              int // by Jaeger
}

// hops returns what was counted so far.
func (r *rig) hops(ctx context.Context, arm string) (hops, error) {
	saved, err := r.store.saved(ctx, serviceName(arm))
	in, out := "otlp/"+arm, r.exporter+"/"+arm
	return hops{
		accepted: r.tally.sum("otelcol_receiver_accepted_spans", in),
		refused:  r.tally.sum("otelcol_receiver_refused_spans", in),
		sent:     r.tally.sum("otelcol_exporter_sent_spans", out),
		failed:   r.tally.sum("otelcol_exporter_send_failed_spans", out),
		full:     r.tally.sum("otelcol_exporter_enqueue_failed_spans", out),
		saved:    saved,
	}, err
}

// since returns the difference to what was counted before.
func (h hops) since(b hops) hops {
	return hops{h.accepted - b.accepted, h.refused - b.refused, h.sent - b.sent, h.failed - b.failed, h.full - b.full,
		h.saved - b.saved}
}

// do starts the services, puts them under load, and returns what became of the spans, and what does not add up.
func (r *rig) do(ctx context.Context, v visit) (list []*passage, problems []string, err error) {
	before := map[string]hops{}
	for _, arm := range r.arms {
		if before[arm], err = r.hops(ctx, arm); err != nil {
			return nil, nil, err
		}
	}
	services, err := r.startServices(ctx, v)
	defer func() {
		for _, s := range services {
			_ = s.process.stop() // after an error; otherwise it has ended
		}
	}()
	if err != nil {
		return nil, nil, err
	}
	if list, err = r.send(ctx, v, services); err != nil {
		return nil, nil, err
	}
	if v.scraped && r.prometheus != nil {
		if problems, err = r.compareCounts(ctx, list); err != nil {
			return nil, nil, err
		}
	}
	if err := stopServices(services, list); err != nil {
		return nil, nil, err
	}
	if err := r.settle(ctx, list, before); err != nil {
		return nil, nil, err
	}
	for _, p := range list {
		problems = append(problems, p.audit()...)
	}
	return list, problems, nil
}

// startServices starts the service of each arm.
func (r *rig) startServices(ctx context.Context, v visit) (list []*service, err error) {
	targets := map[string]string{}
	for i, arm := range r.arms {
		s, err := startService(ctx, r.dir, r.program, arm, r.addresses[i], v.env...)
		if err != nil {
			return list, err
		}
		list = append(list, s)
		targets[arm] = s.address
	}
	if r.prometheus == nil || !v.scraped {
		return list, nil
	}
	return list, r.prometheus.scrape(targets)
}

// send loads all services at once, and stops the collector meanwhile if the visit has an outage.
func (r *rig) send(ctx context.Context, v visit, services []*service) ([]*passage, error) {
	var wait sync.WaitGroup
	list, errs := make([]*passage, len(services)), make([]error, len(services)+1)
	for i, s := range services {
		l, err := newLoad("http://"+s.address, v.name+"/"+s.arm, r.seed, v.rate, v.length)
		if err != nil {
			return nil, err
		}
		list[i] = &passage{visit: v.name, arm: s.arm, load: l}
	}
	for i := range services {
		wait.Go(func() { list[i].record, errs[i] = list[i].load.do(ctx) })
	}
	if v.outage > 0 {
		wait.Go(func() { errs[len(services)] = r.interrupt(ctx, v) })
	}
	wait.Wait()
	return list, errors.Join(append(errs, ctx.Err())...)
}

// interrupt stops the collector in the middle of a visit, and starts it again.
func (r *rig) interrupt(ctx context.Context, v visit) error {
	sleep := func(d time.Duration) {
		select {
		case <-time.After(d):
		case <-ctx.Done():
		}
	}
	sleep(v.begin)
	over := time.Now().Add(v.outage)
	if err := r.collector.stop(); err != nil {
		return err
	}
	sleep(time.Until(over))
	return r.collector.start(ctx)
}

// stopServices ends all services at once, and keeps their accounts.
func stopServices(services []*service, list []*passage) error {
	var wait sync.WaitGroup
	errs := make([]error, len(services))
	for i, s := range services {
		wait.Go(func() { list[i].account, errs[i] = s.stop() })
	}
	wait.Wait()
	return errors.Join(errs...)
}

// limit returns how long spans and counts may be on their way.
func (r *rig) limit() time.Duration { return cmp.Or(r.patience, 15*time.Second) }

// settle waits until the spans that the services exported are in the store, and keeps the counts of all hops. What is
// missing when its patience ends is a problem that audit finds.
func (r *rig) settle(ctx context.Context, list []*passage, before map[string]hops) error {
	_, err := poll(ctx, r.limit(), func() (bool, error) {
		done := true
		for _, p := range list {
			now, err := r.hops(ctx, p.arm)
			if err != nil {
				return false, err
			}
			p.hops = now.since(before[p.arm])
			done = done && p.hops.settled(p.account)
		}
		return done, nil
	})
	return err
}

// settled reports whether nothing is on its way.
func (h hops) settled(a account) bool {
	return h.accepted >= a.Exported && h.sent+h.failed+h.full == h.accepted && h.saved == h.sent
}

// audit returns what does not add up: each span is counted once at each hop, or lost at one of them.
func (p *passage) audit() (problems []string) {
	equal := func(what string, got int, from string, want int) {
		if got != want {
			problems = append(problems, fmt.Sprintf("%s, %s: %s %d, but %s %d", p.visit, p.arm, what, got, from, want))
		}
	}
	a, h := p.account, p.hops
	_, wrong := p.load.counts()
	for _, w := range wrong {
		problems = append(problems, fmt.Sprintf("%s, %s: %s", p.visit, p.arm, w))
	}
	equal("the service started", a.Started, "the requests make", p.load.spans())
	equal("the service ended", a.Ended, "started", a.Started)
	equal("the service exported, failed or dropped", a.Exported+a.Failed+a.Dropped, "ended", a.Ended)
	equal("the collector accepted", h.accepted, "the service exported", a.Exported)
	equal("the collector refused", h.refused, "should refuse", 0)
	equal("the collector sent or failed to send", h.sent+h.failed+h.full, "accepted", h.accepted)
	equal("the store saved", h.saved, "the collector sent", h.sent)
	return problems
}

// lost returns the number of spans that were started and are not in the store.
func (p *passage) lost() int { return p.account.Started - p.hops.saved }

// compareCounts waits until Prometheus has what was sent, and returns what differs.
func (r *rig) compareCounts(ctx context.Context, list []*passage) (problems []string, err error) {
	for _, p := range list {
		want, _ := p.load.counts()
		var requests map[answerKey]int
		var calls map[outcomeKey]int
		_, err := poll(ctx, r.limit(), func() (bool, error) {
			var err error
			requests, calls, err = r.prometheus.counted(ctx, p.arm)
			return maps.Equal(requests, want) && maps.Equal(calls, outcomes(want)), err
		})
		if err != nil {
			return nil, err
		}
		p.compared = len(want) + len(outcomes(want))
		problems = append(problems, unequal(p, "requests", requests, want)...)
		problems = append(problems, unequal(p, "calls of handlers", calls, outcomes(want))...)
	}
	return problems, nil
}

// unequal returns which counts of Prometheus are not those of the generator.
func unequal[K comparable](p *passage, what string, got, want map[K]int) (problems []string) {
	keys := maps.Clone(want)
	maps.Copy(keys, got)
	for k := range keys {
		if got[k] != want[k] {
			problems = append(problems, fmt.Sprintf("%s, %s: prometheus has %d %s %+v, but the generator sent %d",
				p.visit, p.arm, got[k], what, k, want[k]))
		}
	}
	slices.Sort(problems)
	return problems
}

// configPath returns the path of the configuration of the collector.
func configPath(dir string) string { return filepath.Join(dir, "collector.yaml") }
