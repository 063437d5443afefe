package report

import (
	"time"

	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/quantile"
	"github.com/loadgen-go/loadgen/results"
)

// runtimeTable is what the runtime and the machine did during the visits of each
// cell.
func runtimeTable(all []*view) string {
	t := NewTable(1, "", "p99 within", "hiccup", "sched wait", "GC pause", "assist", "mutex", "heap", "goroutines",
		"cores", "pressure")
	for _, v := range all {
		if len(v.visits) == 0 {
			continue
		}
		median := func(f func(*record.Record) (float64, bool)) (float64, bool) {
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
		show := func(write func(float64) string, f func(*record.Record) (float64, bool)) string {
			if x, ok := median(f); ok {
				return write(x)
			}
			return none
		}
		micros := func(f func(*record.Record) time.Duration) string {
			return show(Number, func(r *record.Record) (float64, bool) { return float64(f(r)) / 1e3, true })
		}
		t.AppendRow([]any{
			v.cell.String(),
			show(func(share float64) string { return "±" + percent(share) }, func(r *record.Record) (float64, bool) {
				i, ok := r.Interval(0.99)
				p99, err := r.Percentile(0.99)
				if !ok || i.Why != "" || err != nil || p99 == 0 {
					return 0, false
				}
				return float64(i.High-i.Low) / 2 / float64(p99), true
			}),
			show(Number, func(r *record.Record) (float64, bool) {
				return float64(r.Hiccups.Quantile(0.99)) / 1e3, r.Hiccups.Count() >= quantile.SamplesFor(0.99)
			}),
			micros(func(r *record.Record) time.Duration { return r.Runtime.WaitP99 }),
			micros(func(r *record.Record) time.Duration { return r.Runtime.GCPause }),
			micros(func(r *record.Record) time.Duration { return r.Runtime.GCAssist }),
			micros(func(r *record.Record) time.Duration { return r.Runtime.MutexWait }),
			show(Memory, func(r *record.Record) (float64, bool) { return float64(r.Runtime.HeapObjects), true }),
			show(Number, func(r *record.Record) (float64, bool) { return float64(r.Runtime.Goroutines), true }),
			show(Number, func(r *record.Record) (float64, bool) {
				return float64(r.Runtime.CPU) / float64(r.Elapsed), r.Elapsed > 0 && r.Runtime.CPU > 0
			}),
			show(percent, func(r *record.Record) (float64, bool) {
				return r.Runtime.Pressure.CPU,
					r.Runtime.Pressure.Known
			}),
		})
	}
	return "\nWhat the runtime and the machine did: hiccups and waits for a processor at p99, and pauses, assists " +
		"and waits for\n" +
		"mutexes in all, in us; pressure on the CPU (PSI); medians over visits. \"p99 within\" is half of the 95% " +
		"interval\n" +
		"of a visit's p99, which allows for calls that depend on each other; - where visits are too short to tell\n\n" +
		t.Render() + "\n"
}
