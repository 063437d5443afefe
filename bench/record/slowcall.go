package record

import "time"

// A SlowCall is one of the slowest calls of a run.
type SlowCall struct {
	N      uint64        `json:"n"` // its number, from 0
	Key    string        `json:"key"`
	Due    time.Duration `json:"due_ns"`
	Begun  time.Duration `json:"begun_ns"`
	Ended  time.Duration `json:"ended_ns"`
	Failed bool          `json:"failed"`
	// Overlapped is what went on at some time between Due and Ended, the likeliest
	// cause first: [StopTheWorld], [GC], activities by their names, [SchedulerWait].
	// It is what the call met, not what slowed it: a pause of 20 us in a call of
	// 20 ms is named too. Times are known to a tick of the observer, which is
	// 1 ms on an idle machine and some 20 ms on one without a processor to spare:
	// what went on that shortly before or after the call may be named. Of a call
	// of more than 15 s the beginning may not be covered.
	Overlapped []string `json:"overlapped,omitempty"`
}

// Latency is from due to ended.
func (c *SlowCall) Latency() time.Duration { return c.Ended - c.Due }

// What a [SlowCall] may have overlapped, besides activities.
const (
	StopTheWorld  = "stop-the-world" // all goroutines were stopped, by the collector or for another reason
	GC            = "gc"             // a cycle of garbage collection
	SchedulerWait = "scheduler wait" // some goroutine was ready, and waited for more than 100 us to run
)
