package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/loadgen-go/loadgen/bench/work"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/machine"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/rounds"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/selftest"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/terminal"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/visit"
	"github.com/loadgen-go/loadgen/internal/spelling"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/results/comparison"
	"github.com/loadgen-go/loadgen/scenarios"
	"github.com/loadgen-go/loadgen/scenarios/services/shop"
)

func newSelftest() *cobra.Command {
	var (
		quick    bool
		server   bool
		only     []string
		rounds   int
		keep, as string
		detail   detail
	)
	cmd := &cobra.Command{
		Use:   "selftest",
		Short: "Test the generator on this machine before you trust it",
		Example: `  loadgen selftest
  loadgen selftest --quick
  loadgen selftest --service
  loadgen selftest --aa 12
  loadgen selftest --only oracle,pacing --format json`,
		Long: `Tests the generator in real time against values that are known in advance:

  oracle      every call stalls for a second, and p95, p99, p99.9 and the
              maximum must have the values that arithmetic gives
  companions  without a stall, and with one slow call, latencies are right
  pacing      calls begin when they are due, at 100 to 1,000,000 per second
  accounting  calls that fail, panic, are dropped or interrupted are counted
  arrivals    random calls have the requested distribution

The target counts the calls and reads a clock of its own, so that the generator
does not judge itself. A check that fails on a busy machine is repeated up to
three times.

--service makes other checks, in half a minute: a server in another process is
stopped for a second (SIGSTOP) under 1,000 calls per second over HTTP/1.1 and
HTTP/2, and latency must have the values that arithmetic gives, by how fast the
server catches up. No percentile may be below them, and none 6% above. The
percentile that counts from when a call was sent is printed beside.

--aa N tests comparisons instead: it compares an arm with itself in N rounds,
as run --compare does, and prints how large shifts are that mean nothing (the
noise floor of every unit), and how often a gate would raise a false alarm. The
noise floor is kept in ` + selftest.NoiseFile + `; comparisons and reports in the same
directory mention it from then on.

Exit codes: 0 all checks passed; 1 a check failed, or false alarms are more
frequent than 5%, or there was one; 2 bad input; 130 interrupted.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkFormat(as, selftestFormats); err != nil {
				return unusable(err)
			}
			asJSON, progress := as == formatJSON, newProgress(cmd)
			defer progress.Close()
			if cmd.Flags().Changed("aa") {
				switch {
				case rounds < comparison.MinPairs || rounds > 1000:
					return unusable(fmt.Errorf("--aa: %s: want %d to 1000, since fewer give no interval of 95%%",
						format.Plural(rounds, "round"), comparison.MinPairs))
				case quick || server || len(only) > 0:
					return unusable(errors.New("--aa: it makes none of the checks: leave out --quick, --service and " +
						"--only"))
				}
				a := aa{rounds: rounds, keep: keep, json: asJSON, stdout: cmd.OutOrStdout(), stderr: progress,
					progress: progress, screen: screenOf(cmd, cmd.OutOrStdout()), detail: detail.of(cmd)}
				return a.run(cmd.Context())
			}
			if cmd.Flags().Changed("keep") {
				return unusable(errors.New("--keep: the checks keep no file: want --aa beside it"))
			}
			if server && len(only) > 0 {
				return unusable(errors.New("--service: it makes the checks of service alone: leave out --only, or " +
					"want --only service and others without --service"))
			}
			if server {
				only = []string{selftest.Service}
			}
			checks, err := selectChecks(quick, only)
			if err != nil {
				return unusable(err)
			}
			t := selfTest{checks: checks, quick: quick, json: asJSON, stdout: cmd.OutOrStdout(),
				stderr: progress, progress: progress, screen: screenOf(cmd, cmd.OutOrStdout()),
				detail: detail.of(cmd)}
			return t.run(cmd.Context())
		},
	}
	cmd.Flags().BoolVar(&quick, "quick", false, "Use a shorter stall and fewer rates, in a quarter of the time.")
	cmd.Flags().BoolVar(&server, "service", false, "Instead of the other checks, stop a server in another process, "+
		"and check what its callers are told.")
	addFormat(cmd, &as, selftestFormats)
	detail.add(cmd)
	cmd.Flags().IntVar(&rounds, "aa", 0, "Instead of the checks, compare an arm with itself in so many rounds, 6 or "+
		"more; 12 take about half a minute.")
	cmd.Flags().StringVar(&keep, "keep", selftest.NoiseFile,
		"With --aa, the `file` to keep the noise floor in, or '' for none.")
	cmd.Flags().StringSliceVar(&only, "only", nil, "Make only these groups of checks: a comma-separated `list` of "+
		strings.Join(selftest.Groups(), ", ")+".")
	group(cmd, groupLoad, "quick", "service", "only")
	group(cmd, groupCompare, "aa", "keep")
	complete(cmd, "only", listOf(selftest.Groups()...))
	cmd.AddCommand(newSelftestServer())
	return cmd
}

// selftestServer is the name of the command that serves the checks of a service.
const selftestServer = "serve"

// newSelftestServer returns the hidden command that serves the checks of a service in a process of its own.
func newSelftestServer() *cobra.Command {
	return &cobra.Command{
		Use:    selftestServer,
		Short:  "Serve the checks of selftest --service on the port in PORT",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE:   func(cmd *cobra.Command, _ []string) error { return unusable(selftest.Serve(cmd.Context())) },
	}
}

// selectChecks returns the checks of some groups. This program is the server of those of a service.
func selectChecks(quick bool, groups []string) ([]selftest.Check, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("finding the program to start as the server: %w", err)
	}
	checks, err := selftest.Checks(selftest.Options{Quick: quick, Groups: groups,
		Server: []string{self, "selftest", selftestServer}})
	if err != nil {
		return nil, fmt.Errorf("--only: %w", err)
	}
	return checks, nil
}

var selftestFormats = []string{formatText, formatJSON}

// A selfTest holds the checks and options of one run of loadgen selftest.
type selfTest struct {
	checks         []selftest.Check
	quick, json    bool
	stdout, stderr io.Writer
	progress       *terminal.Progress // stderr is the same, or another writer if it is nil
	screen         *terminal.Screen   // of stdout
	detail         terminal.Detail
}

// run makes the checks and prints the report. If ctx ends, the report has the checks that were made before.
func (t *selfTest) run(ctx context.Context) error {
	env := machine.Environment()
	env.Warnings = unfit(ctx, t.stderr)
	fmt.Fprintf(t.stderr, "self-test: %s, about %s\n", format.Plural(len(t.checks), "check"),
		format.About(selftest.Takes(t.checks)))
	all, err := selftest.Run(ctx, t.checks, t.progress)
	if err != nil && ctx.Err() == nil {
		return unusable(err)
	}
	r := selftest.NewReport(env, t.quick, len(t.checks), all)
	if err := t.print(r); err != nil {
		return unusable(err)
	}
	switch {
	case r.Interrupted:
		return &exitError{exitInterrupted, fmt.Errorf("interrupted after %d of %s", len(all),
			format.Plural(len(t.checks), "check"))}
	case !r.Passed:
		return &exitError{exitWorse, nil}
	}
	return nil
}

// print prints the report as text or JSON.
func (t *selfTest) print(r *selftest.Report) error {
	if t.json {
		return printJSON(t.stdout, r)
	}
	return t.screen.Print(t.stdout, r.Text(t.screen, t.detail))
}

// newSample returns the hidden command that serves the sample services. Scenarios about services start this program
// with it, so that they run in any directory, and without a Go toolchain.
func newSample() *cobra.Command {
	sample := &cobra.Command{
		Use:    "sample",
		Short:  "Serve a sample service, to put under load",
		Hidden: true,
	}
	sample.AddCommand(&cobra.Command{
		Use:                "shop",
		Short:              "Serve a catalogue and orders, with spans made as SPANS says",
		Hidden:             true,
		DisableFlagParsing: true, // the service has its own flags and help
		RunE: func(cmd *cobra.Command, args []string) error {
			return unusable(shop.Main(cmd.Context(), args, cmd.OutOrStdout(), cmd.ErrOrStderr()))
		},
	})
	names := []string{"shop"}
	list := strings.Join(names, ", ")
	sample.RunE = func(_ *cobra.Command, args []string) error {
		if len(args) == 0 {
			return unusable(fmt.Errorf("sample: the name of a service is missing: want one of %s", list))
		}
		return unusable(fmt.Errorf("sample: %q is no service: want one of %s%s", args[0], list,
			spelling.Meant(args[0], names)))
	}
	return sample
}

// aaScenario is the scenario whose arm is compared with itself: spans of the SDK, which most comparisons involve. A
// visit is long enough for p99 and p99.9.
const aaScenario = "qps: 10k\nspans: sdk\nquantile: exact\nduration: 500ms\nwarmup: 150ms\n"

// An aa is a comparison of an arm with itself.
type aa struct {
	rounds         int
	keep           string // file that keeps the report, or "" to keep none
	json           bool
	settings       []scenarios.Setting // settings of tests, which make shorter visits
	stdout, stderr io.Writer
	progress       *terminal.Progress // stderr is the same, or another writer if it is nil
	screen         *terminal.Screen   // of stdout
	detail         terminal.Detail
}

// run makes the comparison, prints the report, and keeps it in a file if a.keep names one. It returns an error with
// exit code 1 if the comparison calls the arm worse than itself, or would do so too often.
func (a *aa) run(ctx context.Context) error {
	s, err := scenarios.Decode("aa.yaml", []byte(aaScenario),
		append(a.settings, scenarios.Setting{Key: "rounds", Value: fmt.Sprint(a.rounds), Where: "--aa"})...)
	if err != nil {
		return unusable(err)
	}
	if err := selftest.CanKeep(a.keep); err != nil {
		return unusable(fmt.Errorf("--keep: %w: nothing was measured; name another file, or none by --keep ''", err))
	}
	drawSeed(&s.Seed)
	began := time.Now()
	env := machine.Environment()
	env.Warnings = unfit(ctx, a.stderr)
	env.Turns = work.Calibrate()
	fmt.Fprintf(a.stderr, "self-test: an arm against itself, %s in %s, about %s; seed %d\n",
		format.Plural(2*s.Visits(), "visit"), format.Plural(s.Rounds, "round"), format.About(2*s.Wall()), s.Seed)
	one, other, err := a.measure(ctx, s, env)
	if err != nil {
		return unusable(err)
	}
	if done := min(len(one.Visits), len(other.Visits)); ctx.Err() != nil || done < s.Rounds {
		return &exitError{exitInterrupted, fmt.Errorf("interrupted after %d of %s", done,
			format.Plural(s.Rounds, "round"))}
	}
	for _, v := range append(one.Visits, other.Visits...) {
		if v.Error != "" {
			return unusable(fmt.Errorf("a visit in round %d was not measured: %s", v.Round, v.Error))
		}
	}
	contests, err := comparison.OfRuns(one, other, comparison.Options{})
	if err != nil {
		return unusable(err)
	}
	computing := a.progress.Doing("computing the noise floor")
	r, err := selftest.NewAA(env, s.Cells()[0].String(), comparison.Results(contests), s.Rounds, s.Seed)
	computing()
	if err != nil {
		return unusable(err)
	}
	r.Began = began.UTC()
	if a.keep != "" {
		if err := r.Keep(a.keep); err != nil {
			return unusable(fmt.Errorf("--keep: %w", err))
		}
		fmt.Fprintf(a.stderr, "kept in %s, for reports to tell of\n", a.keep)
	}
	if a.json {
		err = printJSON(a.stdout, r)
	} else {
		err = a.screen.Print(a.stdout, r.Text(a.screen, a.detail))
	}
	switch {
	case err != nil:
		return unusable(err)
	case !r.Passed:
		return &exitError{exitWorse,
			errors.New("an arm was called worse than itself: take more rounds, or a quieter machine")}
	}
	return nil
}

// measure visits the arm twice in every round, and returns the first visits and the second visits as two runs. It
// writes the files of the runs to a temporary directory, which it removes.
func (a *aa) measure(ctx context.Context, s *scenarios.Scenario, env results.Environment) (one, other *results.Run,
	err error) {
	dir, err := os.MkdirTemp("", "loadgen-aa-")
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	self, err := os.Executable()
	if err != nil {
		return nil, nil, fmt.Errorf("finding this program, to start visits with: %w", err)
	}
	inputs, err := visit.Pin(self, s)
	if err != nil {
		return nil, nil, err
	}
	visits := &rounds.Options{Scenario: s, Turns: env.Turns, Progress: a.progress}
	for _, name := range []string{"one", "other"} {
		w, err := results.Create(filepath.Join(dir, name),
			results.Header{Began: time.Now().UTC(), Scenario: s, Environment: env, Inputs: inputs})
		if err != nil {
			return nil, nil, err
		}
		visits.Sides = append(visits.Sides,
			rounds.Side{Name: name, Program: programAt(self, a.stderr), Writer: w, Inputs: inputs})
	}
	_, err = rounds.Run(ctx, visits) // the caller counts the visits of the runs
	var runs [2]*results.Run
	for i, side := range visits.Sides {
		run, readErr := results.Read(side.Writer.JSONPath())
		runs[i], err = run, errors.Join(err, readErr)
	}
	return runs[0], runs[1], err
}
