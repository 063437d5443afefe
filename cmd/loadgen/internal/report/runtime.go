package report

import (
	"time"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/quantile"
	"github.com/loadgen-go/loadgen/results"
)

// runtimeTable returns a table of what the runtime and the machine did during the visits of each
// cell.
func runtimeTable(cells []*view) string {
	t := NewTable(1, "", "p99 within", "hiccup", "sched wait", "GC pause", "assist", "mutex", "heap", "goroutines",
		"cores", "pressure")
	for _, v := range cells {
		if len(v.visits) == 0 {
			continue
		}
		median := func(f func(*bench.Record) (float64, bool)) (float64, bool) {
			var values []float64
			for _, visit := range v.visits {
				if x, ok := f(visit.Record); ok {
					values = append(values, x)
				}
			}
			if len(values) == 0 {
				return 0, false
			}
			return results.Median(values), true
		}
		show := func(write func(float64) string, f func(*bench.Record) (float64, bool)) string {
			if x, ok := median(f); ok {
				return write(x)
			}
			return none
		}
		micros := func(f func(*bench.Record) time.Duration) string {
			return show(Number, func(r *bench.Record) (float64, bool) { return float64(f(r)) / 1e3, true })
		}
		t.AppendRow([]any{
			v.cell.String(),
			show(func(share float64) string { return "±" + percent(share) }, func(r *bench.Record) (float64, bool) {
				i, ok := r.Interval(0.99)
				p99, err := r.Percentile(0.99)
				if !ok || i.Why != "" || err != nil || p99 == 0 {
					return 0, false
				}
				return float64(i.High-i.Low) / 2 / float64(p99), true
			}),
			show(Number, func(r *bench.Record) (float64, bool) {
				return float64(r.Hiccups.Quantile(0.99)) / 1e3, r.Hiccups.Count() >= quantile.SamplesFor(0.99)
			}),
			micros(func(r *bench.Record) time.Duration { return r.Runtime.WaitP99 }),
			micros(func(r *bench.Record) time.Duration { return r.Runtime.GCPause }),
			micros(func(r *bench.Record) time.Duration { return r.Runtime.GCAssist }),
			micros(func(r *bench.Record) time.Duration { return r.Runtime.MutexWait }),
			show(Memory, func(r *bench.Record) (float64, bool) { return float64(r.Runtime.HeapObjects), true }),
			show(Number, func(r *bench.Record) (float64, bool) { return float64(r.Runtime.Goroutines), true }),
			show(Number, func(r *bench.Record) (float64, bool) {
				return float64(r.Runtime.CPU) / float64(r.Elapsed), r.Elapsed > 0 && r.Runtime.CPU > 0
			}),
			show(percent, func(r *bench.Record) (float64, bool) {
				return r.Runtime.Pressure.CPU,
					r.Runtime.Pressure.Known
			}),
		})
	}
	return "\nWhat the runtime and the machine did: p99 of hiccups and of waits for a processor, and totals of " +
		"pauses, assists\n" +
		"and waits for mutexes, in us; CPU pressure (PSI); medians over visits. \"p99 within\" is half of the 95% " +
		"interval of\n" +
		"a visit's p99, which allows for calls that depend on each other; - means that the visits are too short\n\n" +
		t.Render() + "\n"
}
