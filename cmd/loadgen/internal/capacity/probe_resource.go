package capacity

import (
	"fmt"
	"math"
	"runtime"
	"slices"

	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/results"
)

const (
	// exhausted is the share of a resource in use from which it counts as exhausted.
	exhausted = 0.85
	// mostly is the share of a time from which one cause accounts for most of it.
	mostly = 0.5
	// collecting is the share of the used CPU time from which garbage collection is the
	// cause. The runtime aims at a quarter while it collects.
	collecting = 0.25
	// elsewhere is the share of the machine's CPU time from which other processes are the cause.
	elsewhere = 0.25
	// throttled is the share of the periods of a CPU quota from which the quota is the cause.
	throttled = 0.2
)

// processors returns how many cores the process of a visit could use: the smallest of the machine's cores, GOMAXPROCS
// and its CPU quota.
func processors(m *results.Machine) float64 {
	n := float64(min(runtime.GOMAXPROCS(0), runtime.NumCPU()))
	if m.Quota > 0 {
		n = min(n, m.Quota)
	}
	return n
}

// limited returns why a probe says nothing about the target, or "". Either the generator did not keep up, or the
// machine was busy with other work. A limited probe does not count even if it met its objectives, since otherwise only
// the limited probes that hold would count. A probe that missed its objectives counts all the same if the target is to
// blame: if a percentile misses its bound by more than the generator's lag, if calls that failed miss an objective
// alone, or if the target used the processors, in calls, for garbage collection or for the export of spans. The
// generator's own CPU time is at most the time that workers spend neither in calls nor waiting.
func limited(slos []record.SLO, v *results.Visit, met bool) string {
	i := slices.IndexFunc(v.Verdict, func(r record.Reason) bool {
		return r.Name == record.GeneratorLimited || r.Name == record.ArrivalsOff || r.Name == record.NoisyMachine
	})
	if i < 0 || !met && (exceeds(slos, v.Record) && v.Verdict[i].Name != record.NoisyMachine ||
		fails(slos, v.Record) || busy(v)) {
		return ""
	}
	if v.Machine.Throttled > throttled { // otherwise the advice would be to close programs that are not to blame
		throttled := func(r record.Reason) bool { return r.Name == results.Throttled }
		if quota := slices.IndexFunc(v.Verdict, throttled); quota >= 0 {
			i = quota
		}
	}
	return fmt.Sprintf("%s: %s", v.Verdict[i].Name, v.Verdict[i].Detail)
}

// exceeds reports whether a percentile exceeds its bound by more than the generator's lag.
func exceeds(slos []record.SLO, r *record.Record) bool {
	return slices.ContainsFunc(slos, func(s record.SLO) bool {
		q := s.Quantile()
		return q > 0 && float64(r.Latency.Quantile(q)-r.Generator.Quantile(max(q, 0.99))) > s.Limit()
	})
}

// fails reports whether calls that failed because of the target are enough to miss an objective.
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

// busy reports whether the target used nearly all processors. What a service used is unknown unless the visit started
// it.
func busy(v *results.Visit) bool {
	if v.Connections != nil {
		used := serviceCores(v)
		return used > 0 && used > exhausted*float64(v.Service.CPUs)
	}
	r := v.Record
	elapsed := float64(max(r.Elapsed, 1))
	used := float64(v.Cost.CPU) / elapsed
	generator := max(0, float64(r.Workers)-(r.Service.Sum()+float64(r.Waiting))/elapsed)
	return used > exhausted*processors(&v.Machine) && used-generator > mostly*used
}

