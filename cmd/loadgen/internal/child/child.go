// Package child starts the programs that the command runs, and ends them when the command
// is interrupted.
//
// A child leads a session of its own. A terminal sends an interrupt to every process of its
// foreground group at once. A child in that group could be ended by it before the child has a
// handler. The command might then take this for a failure, if its own interrupt comes
// later. In a session of its own, only the command interrupts a child.
package child

import (
	"context"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"syscall"
	"time"
)

// Interrupts returns the signals that interrupt the command. The end of the terminal does, unless the command was
// started to outlive it, as nohup does.
func Interrupts() []os.Signal {
	all := []os.Signal{syscall.SIGINT, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		all = append(all, syscall.SIGHUP)
	}
	return all
}

// Interrupted is the exit code of a program that was interrupted, here as in a shell.
const Interrupted = 128 + int(syscall.SIGINT)

// Grace is how long a child may take to end after it has been interrupted.
const Grace = 3 * time.Second

// A Cmd is a program to run as a child.
type Cmd struct {
	*exec.Cmd
	ctx context.Context
}

// Command returns a Cmd. When ctx ends, the process group of the child is interrupted, and
// WaitDelay later, which is [Grace] by default, the child is killed. On Linux it is also
// interrupted when this process ends, however this process ends. On Windows, which has no
// signals, the child alone is killed at once.
func Command(ctx context.Context, program string, args ...string) *Cmd {
	c := &Cmd{exec.CommandContext(ctx, program, args...), ctx}
	c.SysProcAttr = attributes()
	c.Cancel = func() error { return interrupt(c.Process) }
	c.WaitDelay = Grace
	return c
}

// Run starts the child and waits for its end as Wait does.
func (c *Cmd) Run() error {
	if err := c.Start(); err != nil {
		return err
	}
	return c.Wait()
}

// Wait waits for the child to end. If the child was interrupted, Wait then waits for the end
// of ctx, too, but no longer than WaitDelay: this process may be the last to notice a signal
// that was sent to both, such as one that came before the child had a session of its own.
// So a caller that finds that a child failed can see from ctx whether the command was interrupted.
func (c *Cmd) Wait() error {
	err := c.Cmd.Wait()
	if interrupted(c.ProcessState) {
		select {
		case <-c.ctx.Done():
		case <-time.After(c.WaitDelay):
		}
	}
	return err
}

// interrupted reports whether an interrupt ended a process.
func interrupted(p *os.ProcessState) bool {
	if status, ok := p.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return slices.Contains([]syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP}, status.Signal())
	}
	return p.ExitCode() == Interrupted
}
