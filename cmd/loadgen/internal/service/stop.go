package service

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// An Exit tells how a service ended.
type Exit struct {
	Status   string        // Status is "exit status N" or "signal: NAME".
	Code     int           // Code is the exit code, or -1 after a signal.
	ByItself bool          // ByItself reports that it ended before it was stopped. Service.Err has the reason.
	Killed   bool          // Killed reports that it had not ended after the grace, and was killed.
	Left     int           // Left is the number of its descendants that were left after its end, and were killed.
	CPU      time.Duration // CPU is the CPU time from its start to its end, as its parent got it from the kernel.
}

// Stop asks the service to end, kills what is left of it after the grace of its options, and then stops the sidecars.
// If ctx ends, Stop kills the service at once. After the first call Stop returns the same result again.
func (s *Service) Stop(ctx context.Context) (Exit, error) { return s.stop(ctx) }

// once returns a function that calls f the first time, and returns its result every time.
func once(f func(context.Context) (Exit, error)) func(context.Context) (Exit, error) {
	var done sync.Once
	var exit Exit
	var err error
	return func(ctx context.Context) (Exit, error) {
		done.Do(func() { exit, err = f(ctx) })
		return exit, err
	}
}

// Pause makes the process of the service do nothing until Resume (SIGSTOP). The service cannot notice it. A service
// that is paused does not end at a signal, so Resume it before Stop.
func (s *Service) Pause() error { return s.signalled("pausing", pauseProcess) }

// Resume makes a process that was paused go on (SIGCONT).
func (s *Service) Resume() error { return s.signalled("resuming", resumeProcess) }

// signalled sends a signal to the process, unless it has ended: its number may be another process by then.
func (s *Service) signalled(what string, send func(pid int) error) error {
	err := os.ErrProcessDone
	if !s.process.hasEnded() {
		err = send(s.process.cmd.Process.Pid)
	}
	if err != nil {
		return fmt.Errorf("%s %s: %w", what, s.options.title(), err)
	}
	return nil
}

// end stops the service and its sidecars.
func (s *Service) end(ctx context.Context) (exit Exit, err error) {
	for _, x := range s.all() {
		if x.process != nil && x.process.hasEnded() {
			s.lose(x)
		}
	}
	s.stopping.Store(true)
	if s.process != nil {
		if exit, err = s.endProcess(ctx); err != nil {
			err = fmt.Errorf("%s: %w", s.options.title(), err)
		}
	}
	for i := len(s.sidecars) - 1; i >= 0; i-- {
		if _, failed := s.sidecars[i].Stop(ctx); failed != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", s.options.title(), failed))
		}
	}
	return exit, err
}

// endProcess stops the process and kills its descendants.
func (s *Service) endProcess(ctx context.Context) (exit Exit, err error) {
	p := s.process
	exit.ByItself = p.hasEnded()
	// Descendants that are seen now are known even if their parents end. Errors recur in kill.
	_, _ = p.family.members()
	if !exit.ByItself {
		exit.Killed = !s.signalAndWait(ctx)
	}
	if exit.Left, err = p.family.kill(p.exited); err != nil {
		return exit, errors.Join(err, p.log.close())
	}
	<-p.ended
	guards.forget(p.family.main)
	exit.Status, exit.Code, exit.CPU = p.status(), p.cmd.ProcessState.ExitCode(), p.wholeCPU()
	s.costOfStop(exit.CPU)
	return exit, p.log.close()
}

// signalAndWait asks the process to end, and reports whether it did so in time.
func (s *Service) signalAndWait(ctx context.Context) bool {
	if ctx.Err() != nil {
		return s.process.hasEnded()
	}
	if err := s.process.cmd.Process.Signal(s.options.signal()); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return false
	}
	grace := time.NewTimer(s.options.grace())
	defer grace.Stop()
	select {
	case <-s.process.exited:
		return true
	case <-grace.C:
	case <-ctx.Done():
	}
	return s.process.hasEnded()
}
