package main

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/loadgen-go/loadgen/bench/work"
)

// exporter measures how a pacer affects the goroutines that run beside it.
func exporter(o options) section {
	// Made once, so that all do the same work.
	work := work.Work{Spin: time.Microsecond, Allocate: 512, Distribution: work.Fixed}.
		Handler(context.Background(), "", work.Calibrate())
	s := section{
		name: "exporter",
		title: fmt.Sprintf(
			"a target with 512 B and 1 us of work that passes a record to a background goroutine, over "+
				"%v, queue of %d",
			o.duration, records),
		head:    []string{"rate/s", "who", "workers"},
		columns: []string{"response p99 us", "hand-over p50 us", "hand-over p99 us", "dropped"},
		notes: []string{
			"Response: from when a call is due to its end. Hand-over: from when the target passes a record on to",
			"when the background goroutine has it. Dropped: records that found the queue full.",
		},
	}
	for _, perSecond := range []int{10_000, 50_000} {
		for _, workers := range []int{1, 2} {
			for _, p := range append(paces(workers), spinLoop(workers)) {
				labels := []string{fmt.Sprint(perSecond), p.name, fmt.Sprint(workers)}
				s.cells = append(s.cells, cell{labels, func(ctx context.Context) (figures, error) {
					return harm(ctx, p, perSecond, work, o)
				}})
			}
		}
	}
	return s
}

// records is the length of the queue to the background goroutine, the same as in the span processor of OpenTelemetry.
const records = 2048

// harm measures how late the calls of p end, and what becomes of their records.
func harm(ctx context.Context, p peer, perSecond int, work func(), o options) (figures, error) {
	l := newLoad(perSecond, o.duration)
	ended := newTimeline(l.calls)
	b := newBackground(l.calls)
	l.call = func(n int) {
		work()
		b.hand()
		ended[n] = now()
	}
	r, err := p.run(ctx, l, o.timeout, ended)
	lags := b.close()
	if err != nil {
		return figures{}, err
	}
	response, _ := r.late(ended, r.end)
	return figures{values: []float64{
		percentile(response, 0.99), percentile(lags, 0.5), percentile(lags, 0.99), float64(b.dropped.Load()),
	}, cut: r.cut}, nil
}

// A background is a goroutine that takes records, and notes how long each was in the queue.
type background struct {
	queue   chan time.Duration // times when records were handed over
	done    chan struct{}
	lags    timeline
	dropped atomic.Int64
}

func newBackground(most int) *background {
	b := &background{queue: make(chan time.Duration, records), done: make(chan struct{}), lags: newTimeline(most)[:0]}
	go func() {
		defer close(b.done)
		for handed := range b.queue {
			b.lags = append(b.lags, now()-handed)
		}
	}()
	return b
}

// hand hands a record over, or drops it if the queue is full.
func (b *background) hand() {
	select {
	case b.queue <- now():
	default:
		b.dropped.Add(1)
	}
}

// close ends the goroutine and returns its lags, sorted.
func (b *background) close() []time.Duration {
	close(b.queue)
	<-b.done
	slices.Sort(b.lags)
	return b.lags
}
