package bench

import (
	"sort"
	"sync/atomic"
	"time"
)

// An Activity is something that runs beside the calls and may slow them, such as the export of spans.
// It is safe for concurrent use, takes three atomic additions, and allocates nothing. A run sees it at
// its next tick, even if it is over by then. It does not end with a run, and several runs may watch it.
//
//	defer export.Begin()()
type Activity struct {
	name  string
	begun atomic.Uint64
	going atomic.Int64
	end   func()
}

// MaxActivities is the largest number of activities of a run.
const MaxActivities = 16

// NewActivity returns an activity that has not begun, with its name in reports, such as "span export".
func NewActivity(name string) *Activity {
	a := &Activity{name: name}
	a.end = func() { a.going.Add(-1) } // made once, so that Begin does not allocate
	return a
}

// Name returns the name of the activity in reports.
func (a *Activity) Name() string { return a.name }

// Begin notes that the activity has begun. It goes on until end is called, which must be called once.
// It may begin again before that, for example if several goroutines export spans; then it goes on until
// all of them have ended.
func (a *Activity) Begin() (end func()) {
	a.going.Add(1)
	a.begun.Add(1)
	return a.end
}

// An activityWatch is the state of one observer for an activity.
type activityWatch struct {
	*Activity
	seen bool   // whether it was going on at the last look
	last uint64 // how often it had begun by the last look
}

// since reports whether the activity has gone on at any time since the last look.
func (w *activityWatch) since() bool {
	was, before := w.seen, w.last
	w.seen, w.last = w.going.Load() > 0, w.begun.Load()
	return was || w.seen || w.last != before
}

// An interval is a part of a run, excluding both ends.
type interval struct{ from, to time.Duration }

// intervals are the latest intervals in which something went on, in a ring of fixed size. They are
// ordered and do not touch each other.
type intervals struct {
	ring     []interval
	first, n int
}

func newIntervals(room int) *intervals {
	r := &intervals{ring: make([]interval, room)}
	clear(r.ring) // touches the pages now rather than during a run
	return r
}

func (r *intervals) at(i int) *interval { return &r.ring[(r.first+i)%len(r.ring)] }

// add adds an interval, which must end no earlier than the intervals before it, and merges it with the
// intervals that it touches.
func (r *intervals) add(from, to time.Duration) {
	for r.n > 0 && r.at(r.n-1).to >= from {
		r.n--
		from = min(from, r.at(r.n).from)
	}
	if r.n == len(r.ring) {
		r.first = (r.first + 1) % len(r.ring)
		r.n--
	}
	*r.at(r.n) = interval{from, to}
	r.n++
}

// overlaps reports whether any interval overlaps the time between from and to.
func (r *intervals) overlaps(from, to time.Duration) bool {
	i := sort.Search(r.n, func(i int) bool { return r.at(i).to > from })
	return i < r.n && r.at(i).from < to
}
