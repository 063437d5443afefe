package bench

import (
	"time"

	"github.com/loadgen-go/loadgen/bench/pace"
	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/quantile"
)

const (
	// tickLength is how long the observer sleeps at a time.
	tickLength = time.Millisecond
	// tagging is how often calls among the slowest are looked at, which must be
	// before what they met is forgotten.
	tagging = 500 * time.Millisecond
	// remembered is how many intervals are kept of each thing that calls may have
	// met. They lie apart, and have one tick at least: two in 2 ms, so that they go
	// back for 16 s and mostly for much longer.
	remembered = 1 << 13
	// longWait is how long a goroutine may wait to run before that counts as
	// something that a call has met.
	longWait = 100 * time.Microsecond
	// maxWindows bounds the memory of windows: with those of latency, 5 KB each.
	maxWindows = 4096
	// oneTick is the longest that a tick takes unless something else ran meanwhile.
	oneTick = 50 * time.Microsecond
)

// An observer watches the process while a run goes on: one goroutine that sleeps
// for a millisecond at a time, and then looks at what has happened. What it saw may
// be read once stop has returned. Its memory is taken before the run, some 0.8 MB
// and 131 KB for each activity, besides its windows; looking allocates nothing.
//
// It costs what waking a goroutine a thousand times a second costs, which was 4% of
// a processor on a small virtual machine; looking takes 1 to 3 us of that each time.
type observer struct {
	// hiccups are how late the goroutine woke: what any goroutine of the process
	// suffered by the machine, the scheduler and the collector. It is a meter after
	// Gil Tene's jHiccup, and as there a long hiccup counts for every millisecond
	// that lay within it, so that quantiles are those of a random instant.
	hiccups *quantile.HDR
	windows []record.RuntimeWindow
	total   record.Runtime
	spent   time.Duration // CPU time that looking has cost, without that of waking up

	clock            pace.Clock
	window, duration time.Duration
	next             time.Duration // when the window ends

	teller             teller
	first, before, now *tally // of the start, of the start of the window, and spare

	looked     time.Duration // the last tick
	tagged     time.Duration // when slow calls were last looked at
	activities []activityWatch
	met        []*intervals // by suspect
	slow       *slowest

	done, finished chan struct{}
}

// newObserver makes an observer of a run of that duration, which takes its tally
// once in a window: every so long, from the start of the run, until the schedule
// is over. The last window goes on until stop. Without a window, or past the 4096th,
// the rest of the run is one. Activities past the first MaxActivities are not
// watched. Its clock may be set to another until start, so that memory can be taken
// before the clock is started.
func newObserver(clock pace.Clock, window, duration time.Duration, activities []*Activity, slow *slowest) *observer {
	o := &observer{
		hiccups: quantile.NewHDR(),
		windows: make([]record.RuntimeWindow, 0, windowsOf(window, duration)),
		clock:   clock, window: window, duration: duration, next: window,
		teller: teller{meter: newMeter()},
		first:  &tally{}, before: &tally{}, now: &tally{},
		slow: slow,
		done: make(chan struct{}), finished: make(chan struct{}),
	}
	slow.names = []string{record.StopTheWorld, record.GC}
	for _, a := range activities[:min(len(activities), MaxActivities)] {
		if a != nil {
			o.activities = append(o.activities, activityWatch{Activity: a})
			slow.names = append(slow.names, a.name)
		}
	}
	slow.names = append(slow.names, record.SchedulerWait)
	for range slow.names {
		o.met = append(o.met, newIntervals(remembered))
	}
	for _, t := range []*tally{o.first, o.before, o.now} {
		o.teller.tell(t, 0) // makes room
	}
	return o
}

func windowsOf(window, duration time.Duration) int {
	if window <= 0 || duration <= window {
		return 1
	}
	return int(min((duration-1)/window+1, maxWindows))
}

