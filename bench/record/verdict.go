package record

import (
	"fmt"
	"math"
	"time"

	"github.com/loadgen-go/loadgen/quantile"
)

// A Reason is a reason why a run is not valid.
type Reason struct {
	Name   string `json:"name"`   // a constant such as Saturated
	Detail string `json:"detail"` // the numbers, and what to do
}

// Names of reasons.
const (
	Interrupted      = "interrupted"       // the run ended before its schedule
	Saturated        = "saturated"         // the target did not keep up
	GeneratorLimited = "generator-limited" // the generator did not keep up
	ArrivalsOff      = "arrivals-off"      // the gaps between calls were not as scheduled
	NotStationary    = "not-stationary"    // latency changed in the course of the run
	TooFewSamples    = "too-few-samples"   // too few calls for a percentile
	NoisyMachine     = "noisy-machine"     // the machine was busy with something else
)

// Misleads reports whether a run that is not valid for the reason with this name may have measured the generator or
// the machine instead of the target.
func Misleads(reason string) bool {
	return reason == GeneratorLimited || reason == ArrivalsOff || reason == NoisyMachine
}

const (
	// maxGeneratorLag is how late the generator may be at p99. It may be later if that is at
	// most half of the latency.
	maxGeneratorLag = time.Millisecond
	// maxLagOfSLO is the share of a bound on latency that the generator's lag may take.
	maxLagOfSLO = 0.2
	// maxLate is the share of a window's calls that may begin after its end because of the
	// generator, and maxLateWindows is the share of windows that may exceed it.
	maxLate, maxLateWindows = 0.2, 0.05
	// maxDropped is the share of calls that may be dropped; up to it, p99 is finite.
	maxDropped = 0.01
	// maxBehind is the share of the schedule, up to its end, in which the target may be behind.
	// A stall may last that long; a target that does not keep up is behind nearly from the start.
	maxBehind = 0.5
	// maxDistance is the largest distance between the gaps made and the gaps asked for, and
	// maxDispersion is by how much the dispersion of the counts may exceed the dispersion asked for.
	maxDistance   = 0.2
	maxDispersion = 2
	// Latency is not stationary if it changes from the first third of a run to the last by at
	// least maxChange and leastChange, and the probability of such a trend by chance is below
	// chance.
	maxChange   = 0.3
	leastChange = 50 * time.Microsecond
	chance      = 0.001
	// maxHiccup is how late a goroutine that sleeps for a millisecond may wake at p99.
	maxHiccup = 10 * time.Millisecond
)

// Verdict returns the reasons why r is not valid, or nil if it is. Percentiles are the quantiles
// that the run is meant to measure.
func (r *Record) Verdict(percentiles ...float64) []Reason {
	var reasons []Reason
	add := func(name, detail string) {
		if detail != "" {
			reasons = append(reasons, Reason{name, detail})
		}
	}
	add(Interrupted, r.interrupted())
	saturated := r.saturated()
	add(Saturated, saturated)
	add(GeneratorLimited, r.generatorLimited())
	add(ArrivalsOff, r.arrivalsOff())
	if saturated == "" { // saturation would explain both
		add(NotStationary, r.notStationary())
		add(NoisyMachine, r.noisy())
	}
	return append(reasons, r.tooFew(percentiles)...)
}

func (r *Record) interrupted() string {
	switch {
	case r.Aborted != "":
		return fmt.Sprintf("the run ended after %v because it missed %q: its results cover only its beginning",
			r.Scheduled.Round(time.Millisecond), r.Aborted)
	case r.Interrupted:
		return fmt.Sprintf("the run was interrupted after %v: its results cover only its beginning",
			r.Scheduled.Round(time.Millisecond))
	}
	return ""
}

func (r *Record) dropping() bool { return float64(r.Dropped) > maxDropped*float64(r.Offered) }

func (r *Record) saturated() string {
	switch {
	case r.dropping():
		return fmt.Sprintf("%d of %d calls were dropped, %s of %s were served: lower the rate, or allow more workers",
			r.Dropped, r.Offered, round(r.Achieved()), round(r.Rate()))
	case float64(r.Behind) > maxBehind*float64(r.Scheduled):
		return fmt.Sprintf("no call of the last %v found a worker free, and the last one waited %v: latency grows "+
			"with the length of the run. %s of %s were served: lower the rate, or allow more workers",
			r.Behind.Round(time.Millisecond), r.Backlog.Round(time.Microsecond), round(r.Achieved()), round(r.Rate()))
	}
	return ""
}

func (r *Record) generatorLimited() string {
	if why := r.ownFailures(); why != "" {
		return why
	}
	lag := r.Generator.Quantile(0.99)
	latency := max(r.Latency.Quantile(0.99), r.FailedLatency.Quantile(0.99))
	// Dropped calls have no lag. The generator is to blame for them if its lag is longer than the
	// queue lag and the service time.
	dropped := r.dropping() && lag > r.Queue.Quantile(0.99) && lag > r.Service.Mean()
	if lag > maxGeneratorLag && lag > latency/2 || dropped {
		return fmt.Sprintf("the generator began calls %v late at p99, of a latency of %v: close other programs, or "+
			"lower the rate", lag.Round(time.Microsecond), latency.Round(time.Microsecond))
	}
	for _, result := range r.SLOs {
		s, err := ParseSLO(result.SLO)
		if err != nil {
			continue // the record is from a file that another program wrote
		}
		if limit := time.Duration(s.limit); !s.IsShare() && lag > gapTolerance && float64(lag) > maxLagOfSLO*s.limit {
			return fmt.Sprintf("the generator began calls %v late at p99, which is much of the %v that %q allows: "+
				"close other programs, or lower the rate", lag.Round(time.Microsecond), limit, s)
		}
	}
	late, worst := 0, 0.0
	for i := range r.Windows {
		if w := &r.Windows[i]; w.Offered > 0 && float64(w.Late) > maxLate*float64(w.Offered) {
			late++
			worst = max(worst, float64(w.Late)/float64(w.Offered))
		}
	}
	if float64(late) > maxLateWindows*float64(len(r.Windows)) && lag > gapTolerance {
		return fmt.Sprintf("in %d of %d windows of %v the rate was not kept: the generator began up to %.0f%% of the "+
			"calls due after the window's end: close other programs, or lower the rate",
			late, len(r.Windows), r.Windows[0].Length, 100*worst)
	}
	return ""
}

