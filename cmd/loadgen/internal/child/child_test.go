//go:build unix

package child_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/child"
)

// asParent is a variable that makes the test binary start a child and wait for its end.
const asParent = "CHILD_TEST_AS_PARENT"

func TestMain(m *testing.M) {
	if os.Getenv(asParent) != "" {
		cmd := child.Command(context.Background(), "sh", "-c", "echo started; exec sleep 1000")
		cmd.Stdout = os.Stdout
		_ = cmd.Run() // the parent is killed before Run returns
	}
	os.Exit(m.Run())
}

// shell returns a child that runs a script. It has no deadline of its own: if it does not end, the
// deadline of the test ends it.
func shell(ctx context.Context, script string) *child.Cmd {
	cmd := child.Command(ctx, "sh", "-c", script)
	cmd.WaitDelay = time.Hour
	return cmd
}

// start starts cmd, reads its first line, which must be "started", and returns the rest of its output.
func start(t *testing.T, cmd *exec.Cmd) io.Reader {
	t.Helper()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(out)
	if line, err := r.ReadString('\n'); line != "started\n" {
		t.Fatalf("it begins with %q, %v", line, err)
	}
	return r
}

// A signal to the group of this process does not reach a child, and a terminal does not send it one.
func TestAChildLeadsASessionOfItsOwn(t *testing.T) {
	cmd := shell(t.Context(), "echo started; read line")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	start(t, cmd.Cmd)
	pid := cmd.Process.Pid
	if group, err := unix.Getpgid(pid); group != pid || err != nil {
		t.Errorf("process %d is in group %d, %v", pid, group, err)
	}
	if session, err := unix.Getsid(pid); session != pid || err != nil {
		t.Errorf("process %d is in session %d, %v", pid, session, err)
	}
	if err := errors.Join(in.Close(), ended(cmd.Wait())); err != nil {
		t.Error(err)
	}
}

// ended returns err, or nil if err is the exit code of a process.
func ended(err error) error {
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return nil
	}
	return err
}

func TestTheEndOfTheContextInterruptsAllOfTheGroup(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	// The shell waits for a second shell, which keeps its output open.
	cmd := shell(ctx, "sh -c 'echo started; exec sleep 1000'; exit 1")
	out := start(t, cmd.Cmd)
	cancel()
	if rest, err := io.ReadAll(out); len(rest) > 0 || err != nil {
		t.Errorf("%q, %v", rest, err)
	}
	err := cmd.Wait()
	if status := cmd.ProcessState.Sys().(syscall.WaitStatus); !status.Signaled() || status.Signal() != syscall.SIGINT {
		t.Errorf("%v: want an interrupt", err)
	}
}

func TestAChildThatIgnoresAnInterruptIsKilled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	cmd := shell(ctx, "trap '' INT; echo started; exec sleep 1000")
	cmd.WaitDelay = time.Millisecond
	start(t, cmd.Cmd)
	cancel()
	err := cmd.Wait()
	if status := cmd.ProcessState.Sys().(syscall.WaitStatus); !status.Signaled() ||
		status.Signal() != syscall.SIGKILL {
		t.Errorf("%v: want it to be killed", err)
	}
}

// The child may have been in this process's group when the interrupt came, and may have received it earlier than this
// process.
func TestAChildThatAnInterruptEndedIsWaitedForUntilTheCommandIsInterruptedToo(t *testing.T) {
	for name, script := range map[string]string{
		"an interrupt":               "kill -INT $$",
		"a request to end":           "kill -TERM $$",
		"the end of a terminal":      "kill -HUP $$",
		"the exit code of a handler": "exit 130",
		"the exit code of a shell":   "sh -c 'kill -INT $$'; exit $?",
	} {
		t.Run(name, func(t *testing.T) {
			if name == "the end of a terminal" {
				skipWithoutHangup(t)
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			cmd := shell(ctx, script)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			go func() {
				// The process exists until Wait has returned its status.
				for ; syscall.Kill(cmd.Process.Pid, 0) == nil; time.Sleep(time.Millisecond) {
				}
				cancel()
			}()
			if err := cmd.Wait(); err == nil || ctx.Err() == nil {
				t.Errorf("%v, before the command was interrupted", err)
			}
		})
	}
}

// skipWithoutHangup skips a test if the end of a terminal is ignored, as nohup has it, which every child inherits.
func skipWithoutHangup(t *testing.T) {
	t.Helper()
	if signal.Ignored(syscall.SIGHUP) {
		t.Skip("SIGHUP is ignored")
	}
}

// The command outlives its terminal if it was started to.
func TestTheEndOfATerminalInterruptsUnlessItIsIgnored(t *testing.T) {
	skipWithoutHangup(t)
	if !slices.Contains(child.Interrupts(), os.Signal(syscall.SIGHUP)) {
		t.Error("the end of a terminal is no interrupt")
	}
	signal.Ignore(syscall.SIGHUP)
	defer signal.Reset(syscall.SIGHUP)
	if slices.Contains(child.Interrupts(), os.Signal(syscall.SIGHUP)) {
		t.Error("the end of a terminal is an interrupt although it is ignored")
	}
}

func TestAChildThatFailsIsNotWaitedFor(t *testing.T) {
	for name, script := range map[string]string{"a signal": "kill -ABRT $$", "an exit code": "exit 2",
		"success": "exit 0"} {
		t.Run(name, func(t *testing.T) {
			// If Wait waited for the context, the hour of shell would exceed the deadline of the test.
			cmd := shell(t.Context(), script)
			if err := cmd.Run(); (err == nil) != (name == "success") {
				t.Error(err)
			}
		})
	}
}

func TestAChildThatAloneIsInterruptedHasFailed(t *testing.T) {
	cmd := shell(t.Context(), "kill -INT $$")
	cmd.WaitDelay = time.Millisecond
	if err := cmd.Run(); err == nil || t.Context().Err() != nil {
		t.Error(err)
	}
}

func TestWhatCannotBeStartedIsAnError(t *testing.T) {
	if err := child.Command(t.Context(), "/no/such/program").Run(); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	var out bytes.Buffer
	cmd := shell(stopped, "echo started")
	cmd.Stdout = &out
	if err := cmd.Run(); !errors.Is(err, context.Canceled) || out.Len() > 0 {
		t.Errorf("%v, %q", err, &out)
	}
}
