package service

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync"
	"syscall"
	"time"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/child"
)

// A process is the program of a service, from its start to its end.
type process struct {
	cmd    *child.Cmd
	family *family
	log    *log
	exited chan struct{} // closed when the process has ended
	ended  chan struct{} // closed when its output has been read, too
	begun  time.Time
}

// outputDelay is how long the output of a process is read after its end, if another process still has it open.
const outputDelay = 250 * time.Millisecond

// startProcess starts a program. The process ends when this process ends, however that ends.
func startProcess(program, env []string, dir string, cpus CPUSet, log *log) (*process, error) {
	if err := adoptOrphans(); err != nil {
		return nil, fmt.Errorf("asking for the orphans of the service: %w", err)
	}
	mark, err := guards.mark()
	if err != nil {
		return nil, err
	}
	output, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer w.Close()
	cmd := child.Command(context.Background(), program[0], program[1:]...)
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = append(env, mark+"1"), dir, w, w
	setAttributes(cmd)
	var begun time.Time
	onLongLivedThread(func() {
		if err = confineThread(cpus); err != nil {
			err = fmt.Errorf("setting the processors of the service to %v: %w", cpus, err)
			return
		}
		begun = time.Now()
		if err = cmd.Start(); err == nil {
			err = guards.watch(cmd.Process.Pid)
		}
	})
	p := &process{cmd: cmd, log: log, exited: make(chan struct{}), ended: make(chan struct{}), begun: begun}
	if cmd.Process == nil {
		output.Close()
		return nil, err
	}
	p.family = newFamily(cmd.Process.Pid, mark)
	go p.wait(output)
	go p.family.watch(p.exited)
	if err != nil {
		_, failed := p.family.kill(p.exited) // it must not outlive the error
		return nil, errors.Join(err, failed)
	}
	return p, nil
}

// wait reads the output, and waits for the end of the process.
func (p *process) wait(output *os.File) {
	read := make(chan struct{})
	go func() {
		defer close(read)
		// A read fails at the deadline only, and a write to a log never does.
		_, _ = io.Copy(p.log, output)
		output.Close()
	}()
	// An exit code that is not 0 is an error for Wait. cmd.ProcessState has it.
	_ = p.cmd.Cmd.Wait()
	close(p.exited)
	_ = output.SetReadDeadline(time.Now().Add(outputDelay))
	<-read
	close(p.ended)
}

// hasEnded reports whether the process has ended.
func (p *process) hasEnded() bool {
	select {
	case <-p.exited:
		return true
	default:
		return false
	}
}

// status returns how the process ended, as in "exit status 3" or "signal: killed".
func (p *process) status() string { return p.cmd.ProcessState.String() }

// wholeCPU returns the CPU time of the process and of its descendants from its start to its end. The process must have
// ended. It needs no clock: the parent of a process gets its time when it ends.
func (p *process) wholeCPU() time.Duration {
	state := p.cmd.ProcessState
	return state.UserTime() + state.SystemTime() + p.family.orphansCPU()
}

// killed reports whether a process was ended by KILL.
func killed(state *os.ProcessState) bool {
	status, ok := state.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}

// threads runs functions on one thread, one at a time. The kernel ends a process when the thread that started it ends
// (PR_SET_PDEATHSIG in prctl(2), golang/go#27505), so this thread lasts as long as the program.
var threads = sync.OnceValue(func() chan<- func() {
	tasks := make(chan func())
	go func() {
		runtime.LockOSThread()
		for task := range tasks {
			task()
		}
	}()
	return tasks
})

// onLongLivedThread runs f on a thread that lasts as long as the program, and does nothing else.
func onLongLivedThread(f func()) {
	done := make(chan struct{})
	threads() <- func() {
		defer close(done)
		f()
	}
	<-done
}