// resource returns the resource that was exhausted in a visit, with its figures, or "" if there is none. It checks
// causes before their effects: a call that waits for a lock keeps a worker busy, so that other calls wait in the
// queue.
func resource(v *results.Visit) string {
	r := v.Record
	elapsed := float64(max(r.Elapsed, 1))
	have := processors(&v.Machine)
	used := float64(r.Runtime.CPU) / elapsed
	inCalls := r.Service.Sum() / elapsed // mean number of workers in a call
	others := v.Machine.Stolen + v.Machine.Others
	switch {
	case v.Machine.Throttled > throttled:
		return fmt.Sprintf("CPU quota: %s of the %s cores that the cgroup allows, which stopped the process in "+
			"%s of the periods",
			format.Number(used), format.Digits(v.Machine.Quota, 4), format.Rough(v.Machine.Throttled))
	case v.Connections != nil:
		return serviceResource(v, used, inCalls)
	case inCalls > 0.1 && float64(r.Runtime.MutexWait) > mostly*inCalls*elapsed:
		return fmt.Sprintf("lock wait: %s of %s calls at a time waited for a mutex",
			format.Number(float64(r.Runtime.MutexWait)/elapsed), format.Number(inCalls))
	case v.Machine.Known && others > elsewhere && used+others*float64(runtime.NumCPU()) > exhausted*have:
		return fmt.Sprintf("CPU: %s, which left %s cores", usedElsewhere(&v.Machine), format.Number(used))
	case used > exhausted*have && float64(r.Runtime.GCCPU) > collecting*float64(r.Runtime.CPU):
		return fmt.Sprintf("GC: the collector took %s of %s cores, in %d cycles",
			format.Rough(math.Min(1, float64(r.Runtime.GCCPU)/float64(r.Runtime.CPU))), format.Number(used),
			r.Runtime.GCCycles)
	case used > exhausted*have:
		return fmt.Sprintf("CPU: %s of %s cores", format.Number(used), format.Digits(have, 4))
	case r.Workers > 0 && inCalls > exhausted*float64(r.Workers):
		return fmt.Sprintf("queue: %s of %d workers were in a call, which used %s of %s cores: see --workers",
			format.Number(inCalls), r.Workers, format.Number(perElapsed(v.Cost.CPU, r)), format.Digits(have, 4))
	}
	return queueResource(r)
}

// serviceResource returns the resource that was exhausted in a visit of a service. Used is the number of cores that
// the client used, and inCalls the mean number of calls at once. The CPU time of this process is the client's.
func serviceResource(v *results.Visit, used, inCalls float64) string {
	r, have := v.Record, processors(&v.Machine)
	others := v.Machine.Stolen + v.Machine.Others
	service := serviceCores(v)
	switch {
	case service > 0 && service > exhausted*float64(v.Service.CPUs):
		return fmt.Sprintf("CPU of the service: %s of its %s", format.Number(service),
			format.Plural(v.Service.CPUs, "core"))
	case service > used && service+used > exhausted*float64(runtime.NumCPU()):
		return fmt.Sprintf("CPU: the service used %s and the client %s of %s", format.Number(service),
			format.Number(used), format.Plural(runtime.NumCPU(), "core"))
	case v.Machine.Known && others > elsewhere && used+others*float64(runtime.NumCPU()) > exhausted*have:
		return fmt.Sprintf("CPU: the client used %s of %s cores, and %s (among them the service, if it runs here)",
			format.Number(used), format.Digits(have, 4), usedElsewhere(&v.Machine))
	case used > exhausted*have:
		return fmt.Sprintf("CPU of the client: %s of %s cores", format.Number(used), format.Digits(have, 4))
	case r.Workers > 0 && inCalls > exhausted*float64(r.Workers):
		return fmt.Sprintf("connections: they carry %d calls at once, and were in %s: see --connections", r.Workers,
			format.Number(inCalls))
	}
	return queueResource(r)
}

// serviceCores returns the number of cores that a service used which the visit started, or 0 if it is unknown.
func serviceCores(v *results.Visit) float64 {
	if v.Service == nil || v.Service.CPU == nil {
		return 0
	}
	return perElapsed(*v.Service.CPU, v.Record)
}

// queueResource returns how long calls waited in the queue, or "" if that was not most of their latency.
func queueResource(r *record.Record) string {
	queue, latency := r.Queue.Quantile(0.99), r.Latency.Quantile(0.99)
	if float64(queue) > mostly*float64(latency) && latency > 0 {
		return fmt.Sprintf("queue: calls waited %s for a worker at p99, of a latency of %s",
			format.Duration(queue), format.Duration(latency))
	}
	return ""
}

// usedElsewhere returns which share of the CPU time the host (steal) and other processes took.
func usedElsewhere(m *results.Machine) string {
	switch host, others := format.Rough(m.Stolen)+" of the machine was stolen by its host (steal)",
		format.Rough(m.Others)+" was used by other processes"; {
	case m.Others < 0.005:
		return host
	case m.Stolen < 0.005:
		return "of the machine " + others
	default:
		return host + " and " + others
	}
}
