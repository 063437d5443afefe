package cli

import (
	"strings"
	"testing"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/pty"
)

// onTerminal runs the command with standard error on a terminal of 80 columns. It returns the exit code, what was
// written to the terminal, and what the terminal shows at the end.
func onTerminal(t *testing.T, variable string, args ...string) (code int, written, shown string) {
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
	if err := cmd.Run(); cmd.ProcessState == nil {
		t.Fatal(err)
	}
	if written, err = tty.Text(); err != nil {
		t.Fatal(err)
	}
	if shown, err = pty.Shown(written); err != nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), written, shown
}

// Arguments of a run and of a search that end after about a second.
const (
	shortRun    = "run --qps 500 --spans none --duration 300ms --warmup 0 --rounds 2 --quantile exact --workers 1"
	shortSearch = "capacity --slo p50<10s --from 500 --probe 300ms --warmup 0 --budget 900ms --spans none --workers 1"
)

func TestATerminalShowsOneProgressLineThatIsRemoved(t *testing.T) {
	for name, row := range map[string]struct{ args, drawn, line string }{
		"a run":    {shortRun, " of 2  ", "2 visits in 2 rounds"},
		"a search": {shortSearch, "at most 1 s left", ""},
		"checks":   {"selftest --quick --only accounting", "self-test ", "self-test: "},
		"estimators": {"quantiles --data constant --n 1000 --rounds 1 --estimators hdr --anchor none --seed 1",
			" of 1", "quantiles: 1 estimator on 1 data set in 1 round"},
	} {
		t.Run(name, func(t *testing.T) {
			_, written, shown := onTerminal(t, "", strings.Fields(row.args)...)
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
	for name, row := range map[string]struct{ variable, args string }{
		"--quiet":            {"", shortRun + " --quiet"},
		"-q of a search":     {"", shortSearch + " -q"},
		"a terminal is dumb": {"TERM=dumb", shortRun},
	} {
		t.Run(name, func(t *testing.T) {
			_, written, _ := onTerminal(t, row.variable, strings.Fields(row.args)...)
			if strings.ContainsAny(written, "\x1b\r") || strings.Contains(written, "left") ||
				strings.Contains(written, "probe ") {
				t.Errorf("progress is shown:\n%q", written)
			}
		})
	}
}

func TestASearchInAPipeHasALinePerProbeUnlessItIsQuiet(t *testing.T) {
	for args, want := range map[string]bool{shortSearch: true, shortSearch + " --quiet": false} {
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
