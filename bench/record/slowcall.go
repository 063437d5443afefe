package record

import "time"

// A SlowCall is one of the slowest calls of a run.
type SlowCall struct {
	N      uint64        `json:"n"` // the number of the call, from 0
	Key    string        `json:"key"`
	Due    time.Duration `json:"due_ns"`
	Begun  time.Duration `json:"begun_ns"`
	Ended  time.Duration `json:"ended_ns"`
	Failed bool          `json:"failed"`
	// Overlapped names the events between Due and Ended, the likeliest cause first:
	// [StopTheWorld], [GC], activities by their names, [SchedulerWait]. The call overlapped
	// them, but they need not have slowed it: a pause of 20 us in a call of 20 ms is named too.
	// Times are known to a tick of the observer, which takes 1 ms on an idle machine and some
	// 20 ms on a machine without a free processor, so events shortly before or after the call
	// may be named. For a call of more than 15 s, events at its beginning may be missing.
	Overlapped []string `json:"overlapped,omitempty"`
}

// Latency returns the time from due to ended.
func (c *SlowCall) Latency() time.Duration { return c.Ended - c.Due }

// Events that a [SlowCall] may overlap, besides activities.
const (
	StopTheWorld  = "stop-the-world" // all goroutines were stopped, by the collector or for another reason
	GC            = "gc"             // a garbage collection cycle
	SchedulerWait = "scheduler wait" // a goroutine that was ready waited for more than 100 us to run
)
