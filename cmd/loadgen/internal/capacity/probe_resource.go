package capacity

import (
	"fmt"
	"math"
	"runtime"
	"slices"
	"time"

	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/results"
)

const (
	// exhausted is the share of a resource in use from which on it has run out.
	exhausted = 0.85
	// mostly is the share of a time from which on one cause takes most of it.
	mostly = 0.5
	// collecting is the share of the CPU time in use from which on the collector is
	// what takes it: the runtime aims at a quarter while it collects.
	collecting = 0.25
	// elsewhere is the share of the machine that others take from which on it is they.
	elsewhere = 0.25
	// throttled is the share of the periods of a CPU quota from which on the quota is what ran out.
	throttled = 0.2
)

// processors returns how many cores the process of a visit could use: those of the machine, of GOMAXPROCS and of its
// CPU quota, whichever are fewest.
func processors(m *results.Machine) float64 {
	n := float64(min(runtime.GOMAXPROCS(0), runtime.NumCPU()))
	if m.Quota > 0 {
		n = min(n, m.Quota)
	}
	return n
}

// limited returns why a probe says nothing of the target, or "": the generator did not keep up, or the machine was
// busy with something else. A probe that kept its objectives nevertheless has no more to say, or of such probes those
// that hold would be counted alone. One that missed them is the target's fault all the same if it missed them by more
// than the generator was late, if calls that failed miss them by themselves, or if the target had the processor that
// was
// wanting: in calls, by collecting their garbage, or by exporting their spans. The generator has at most the time
// that workers spend neither in calls nor on
// waiting.
func limited(slos []record.SLO, v *results.Visit, met bool) string {
	at := slices.IndexFunc(v.Verdict, func(r record.Reason) bool {
		return r.Name == record.GeneratorLimited || r.Name == record.ArrivalsOff || r.Name == record.NoisyMachine
	})
	if at < 0 || !met && (exceeds(slos, v.Record) && v.Verdict[at].Name != record.NoisyMachine ||
		fails(slos, v.Record) || busy(v)) {
		return ""
	}
	if v.Machine.Throttled > throttled { // or the advice is to close programs that are not to blame
		throttled := func(r record.Reason) bool { return r.Name == results.Throttled }
		if quota := slices.IndexFunc(v.Verdict, throttled); quota >= 0 {
			at = quota
		}
	}
	return fmt.Sprintf("%s: %s", v.Verdict[at].Name, v.Verdict[at].Detail)
}

// exceeds reports whether a percentile is above its bound by more than the generator was late.
func exceeds(slos []record.SLO, r *record.Record) bool {
	return slices.ContainsFunc(slos, func(s record.SLO) bool {
		q := s.Quantile()
		return q > 0 && float64(r.Latency.Quantile(q)-r.Generator.Quantile(max(q, 0.99))) > s.Limit()
	})
}

// fails reports whether an objective is missed by calls alone that failed by the fault of the target.
func fails(slos []record.SLO, r *record.Record) bool {
	failed := uint64(0)
	for i := range r.Failures {
		if r.Failures[i].OfTarget() {
			failed += r.Failures[i].Count
		}
	}
	for i, o := range r.SLOs {
		counts := slos[i].Metric() == "errors" || slos[i].Quantile() > 0 && !r.FailedApart
		if o.Missed() && counts && float64(failed) > o.Budget {
			return true
		}
	}
	return false
}

// busy reports whether the target had nearly all processors.
func busy(v *results.Visit) bool {
	r := v.Record
	elapsed := float64(max(r.Elapsed, 1))
	used := float64(v.Cost.CPU) / elapsed
	generator := max(0, float64(r.Workers)-(r.Service.Sum()+float64(r.Waiting))/elapsed)
	return used > exhausted*processors(&v.Machine) && used-generator > mostly*used
}

// resource returns what ran out in a visit, with the evidence, or "" if nothing is seen to have. Causes come before
// what follows from them: a call that waits for a lock keeps a worker busy, and others then wait in the queue.
func resource(v *results.Visit) string {
	r := v.Record
	elapsed := float64(max(r.Elapsed, 1))
	cores := processors(&v.Machine)
	used := float64(r.Runtime.CPU) / elapsed
	inCalls := r.Service.Sum() / elapsed // workers
	others := v.Machine.Stolen + v.Machine.Others
	switch {
	case v.Machine.Throttled > throttled:
		return fmt.Sprintf("CPU quota: %.2f of the %.4g cores that the cgroup allows, which stopped the process in "+
			"%.0f%% of the periods",
			used, v.Machine.Quota, 100*v.Machine.Throttled)
	case inCalls > 0.1 && float64(r.Runtime.MutexWait) > mostly*inCalls*elapsed:
		return fmt.Sprintf("lock wait: %.2f of %.2f calls at a time waited for a mutex",
			float64(r.Runtime.MutexWait)/elapsed, inCalls)
	case v.Machine.Known && others > elsewhere && used+others*float64(runtime.NumCPU()) > exhausted*cores:
		return fmt.Sprintf("CPU: %s, which left %.2f cores", usedElsewhere(&v.Machine), used)
	case used > exhausted*cores && float64(r.Runtime.GCCPU) > collecting*float64(r.Runtime.CPU):
		return fmt.Sprintf("GC: the collector took %.0f%% of %.2f cores, in %d cycles",
			100*math.Min(1, float64(r.Runtime.GCCPU)/float64(r.Runtime.CPU)), used, r.Runtime.GCCycles)
	case used > exhausted*cores:
		return fmt.Sprintf("CPU: %.2f of %.4g cores", used, cores)
	case r.Workers > 0 && inCalls > exhausted*float64(r.Workers):
		return fmt.Sprintf("queue: %.2f of %d workers were in a call, which used %.2f of %.4g cores: see --workers",
			inCalls, r.Workers, perElapsed(v.Cost.CPU, r), cores)
	}
	queue, latency := r.Queue.Quantile(0.99), r.Latency.Quantile(0.99)
	if float64(queue) > mostly*float64(latency) && latency > 0 {
		return fmt.Sprintf("queue: calls waited %v for a worker at p99, of a latency of %v",
			queue.Round(time.Microsecond), latency.Round(time.Microsecond))
	}
	return ""
}

// usedElsewhere says who took the CPU time that the process did not get: steal is the host's part.
func usedElsewhere(m *results.Machine) string {
	switch host, others := fmt.Sprintf("%.0f%% of the machine was stolen by its host (steal)", 100*m.Stolen),
		fmt.Sprintf("%.0f%% was used by other processes", 100*m.Others); {
	case m.Others < 0.005:
		return host
	case m.Stolen < 0.005:
		return "of the machine " + others
	default:
		return host + " and " + others
	}
}
