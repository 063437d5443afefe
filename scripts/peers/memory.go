package main

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/bench/pace"
	"github.com/loadgen-go/loadgen/bench/schedule"
)

// memory measures whether a long run takes more memory than a short one.
func memory(o options) section {
	s := section{
		name:    "memory",
		title:   "memory that a run of loadgen adds, 1 worker, empty calls as fast as possible",
		head:    []string{"calls"},
		columns: []string{"heap KiB", "RSS KiB"},
		notes: []string{
			"Heap: after a collection, with the record of the run. RSS: at the end of the run. Both without the " +
				"memory in use before.",
		},
	}
	for _, calls := range o.memory {
		s.cells = append(s.cells, cell{[]string{fmt.Sprint(calls)}, func(ctx context.Context) (figures, error) {
			return growth(ctx, calls, o.timeout)
		}})
	}
	return s
}

// growth measures how much memory a run of calls adds. The run may take twenty times its expected time, and at
// least limit.
func growth(ctx context.Context, calls int, limit time.Duration) (figures, error) {
	ctx, cancel := context.WithTimeout(ctx, max(limit, time.Duration(calls)*2*time.Microsecond))
	defer cancel()
	tapped := &tap{Pace: pace.Tight}
	r := bench.Run{
		Arrivals: flatOut{calls, tapped},
		Target:   bench.TargetFunc(func(context.Context, string) error { return nil }),
		Workers:  1,
		Pace:     tapped,
	}
	debug.FreeOSMemory()
	heapBefore, rssBefore := heap(), rss()
	began := now()
	record, err := r.Do(ctx)
	if err != nil {
		return figures{}, err
	}
	f := figures{values: []float64{missing, (rss() - rssBefore) / 1024}}
	f.values[0] = (heap() - heapBefore) / 1024
	if record.Interrupted {
		f.cut = now() - began
	} else if record.Done != uint64(calls) {
		return figures{},
			fmt.Errorf("%d of %d calls were made, and %d were dropped: want all made", record.Done, calls,
				record.Dropped)
	}
	runtime.KeepAlive(record)
	return f, nil
}

// flatOut is a schedule whose calls are due at the current time. None waits, and none finds the queue full, however
// many there are. With a fixed rate that cannot be reached, any queue would fill up in the end.
type flatOut struct {
	calls int
	clock *tap
}

// Duration returns more than any run takes.
func (f flatOut) Duration() time.Duration { return 24 * time.Hour }

func (f flatOut) From(n uint64) schedule.Instants { return &flatOutInstants{flatOut: f, n: int(n)} }

type flatOutInstants struct {
	flatOut
	n   int
	due time.Duration
}

// stride is how many calls are due at the same time, so that the clock is read rarely. It is less than the room in the
// queue of a run.
const stride = bench.DefaultQueue / 64

func (i *flatOutInstants) Next() (time.Duration, bool) {
	if i.n >= i.calls {
		return 0, false
	}
	if i.n%stride == 0 {
		i.due = max(i.clock.clock.Now(), 0)
	}
	i.n++
	return i.due, true
}
