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

// memory asks whether a long run takes more memory than a short one.
func memory(o options) section {
	s := section{
		name:    "memory",
		title:   "what a run of loadgen adds, 1 worker, calls of nothing as fast as it can",
		head:    []string{"calls"},
		columns: []string{"heap KiB", "RSS KiB"},
		notes: []string{
			"Heap: after a collection, with the record of the run. RSS: as the run ends. Both less what was in use " +
				"before.",
		},
	}
	for _, calls := range o.memory {
		s.cells = append(s.cells, cell{[]string{fmt.Sprint(calls)}, func(ctx context.Context) (figures, error) {
			return growth(ctx, calls, o.timeout)
		}})
	}
	return s
}

// growth is what a run of so many calls adds. It may take twenty times as long as
// it should, and limit at least.
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
		return figures{}, fmt.Errorf("%d of %d calls were made, and %d dropped: want all", record.Done, calls,
			record.Dropped)
	}
	runtime.KeepAlive(record)
	return f, nil
}

// flatOut is a schedule whose calls have always just become due: none waits, and
// none finds the queue full, however many there are. A fixed rate out of reach would
// fill any queue in the end.
type flatOut struct {
	calls int
	clock *tap
}

// Duration is more than any run takes.
func (f flatOut) Duration() time.Duration { return 24 * time.Hour }

func (f flatOut) From(n uint64) schedule.Instants { return &flatOutInstants{flatOut: f, n: int(n)} }

type flatOutInstants struct {
	flatOut
	n   int
	due time.Duration
}

// stride is how many calls are due at once, to read the clock rarely: fewer than
// there is room for in the queue of a run.
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
