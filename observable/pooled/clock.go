package pooled

import (
	"time"

	"github.com/loadgen-go/loadgen/observable/internal/clock"
)

// A reading is one of both clocks: between two, a goroutine may be preempted for
// milliseconds. Spans are timed by the monotonic clock alone, whose offset to the wall
// clock at is the latest reading's.
type reading struct {
	at     time.Time
	mono   time.Duration // what clock.Now was
	offset int64         // wall clock minus monotonic clock, in ns
}

func newReading(now time.Time) *reading {
	mono := clock.Of(now)
	return &reading{now, mono, now.UnixNano() - int64(mono)}
}

// unix returns the wall clock's nanoseconds since 1970 when clock.Now was now.
func (r *reading) unix(now time.Duration) int64 { return r.offset + int64(now) }

// time returns an instant that unix returned, with its monotonic reading, in local time.
func (r *reading) time(unix int64) time.Time { return r.at.Add(time.Duration(unix - r.at.UnixNano())) }

// clockAt returns the reading for a span that starts or an interval that ends now. It
// renews one that is older than Options.Interval, so that a long-lived process follows
// the corrections of its wall clock.
func (p *Provider) clockAt(now time.Duration) *reading {
	r := p.clock.Load()
	if now-r.mono < p.opts.Interval {
		return r
	}
	fresh := newReading(time.Now())
	p.clock.Store(fresh)
	return fresh
}

// given are the timestamps that a caller gave, as they were given: in their zone.
type given struct{ start, end time.Time }

// giveEnd keeps the end that a caller gave, for processors.
func (r *record) giveEnd(end time.Time) {
	if len(r.provider.opts.Processors) == 0 {
		return
	}
	if r.given == nil {
		r.given = &given{}
	}
	r.given.end = end
}

func (r *record) startTime() time.Time {
	if r.given != nil && !r.given.start.IsZero() {
		return r.given.start
	}
	return r.clock.time(r.start)
}

// endTime returns an end in the zone of a start that was given, as the SDK does, which
// computes it from the start.
func (r *record) endTime() time.Time {
	switch {
	case r.given == nil:
		return r.clock.time(r.end)
	case !r.given.end.IsZero():
		return r.given.end
	}
	return r.clock.time(r.end).In(r.given.start.Location())
}
