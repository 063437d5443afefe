package service

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/loadgen-go/loadgen/results"
)

// A window is what is known at the beginning and the end of the load.
type window struct {
	cpuBefore *time.Duration // at the beginning; nil: unknown
	cpuAfter  *time.Duration // after the end, without what the questions at the end cost
	peak      bool           // the peak of memory has been reset
	endpoint  *endpoint      // where the service tells what it allocated; nil: nowhere
	looked    bool           // endpoint has been looked for
}

// Cost returns what is known so far. LateCPU is known after Stop.
func (s *Service) Cost() results.ServiceCost {
	cost := s.cost
	cost.HasChildren = s.process.family.hasChildren()
	return cost
}

// note adds a note to the cost, unless it is there already.
func (s *Service) note(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	for _, known := range s.cost.Notes {
		if known == text {
			return
		}
	}
	s.cost.Notes = append(s.cost.Notes, text)
}

// known returns a pointer to what f returns, or nil and a note if there is an error.
func known[T any](s *Service, what string, f func() (T, error)) *T {
	x, err := f()
	if err != nil {
		s.note("%s: %v", what, err)
		return nil
	}
	return &x
}

// cpu returns the CPU time of the service so far, or nil if it is unknown.
func (s *Service) cpu() *time.Duration {
	if s.process.hasEnded() {
		return new(s.process.wholeCPU())
	}
	d := known(s, "CPU time", s.process.family.cpu)
	if d == nil && s.process.hasEnded() {
		return new(s.process.wholeCPU())
	}
	return d
}

// Idle waits for d and records the CPU time that the service takes without load. It returns early if the service ends
// or ctx does.
func (s *Service) Idle(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return fmt.Errorf("%s: measuring without load for %v: want more than 0", s.options.title(), d)
	}
	var before []*time.Duration
	begun := time.Now()
	for _, x := range s.all() {
		before = append(before, x.cpu())
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.gone:
		return s.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	for i, x := range s.all() {
		if after := x.cpu(); after != nil && before[i] != nil {
			x.cost.Idle = new(1000 * float64(*after-*before[i]) / float64(time.Since(begun)))
		}
	}
	return nil
}

// Begin is called just before the load. It forgets the peak of memory, and reads the clocks of the service and of its
// sidecars, and what a Go service tells about its allocations.
//
// Options.Inspect says where it tells this. "auto" tries the places where programs usually do, if Web or Ready.HTTP
// is set:
// /debug/pprof/heap?debug=1 (package net/http/pprof), /debug/vars (package expvar) and /metrics (Prometheus). The
// first two are exact. Prometheus lags behind by what is in the caches of the allocator, some thousand small objects
// for each processor. What a question itself allocates is measured, and subtracted.
func (s *Service) Begin(ctx context.Context) error {
	var errs []error
	for _, x := range s.all() {
		errs = append(errs, x.begin(ctx))
	}
	return errors.Join(errs...)
}

// begin begins the window of the service alone.
func (s *Service) begin(ctx context.Context) error {
	if s.process.hasEnded() {
		return fmt.Errorf("%s: %w", s.options.title(), s.process.endedByItself())
	}
	if err := s.findEndpoint(ctx); err != nil {
		return fmt.Errorf("%s: %w", s.options.title(), err)
	}
	if s.window.endpoint != nil {
		if err := s.unlessFound(s.window.endpoint.begin(ctx)); err != nil {
			return err
		}
	}
	s.window.peak = known(s, "peak of memory", s.resetPeaks) != nil
	s.window.cpuBefore = s.cpu()
	return nil
}

// resetPeaks makes the kernel forget the peaks of all processes of the service.
func (s *Service) resetPeaks() (struct{}, error) {
	alive, err := s.process.family.members()
	for _, k := range alive {
		err = errors.Join(err, s.unlessEnded(k, resetPeak(k.pid)))
	}
	return struct{}{}, err
}

// End is called just after the load, with the service still running. If the service has ended by itself, only its CPU
// time is known, and End returns Err.
func (s *Service) End(ctx context.Context) error {
	var errs []error
	for _, x := range s.all() { // before anything else, since an idle service spends CPU time, too
		x.endCPU()
	}
	for _, x := range s.all() {
		errs = append(errs, x.endMemory(ctx))
	}
	return errors.Join(errs...)
}

// endCPU records the CPU time of the service alone under load.
func (s *Service) endCPU() {
	after := s.cpu()
	if after == nil || s.window.cpuBefore == nil {
		return
	}
	s.cost.CPU = new(max(*after-*s.window.cpuBefore, 0)) // after its end the CPU time is rounded down
	s.window.cpuAfter = after
}

// endMemory records the memory of the service alone under load.
func (s *Service) endMemory(ctx context.Context) error {
	if s.process.hasEnded() {
		return fmt.Errorf("%s: %w", s.options.title(), s.process.endedByItself())
	}
	if s.window.peak {
		s.cost.PeakRSS = known(s, "peak of memory", s.sumPeaks)
	}
	if s.window.endpoint == nil {
		return nil
	}
	err := s.unlessFound(s.window.endpoint.end(ctx, &s.cost))
	if s.window.cpuAfter != nil {
		s.window.cpuAfter = s.cpu() // what the question cost is no work that was left over
	}
	return err
}

// unlessFound returns why the endpoint could not be read. If loadgen found the endpoint, and no user named it, a
// service that does not answer there any more, such as one with too much load, has allocations that are unknown.
func (s *Service) unlessFound(err error) error {
	switch {
	case err == nil:
		return nil
	case s.options.Inspect != "" && s.options.Inspect != auto:
		return fmt.Errorf("%s: %w", s.options.title(), err)
	}
	s.note("allocations: unknown: %v", err)
	s.window.endpoint = nil
	return nil
}

// sumPeaks returns the sum of the peaks of all processes of the service.
func (s *Service) sumPeaks() (uint64, error) {
	alive, err := s.process.family.members()
	var total uint64
	for _, k := range alive {
		peak, failed := peakRSS(k.pid)
		err = errors.Join(err, s.unlessEnded(k, failed))
		total += peak
	}
	return total, err
}

// unlessEnded returns err, or nil if a descendant of the service has ended meanwhile.
func (s *Service) unlessEnded(k kin, err error) error {
	if k.pid != s.process.family.main && (errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH)) {
		return nil
	}
	return err
}

// costOfStop records the CPU time from the end of the load to the end of the service.
func (s *Service) costOfStop(whole time.Duration) {
	if s.window.cpuAfter != nil {
		s.cost.LateCPU = new(max(whole-*s.window.cpuAfter, 0))
	}
}
