package bench

import (
	"sort"
	"sync/atomic"
	"time"
)

// An Activity is something that goes on beside calls and may slow them, such as
// the export of spans. It is safe for many goroutines, costs three atomic additions,
// and allocates nothing; who watches it learns of it at the next tick, and by then
// it may be over. It does not end with a run, and may be watched in several.
//
//	defer export.Begin()()
type Activity struct {
	name  string
	begun atomic.Uint64
	going atomic.Int64
	end   func()
}

// MaxActivities is how many activities of a run are watched.
const MaxActivities = 16

// NewActivity returns an activity that is not going on. Reports call it by its
// name, such as "span export".
func NewActivity(name string) *Activity {
	a := &Activity{name: name}
	a.end = func() { a.going.Add(-1) } // made once: Begin is not to allocate
	return a
}

// Name returns the name of the activity in reports.
func (a *Activity) Name() string { return a.name }

// Begin notes that it goes on from now until end is called, which is to be called
// once. It may begin again before that, as when spans are exported by several
// goroutines: it goes on until all have ended.
func (a *Activity) Begin() (end func()) {
	a.going.Add(1)
	a.begun.Add(1)
	return a.end
}

// An activityWatch is one observer's view of an activity.
type activityWatch struct {
	*Activity
	seen bool // it was going on when last looked at
	last uint64
}

// since tells whether the activity has gone on at any time since it was last
// looked at, however shortly.
func (w *activityWatch) since() bool {
	was, before := w.seen, w.last
	w.seen, w.last = w.going.Load() > 0, w.begun.Load()
	return was || w.seen || w.last != before
}

// An interval is a part of a run, without its two ends.
type interval struct{ from, to time.Duration }

// intervals are the latest of those in which something went on, in a ring of fixed
// size, in order and apart from each other.
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

// add adds an interval that ends no earlier than those before it. It becomes one
// with those that it touches.
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

// overlaps tells whether any of them overlaps the time between from and to.
func (r *intervals) overlaps(from, to time.Duration) bool {
	i := sort.Search(r.n, func(i int) bool { return r.at(i).to > from })
	return i < r.n && r.at(i).from < to
}
