package pooled

import (
	"cmp"
	"slices"
	"time"

	"github.com/loadgen-go/loadgen/observable/internal/clock"
)

// A reading is a reading of both clocks at nearly the same instant. Spans are timed by the
// monotonic clock only. The latest reading gives the offset to the wall clock.
type reading struct {
	wall   time.Time
	mono   time.Duration // clock.Now at the time wall
	offset int64         // wall clock minus monotonic clock, in ns
}

func newReading(now time.Time) *reading {
	mono := clock.Of(now)
	return &reading{now, mono, now.UnixNano() - int64(mono)}
}

// readClocks returns the closest of some readings of both clocks.
func readClocks() *reading {
	return closest(newReading(time.Now()), newReading(time.Now()), newReading(time.Now()))
}

// closest returns the reading with the largest offset. time.Now reads the wall clock first: if
// the thread is held up before it reads the other, by an interrupt or for milliseconds by
// another program, the offset is too small, and every span of an interval would seem early.
func closest(all ...*reading) *reading {
	return slices.MaxFunc(all, func(a, b *reading) int { return cmp.Compare(a.offset, b.offset) })
}

// unix returns the wall clock, in ns since 1970, at the time when clock.Now was now.
func (r *reading) unix(now time.Duration) int64 { return r.offset + int64(now) }

// time returns the local time of a result of unix, with its monotonic reading.
func (r *reading) time(unix int64) time.Time {
	return r.wall.Add(time.Duration(unix - r.wall.UnixNano()))
}

// clockAt returns the reading for a span that starts, or an interval that ends, at now. It
// renews the reading if it is older than Options.Interval, so that a long-lived process
// follows corrections of its wall clock.
func (p *Provider) clockAt(now time.Duration) *reading {
	r := p.clock.Load()
	if now-r.mono < p.opts.Interval {
		return r
	}
	fresh := readClocks()
	p.clock.Store(fresh)
	return fresh
}

// given holds the timestamps that a caller passed, with their time zones.
type given struct{ start, end time.Time }

// giveEnd stores the end time that a caller passed, for processors.
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

// endTime returns the end time. If the caller passed a start time, it is in the zone of the
// start, as in the SDK, which computes the end from the start.
func (r *record) endTime() time.Time {
	switch {
	case r.given == nil:
		return r.clock.time(r.end)
	case !r.given.end.IsZero():
		return r.given.end
	}
	return r.clock.time(r.end).In(r.given.start.Location())
}