// start begins to watch, once. What happens from now on counts, though the first
// window is said to begin no earlier than the run.
func (o *observer) start() {
	o.looked = o.clock.Now()
	o.tagged = o.looked
	o.teller.pressure = openPressure()
	o.teller.meter.tick(o.looked)
	for i := range o.activities {
		o.activities[i].since()
	}
	o.teller.tell(o.first, max(o.looked, 0))
	o.before.set(o.first)
	go o.watch()
}

// stop ends watching, once, and returns when all is added up.
func (o *observer) stop() {
	close(o.done)
	<-o.finished
}

// watch ticks until stop. It sleeps by a timer, and not by time.Sleep, so that stop
// does not have to wait.
func (o *observer) watch() {
	defer close(o.finished)
	defer o.teller.pressure.close()
	timer := time.NewTimer(tickLength)
	defer timer.Stop()
	for stopped := false; !stopped; {
		slept := o.clock.Now()
		timer.Reset(tickLength)
		select {
		case <-timer.C:
		case <-o.done:
			stopped = true
		}
		now := o.clock.Now()
		o.hiccup(now - slept - tickLength)
		o.tick(now)
		if took := o.clock.Now() - now; took < oneTick {
			o.spent += took
		}
	}
	o.finish(o.looked)
}

// hiccup notes how much too late the observer woke; less than 0 if it was woken.
func (o *observer) hiccup(late time.Duration) {
	if late >= 0 {
		o.hiccups.Add(late)
	}
	for late -= tickLength; late > 0; late -= tickLength {
		o.hiccups.Add(late)
	}
}

// tick looks at what has happened since it last did.
func (o *observer) tick(now time.Duration) {
	last := o.looked
	o.see(o.teller.meter.tick(now), now)
	if now >= o.next && o.next < o.duration && len(o.windows) < cap(o.windows)-1 {
		o.endWindow(now)
		o.next = (now/o.window + 1) * o.window
	}
	if now-o.tagged >= tagging {
		// Not those that have just ended: a pause may be counted a moment late.
		o.tag(last)
		o.tagged = now
	}
}

// see notes what calls that lay between the last tick and now have met.
func (o *observer) see(s signs, now time.Duration) {
	last := o.looked
	o.looked = now
	o.note(0, s.stopped, last, now)
	o.note(1, s.collected, last, now)
	for i := range o.activities {
		o.note(2+i, o.activities[i].since(), last, now)
	}
	// A wait is counted when it is over.
	o.note(len(o.met)-1, s.waited >= longWait, last-s.waitedAtMost, now)
}

// note notes what is known to have happened by the tick at now. What told was read since
// then: it may have happened meanwhile, and the next tick does not tell again.
func (o *observer) note(suspect int, happened bool, from, now time.Duration) {
	if happened && from < now {
		o.met[suspect].add(from, max(now, o.clock.Now()))
	}
}

// overlapped is what a call that lay between those instants has met.
func (o *observer) overlapped(due, ended time.Duration) (tags suspects) {
	for i, m := range o.met {
		if m.overlaps(due, ended) {
			tags |= 1 << i
		}
	}
	return tags
}

// tag looks at the calls among the slowest that ended by then, one by one, so that
// those who offer calls never wait for long.
func (o *observer) tag(by time.Duration) {
	for i := range o.slow.room {
		if n, due, ended, ok := o.slow.untagged(i, by); ok {
			o.slow.tag(i, n, o.overlapped(due, ended))
		}
	}
}

func (o *observer) endWindow(now time.Duration) {
	o.teller.tell(o.now, now)
	o.windows = append(o.windows, record.RuntimeWindow{From: o.before.at, To: now,
		Runtime: o.now.since(o.before, &o.teller.meter.waits)})
	o.before, o.now = o.now, o.before
}

// finish adds up, after the last tick.
func (o *observer) finish(now time.Duration) {
	if now = max(now, 0); now > o.before.at || len(o.windows) == 0 {
		o.endWindow(now)
	}
	o.total = o.before.since(o.first, &o.teller.meter.waits)
	o.tag(never)
}
