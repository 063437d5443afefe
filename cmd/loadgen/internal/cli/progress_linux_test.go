package cli

import (
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/pty"
)

// onTerminal runs the command with standard error on a terminal of 80 columns. It returns what was written to the
// terminal, and what the terminal shows at the end.
func onTerminal(t *testing.T, variable string, args ...string) (written, shown string) {
	t.Helper()
	tty, cmd := commandOnTerminal(t, variable, args...)
	err := cmd.Run()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	if written, err = tty.Text(); err != nil {
		t.Fatal(err)
	}
	if shown, err = pty.Shown(written); err != nil {
		t.Fatal(err)
	}
	return written, shown
}

// commandOnTerminal returns a command whose standard error is a terminal of 80 columns, and that terminal.
func commandOnTerminal(t *testing.T, variable string, args ...string) (*pty.PTY, *exec.Cmd) {
	t.Helper()
	tty, err := pty.Open(80)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() {
		if err := tty.Close(); err != nil {
			t.Error(err)
		}
	})
	cmd, _, _ := command(t, args...)
	cmd.Stderr, cmd.Env = tty.Terminal, append(cmd.Environ(), "TERM=xterm", "LC_ALL=C.UTF-8", variable)
	return tty, cmd
}

// Arguments of a run and of a search that end after about a second.
const (
	shortRun    = "run --qps 500 --spans none --duration 300ms --warmup 0 --rounds 2 --quantile exact --workers 1"
	shortSearch = "capacity --slo p50<10s --from 500 --probe 300ms --warmup 0 --budget 900ms --spans none --workers 1"
)

func TestATerminalShowsOneProgressLineThatIsRemoved(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct{ args, drawn, line string }{
		"a run":    {shortRun, " of 2  ", "2 visits in 2 rounds"},
		"a search": {shortSearch, "at most 1 s left", ""},
		"checks":   {"selftest --quick --only accounting", "self-test ", "self-test: "},
		"estimators": {"quantiles --data constant --n 1000 --rounds 1 --estimators hdr --anchor none --seed 1",
			" of 1", "quantiles: 1 estimator on 1 data set in 1 round"},
	} {
		t.Run(name, func(t *testing.T) {
			written, shown := onTerminal(t, "", strings.Fields(row.args)...)
			if !strings.Contains(written, "\x1b[K") || !strings.Contains(written, row.drawn) {
				t.Errorf("no line with %q was drawn:\n%q", row.drawn, written)
			}
			if strings.ContainsAny(shown, "━╺─") || strings.Contains(shown, "probe ") {
				t.Errorf("the terminal still shows progress:\n%s", shown)
			}
			if !strings.Contains(shown, row.line) {
				t.Errorf("the terminal does not show %q:\n%s", row.line, shown)
			}
		})
	}
}

func TestNoProgressLineIsDrawnIfItIsNotWantedOrTheTerminalCannotDrawIt(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct{ variable, args string }{
		"--quiet":            {"", shortRun + " --quiet"},
		"-q of a search":     {"", shortSearch + " -q"},
		"a terminal is dumb": {"TERM=dumb", shortRun},
	} {
		t.Run(name, func(t *testing.T) {
			written, _ := onTerminal(t, row.variable, strings.Fields(row.args)...)
			if strings.ContainsAny(written, "\x1b\r") || strings.Contains(written, "left") ||
				strings.Contains(written, "probe ") {
				t.Errorf("progress is shown:\n%q", written)
			}
		})
	}
}

func TestASearchInAPipeHasALinePerProbeUnlessItIsQuiet(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]bool{shortSearch: false, shortSearch + " --all": true,
		shortSearch + " --all --quiet": false} {
		t.Run(args, func(t *testing.T) {
			_, _, stderr := execute(t, strings.Fields(args)...)
			if got := strings.Contains(stderr, "probe 1: "); got != want {
				t.Errorf("a line per probe: %t, want %t\n%s", got, want, stderr)
			}
			if strings.ContainsAny(stderr, "\x1b\r") {
				t.Errorf("a control character:\n%q", stderr)
			}
		})
	}
}

func TestAnInterruptRemovesTheProgressLine(t *testing.T) {
	for name, signals := range map[string][]syscall.Signal{
		"an interrupt":               {syscall.SIGINT},
		"a request to end":           {syscall.SIGTERM},
		"the end of a terminal":      {syscall.SIGHUP},
		"the end of one, said twice": {syscall.SIGHUP, syscall.SIGHUP},
	} {
		t.Run(name, func(t *testing.T) {
			if slices.Contains(signals, syscall.SIGHUP) && signal.Ignored(syscall.SIGHUP) {
				t.Skip("SIGHUP is ignored, as nohup has it, which every child inherits")
			}
			interruptOnTerminal(t, signals)
		})
	}
}

// interruptOnTerminal interrupts a run on a terminal by signals, and checks what it leaves there.
func interruptOnTerminal(t *testing.T, signals []syscall.Signal) {
	tty, cmd := commandOnTerminal(t, "", "run", "--qps", "100", "--spans", "none", "--duration", "1h",
		"--workers", "1")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	written := ""
	for ; !strings.Contains(written, "round 1 of "); time.Sleep(5 * time.Millisecond) {
		text, err := tty.Text()
		if err != nil {
			t.Fatal(err)
		}
		written += text
	}
	for _, s := range signals {
		if err := kill(-cmd.Process.Pid, s); err != nil {
			t.Fatal(err)
		}
	}
	_ = cmd.Wait() // its exit code says more
	text, err := tty.Text()
	if err != nil {
		t.Fatal(err)
	}
	shown, err := pty.Shown(written + text)
	if err != nil || strings.ContainsAny(shown, "━╺─") || !strings.HasSuffix(shown, "\n") {
		t.Errorf("%v; the terminal shows\n%s", err, shown)
	}
	if code := cmd.ProcessState.ExitCode(); code != exitInterrupted {
		t.Errorf("exit %d, want %d", code, exitInterrupted)
	}
}
