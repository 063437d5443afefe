package report

import (
	"slices"
	"time"

	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/terminal"
	"github.com/loadgen-go/loadgen/quantile"
	"github.com/loadgen-go/loadgen/results"
)

// A runtimeView is what the runtime and the machine did during the visits of a cell: medians over visits. What no
// visit tells is nil.
type runtimeView struct {
	P99Within   *float64 `json:"p99_within"` // half of the 95% interval of a visit's p99, as a share of it
	HiccupP99   *float64 `json:"hiccup_p99_ns"`
	WaitP99     *float64 `json:"scheduler_wait_p99_ns"`
	GCPause     *float64 `json:"gc_pause_ns"`
	GCAssist    *float64 `json:"gc_assist_cpu_ns"`
	MutexWait   *float64 `json:"mutex_wait_ns"`
	HeapObjects *float64 `json:"heap_objects_bytes"`
	Goroutines  *float64 `json:"goroutines"`
	Cores       *float64 `json:"cores"`        // that the process used
	CPUPressure *float64 `json:"cpu_pressure"` // the share of time that something waited for a processor
}

// runtime returns what the runtime and the machine did.
func (v *view) runtime() *runtimeView {
	median := func(f func(*record.Record) (float64, bool)) *float64 {
		var values []float64
		for _, visit := range v.visits {
			if x, ok := f(visit.Record); ok {
				values = append(values, x)
			}
		}
		return medianOf(values)
	}
	nanos := func(f func(*record.Record) time.Duration) *float64 {
		return median(func(r *record.Record) (float64, bool) { return float64(f(r)), true })
	}
	return &runtimeView{
		P99Within: median(func(r *record.Record) (float64, bool) {
			i, ok := r.Interval(0.99)
			p99, err := r.Percentile(0.99)
			if !ok || i.Why != "" || err != nil || p99 == 0 {
				return 0, false
			}
			return float64(i.High-i.Low) / 2 / float64(p99), true
		}),
		HiccupP99: median(func(r *record.Record) (float64, bool) {
			return float64(r.Hiccups.Quantile(0.99)), r.Hiccups.Count() >= quantile.SamplesFor(0.99)
		}),
		WaitP99:   nanos(func(r *record.Record) time.Duration { return r.Runtime.WaitP99 }),
		GCPause:   nanos(func(r *record.Record) time.Duration { return r.Runtime.GCPause }),
		GCAssist:  nanos(func(r *record.Record) time.Duration { return r.Runtime.GCAssist }),
		MutexWait: nanos(func(r *record.Record) time.Duration { return r.Runtime.MutexWait }),
		HeapObjects: median(func(r *record.Record) (float64, bool) {
			return float64(r.Runtime.HeapObjects), true
		}),
		Goroutines: median(func(r *record.Record) (float64, bool) { return float64(r.Runtime.Goroutines), true }),
		Cores: median(func(r *record.Record) (float64, bool) {
			return float64(r.Runtime.CPU) / float64(r.Elapsed), r.Elapsed > 0 && r.Runtime.CPU > 0
		}),
		CPUPressure: median(func(r *record.Record) (float64, bool) {
			return r.Runtime.Pressure.CPU, r.Runtime.Pressure.Known
		}),
	}
}

// ofClient reports whether the runtime of the visits is that of the client of a service.
func (v *view) ofClient() bool {
	return slices.ContainsFunc(v.visits, func(visit *results.Visit) bool { return visit.Connections != nil })
}

// runtimeTable returns a table of what the runtime and the machine did during the visits of each cell.
func runtimeTable(cells []*view, screen *terminal.Screen) string {
	header := []string{"", "p99 within", "hiccup", "sched wait", "GC pause", "assist", "mutex", "heap", "goroutines",
		"cores", "pressure"}
	micros := func(ns *float64) string { return format.Micros(known(ns)) }
	var rows [][]string
	for _, v := range cells {
		if len(v.visits) == 0 {
			continue
		}
		r := v.runtime()
		rows = append(rows, []string{v.cell.String(), format.Within(known(r.P99Within), format.Percent),
			micros(r.HiccupP99), micros(r.WaitP99), micros(r.GCPause), micros(r.GCAssist), micros(r.MutexWait),
			format.Bytes(known(r.HeapObjects)), format.Number(known(r.Goroutines)), format.Number(known(r.Cores)),
			format.Percent(known(r.CPUPressure))})
	}
	runtime := "the runtime"
	if slices.ContainsFunc(cells, (*view).ofClient) {
		runtime = "the runtime of the client"
	}
	return "\n" + screen.Wrap("What "+runtime+" and the machine did: p99 of hiccups and of waits for a processor, "+
		"and totals of pauses, assists and waits for mutexes, in us; CPU pressure (PSI); medians over visits. \"p99 "+
		"within\" is half of the 95% interval of a visit's p99, which allows for calls that depend on each other; - "+
		"means that the visits are too short", "") + "\n" + table(screen, 1, header, rows)
}