// ownFailures explains the failed calls that the generator caused, if there are any.
func (r *Record) ownFailures() string {
	for i := range r.Failures {
		f := &r.Failures[i]
		if !f.ofGenerator() {
			continue
		}
		advice := map[string]string{
			KindNoPorts: "this machine has no free port for a new connection: keep connections open, lower the " +
				"rate, or widen net.ipv4.ip_local_port_range",
			KindNoDescriptors: "this process may not open more files: raise its limit (ulimit -n), or use fewer " +
				"connections",
			KindNoConnection: "more calls ran at once than the target may have connections: allow more " +
				"connections, or fewer workers",
			KindNoRequest: "there was no request to make: " + short(f.First),
		}[f.Kind]
		return fmt.Sprintf("%d of %d calls failed in the generator, not in the target (%s): %s", f.Count, r.Offered,
			f.Kind, advice)
	}
	return ""
}

func (r *Record) arrivalsOff() string {
	f := r.Fidelity
	if f == nil {
		return ""
	}
	const advice = "calls came in clumps that the schedule does not have: close other programs, lower the rate, or " +
		"choose another pace"
	if f.Distance > maxDistance && f.P < chance {
		return fmt.Sprintf("the gaps between calls have a Kolmogorov-Smirnov distance of %.2f from the schedule's "+
			"(want at most %.2f; gaps that differ by less than %v count as equal): %s",
			f.Distance, maxDistance, f.Tolerance, advice)
	}
	for _, d := range f.Dispersion {
		if d.Made > d.Asked+maxDispersion {
			return fmt.Sprintf("the variance of the number of calls in windows of %v is %.1f times its mean, and "+
				"%.1f times in the schedule: %s", d.Window, d.Made, d.Asked, advice)
		}
	}
	return ""
}

func (r *Record) notStationary() string {
	t := r.Trend
	if t == nil || t.P >= chance || t.Load < chance ||
		math.Abs(t.Change) < maxChange || (t.Last-t.First).Abs() < leastChange {
		return ""
	}
	within := ""
	if i := t.Interval; i != nil {
		within = fmt.Sprintf(" [%+.0f%%, %+.0f%%]", 100*i.Low, 100*i.High)
	}
	return fmt.Sprintf("the median of latency changed by %+.0f%%%s from the first third of the run to the last, %v "+
		"to %v (Mann-Kendall test: p = %.1g, over %d windows): warm up for longer, or look for what grows",
		100*t.Change, within, t.First.Round(time.Microsecond), t.Last.Round(time.Microsecond), t.P, t.Windows)
}

func (r *Record) noisy() string {
	if h := r.Hiccups.Quantile(0.99); h > maxHiccup && r.Hiccups.Count() >= quantile.SamplesFor(0.99) {
		return fmt.Sprintf("a goroutine that sleeps for 2 ms at a time woke %v late at p99: close other programs, "+
			"or leave the machine more processors",
			h.Round(time.Microsecond))
	}
	return ""
}

func (r *Record) tooFew(percentiles []float64) (reasons []Reason) {
	because := func(format string, args ...any) {
		reasons = append(reasons, Reason{TooFewSamples, fmt.Sprintf(format, args...)})
	}
	for _, q := range percentiles {
		n, need := r.stated(), quantile.SamplesFor(q)
		switch {
		case n >= need || r.Interrupted:
		case r.Offered == 0:
			because("no call was due: raise the duration, or the rate")
			return reasons
		case r.FailedApart && r.Offered >= need && len(r.Failures) > 0:
			because("%s needs %d calls that are done; %d of %d failed, most often by %q: fix that first",
				PercentileName(q), need, r.Failed, r.Offered, r.Failures[0].Kind)
		default:
			// The duration that is enough depends on the arrival process, which a record does not have.
			because("%s needs %d calls, there were %d: raise the duration, or the rate", PercentileName(q), need, n)
		}
	}
	return reasons
}

// MissedSLOs returns the results of the objectives that the run missed, and of the objectives that
// it has too few calls to judge.
func (r *Record) MissedSLOs() (missed, unjudged []SLOResult) {
	for _, s := range r.SLOs {
		switch {
		case s.Missed():
			missed = append(missed, s)
		case !s.Judged:
			unjudged = append(unjudged, s)
		}
	}
	return missed, unjudged
}

// round formats a rate in calls per second.
func round(perSecond float64) string {
	if perSecond >= 100 {
		return fmt.Sprintf("%.0f/s", perSecond)
	}
	return fmt.Sprintf("%.3g/s", perSecond)
}
