package bench

import (
	"time"

	"github.com/loadgen-go/loadgen/bench/pace"
	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/quantile"
)

const (
	// tickLength is the length of each sleep of the observer. Half of it would cost a client of one HTTP
	// connection, which is idle most of the time, 6% more CPU time.
	tickLength = 2 * time.Millisecond
	// tagging is the time between looks at the slowest calls. It must be short enough that the
	// intervals which they overlapped are still remembered.
	tagging = 500 * time.Millisecond
	// remembered is the number of intervals kept of each suspect. Each interval and each space
	// between two takes at least one tick, so that they go back at least 16 s.
	remembered = 1 << 12
	// longWait is the least time that a goroutine waits to run to count as a suspect.
	longWait = 100 * time.Microsecond
	// maxWindows bounds the memory of windows, which take 5 KB each.
	maxWindows = 4096
	// oneTick is the longest time of a tick if nothing else ran meanwhile.
	oneTick = 50 * time.Microsecond
)

// An observer watches the process during a run. It is one goroutine that sleeps for two milliseconds at
// a time and then looks at the counters of the runtime and the machine. Its results may be read after stop
// has returned. It allocates its memory before the run: some 0.8 MB, 131 KB per activity, and its
// windows. Looking allocates nothing.
//
// Its cost is the cost of waking a goroutine five hundred times per second, which took 2% of a processor
// on a small virtual machine. Each look takes 1 to 3 us of that.
type observer struct {
	// hiccups holds how late the goroutine woke. That is the delay that the machine, the scheduler
	// and the collector cause to any goroutine of the process. As in Gil Tene's jHiccup, a long
	// hiccup counts once for every tick within it, so that quantiles are quantiles over
	// random instants.
	hiccups *quantile.HDR
	windows []record.RuntimeWindow
	total   record.Runtime
	spent   time.Duration // CPU time of looking, without waking up

	clock            pace.Clock
	window, duration time.Duration
	next             time.Duration // when the current window ends

	teller             teller
	first, before, now *tally // at the start of the run, at the start of the window, and a spare

	looked     time.Duration // the last tick
	tagged     time.Duration // when slow calls were last tagged
	activities []activityWatch
	met        []*intervals // the intervals of each suspect
	slow       *slowest

	done, finished chan struct{}
}

// newObserver returns an observer of a run of the given duration, with windows of the given length from
// the start of the run until the schedule is over. The last window goes on until stop. If window is 0,
// and after the 4096th window, the rest of the run is one window. Activities after the first
// MaxActivities are not watched. The clock may be replaced before start, so that memory is allocated
// before the clock starts.
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
		o.teller.tell(t, 0) // allocates
	}
	return o
}

// windowsOf returns the number of windows of a run.
func windowsOf(window, duration time.Duration) int {
	if window <= 0 || duration <= window {
		return 1
	}
	return int(min((duration-1)/window+1, maxWindows))
}

// start starts watching. It may be called once. Activity counts from now on, but the first window starts
// no earlier than the run.
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

// stop ends watching and returns when all results are ready. It may be called once.
func (o *observer) stop() {
	close(o.done)
	<-o.finished
}

// watch ticks until stop. It sleeps with a timer rather than with time.Sleep, so that stop does not have
// to wait.
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

// hiccup notes how late the observer woke. Late is negative if stop woke it.
func (o *observer) hiccup(late time.Duration) {
	if late >= 0 {
		o.hiccups.Add(late)
	}
	for late -= tickLength; late > 0; late -= tickLength {
		o.hiccups.Add(late)
	}
}

// tick looks at everything that has happened since the last tick.
func (o *observer) tick(now time.Duration) {
	last := o.looked
	o.see(o.teller.meter.tick(now), now)
	if now >= o.next && o.next < o.duration && len(o.windows) < cap(o.windows)-1 {
		o.endWindow(now)
		o.next = (now/o.window + 1) * o.window
	}
	if now-o.tagged >= tagging {
		// Leave out calls that have just ended, because a pause may be counted a moment late.
		o.tag(last)
		o.tagged = now
	}
}

// see notes the suspects that were active between the last tick and now.
func (o *observer) see(s signs, now time.Duration) {
	last := o.looked
	o.looked = now
	o.note(0, s.stopped, last, now)
	o.note(1, s.collected, last, now)
	for i := range o.activities {
		o.note(2+i, o.activities[i].since(), last, now)
	}
	// The runtime counts a wait when it is over.
	o.note(len(o.met)-1, s.waited >= longWait, last-s.waitedAtMost, now)
}

// note notes that a suspect was active between from and the tick at now. The counters were read after
// now, so the activity may be later, and the next tick will not report it again. Therefore the interval
// ends at the current instant.
func (o *observer) note(suspect int, happened bool, from, now time.Duration) {
	if happened && from < now {
		o.met[suspect].add(from, max(now, o.clock.Now()))
	}
}

// overlapped returns the suspects of a call between two instants.
func (o *observer) overlapped(due, ended time.Duration) (tags suspects) {
	for i, m := range o.met {
		if m.overlaps(due, ended) {
			tags |= 1 << i
		}
	}
	return tags
}

// tag tags the slowest calls that ended before or at by. It locks once per call, so that a goroutine that
// offers a call never waits for long.
func (o *observer) tag(by time.Duration) {
	for i := range o.slow.room {
		if n, due, ended, ok := o.slow.untagged(i, by); ok {
			o.slow.tag(i, n, o.overlapped(due, ended))
		}
	}
}

// endWindow ends the current window at now.
func (o *observer) endWindow(now time.Duration) {
	o.teller.tell(o.now, now)
	o.windows = append(o.windows, record.RuntimeWindow{From: o.before.at, To: now,
		Runtime: o.now.since(o.before, &o.teller.meter.waits)})
	o.before, o.now = o.now, o.before
}

// finish ends the last window and sets the total, after the last tick.
func (o *observer) finish(now time.Duration) {
	if now = max(now, 0); now > o.before.at || len(o.windows) == 0 {
		o.endWindow(now)
	}
	o.total = o.before.since(o.first, &o.teller.meter.waits)
	o.tag(never)
}
