package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/loadgen-go/loadgen/bench/work"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/child"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/gate"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/machine"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/otlpsink"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/report"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/rounds"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/terminal"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/visit"
	"github.com/loadgen-go/loadgen/internal/spelling"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/results/comparison"
	"github.com/loadgen-go/loadgen/scenarios"
)

func newRun(own targets) *cobra.Command {
	var (
		o       runOptions
		benches benchOptions
	)
	cmd := &cobra.Command{
		Use:   own.use("run"),
		Short: "Run a scenario, compare its arms, and leave results",
		Example: own.example(`  loadgen run
  loadgen run mine.yaml --spans none,sdk --duration 2s --slo 'p99 < 5ms'
  loadgen run http://127.0.0.1:8080/items --qps 1k,5k
  loadgen run span-reuse --qps 10k --compare main
  loadgen run --compare HEAD~1 --bench ./codec --benchmarks Encode`,
			"  loadgen run", "  loadgen run LAST --qps 1k,10k --rounds 12",
			"  loadgen run --target FIRST,LAST --compare 'LAST vs FIRST'",
			"  loadgen run LAST --qps 1k --slo 'p99 < 5ms'", "  loadgen run FIRST --compare main"),
		Long: own.arguments() + ` Flags replace the fields of the scenario;
loadgen plan with the same arguments shows what would run.

Every round visits each arm at each rate once, in random order, each visit in a
new process. The answer has tables and comparisons. The directory of the run
gets run.bench, which benchstat reads, and run.json, which has everything. An
interrupt ends the run at once and keeps what was measured.

--compare REF builds this program (or the service that --build or a scenario
names) at a git revision and from the working tree, and every round visits both,
so that a drift of the machine affects both alike. It leaves two runs, in the
directories base and head; a service has an arm for each instead. With --bench PKG it runs
the benchmarks of a package instead, and leaves base.bench and head.bench. See
loadgen compare for margins and the gate file.

Exit codes: 0 fine; 1 an objective was missed, or --compare REF found that
something regressed; 2 bad input, or something could not be measured; 3 under
--strict, a visit was not valid, an objective is unstable, or a comparison with
REF is inconclusive (not shown); 130 interrupted.`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: single(own.scenario),
		RunE: func(cmd *cobra.Command, args []string) error {
			ref, err := takeRevision(cmd)
			if err != nil {
				return unusable(err)
			}
			if err := o.check(cmd); err != nil {
				return unusable(err)
			}
			o.progress = newProgress(cmd)
			defer o.progress.Close()
			o.stdout, o.stderr = cmd.OutOrStdout(), o.progress
			o.screen, o.verbosity.quiet, o.program = screenOf(cmd, o.stdout), quiet(cmd), cmd.Root().Name()
			if cmd.Flags().Changed("bench") {
				if err := benches.check(cmd, args, ref); err != nil {
					return unusable(err)
				}
				return o.finish(runBenchmarks(cmd.Context(), ref, &benches, &o))
			}
			for _, name := range []string{"benchmarks", "benchtime"} {
				if cmd.Flags().Changed(name) {
					return unusable(fmt.Errorf("--%s: want --bench PKG beside it", name))
				}
			}
			s, err := own.load(cmd, args)
			if err != nil {
				return err
			}
			if o.confirm && ref == "" {
				return unusable(errors.New("--confirm: want --compare REF, a revision to compare with, beside it"))
			}
			if ref != "" {
				if s, err = o.against(cmd, s, ref); err != nil {
					return unusable(err)
				}
				if o.gates = s.CallsService(); !o.gates {
					return o.finish(runAgainst(cmd.Context(), s, ref, &o))
				}
			}
			if err := readReplays(s, o.stderr, o.progress); err != nil {
				return err
			}
			provided, release, err := provide(cmd.Context(), s, o.progress)
			defer releasing(release, o.stderr)
			if err != nil {
				return notProvided(cmd.Context(), err)
			}
			if _, err := verify(cmd, s, provided, o.stderr, false); err != nil {
				return err
			}
			return run(cmd.Context(), s, provided, &o)
		},
	}
	addSettings(cmd)
	addFull(cmd)
	addService(cmd)
	addArms(cmd)
	own.complete(cmd)
	o.addFlags(cmd)
	benches.addFlags(cmd)
	return cmd
}

// runOptions holds the options of a run besides its scenario.
type runOptions struct {
	out            string // output directory; "" means a new one in results
	format         string
	verbosity      verbosity
	program        string           // the name of the command
	screen         *terminal.Screen // of stdout
	strict         bool
	confirm        bool
	gates          bool // exit with 1 if an arm is worse than the one that it is compared with
	profiles       []string
	rules          *gate.File         // the gate file of the project, or nil
	compared       []comparedDocument // comparisons that finish prints as one JSON document
	stdout, stderr io.Writer
	progress       *terminal.Progress // stderr is the same, or another writer if it is nil
}

func (o *runOptions) addFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVarP(&o.out, "out", "o", "",
		"Where to write it: the `directory` for the files of the run (default results/SCENARIO-TIME).")
	addFormat(cmd, &o.format, runFormats)
	o.verbosity.add(cmd)
	f.StringSliceVar(&o.profiles, "profile", nil,
		"Profile one more visit of each arm at each rate, which is not measured, into the directory profiles of the "+
			"run. Takes a comma-separated `list` of "+strings.Join(visit.Profiles(), ", ")+".")
	complete(cmd, "profile", listOf(visit.Profiles()...))
	f.BoolVar(&o.strict, "strict", false,
		"Exit with 3 if any visit was not valid, an objective is unstable, or a comparison with a revision does "+
			"not show whether something changed.")
	f.BoolVar(&o.confirm, "confirm", false,
		"With --compare REF, measure again what regressed, and exit with 1 only if it regresses again.")
	group(cmd, groupOutput, "out", "profile")
	group(cmd, groupCI, "strict", "confirm")
	comparesRevisions(cmd)
}

// comparesRevisions makes the help of --compare say that it takes a revision, too.
func comparesRevisions(cmd *cobra.Command) {
	cmd.Flags().Lookup("compare").Usage = "What to compare: a git `revision`, such as main, with the working tree; " +
		"or arms of the scenario, such as 'pooled vs sdk', in a comma-separated list."
}

// check checks the flags, and reads the gate file of the project.
func (o *runOptions) check(cmd *cobra.Command) (err error) {
	if cmd.Flags().Changed("out") && o.out == "" {
		return errors.New("--out is empty: want a directory")
	}
	if err := errors.Join(notStandardOutput(cmd.Flags()), checkFormat(o.format, runFormats)); err != nil {
		return err
	}
	for _, kind := range o.profiles {
		if !slices.Contains(visit.Profiles(), kind) {
			return fmt.Errorf("--profile: %q is unknown%s: want a list of %s", kind,
				spelling.Meant(kind, visit.Profiles()), strings.Join(visit.Profiles(), ", "))
		}
	}
	o.rules, err = projectRules()
	return err
}

// directory returns the directory for the files of a run. Without --out, it creates a new one.
func (o *runOptions) directory(name string, began time.Time) (string, error) {
	if o.out != "" {
		return o.out, nil
	}
	return newDirectory(name, began)
}

// newDirectory creates the directory results/NAME-TIME and returns its path. If another run of that name began in the
// same second, it appends a number.
func newDirectory(name string, began time.Time) (string, error) {
	if err := os.MkdirAll("results", 0o755); err != nil {
		return "", err
	}
	first := filepath.Join("results", name+"-"+began.UTC().Format("20060102T150405Z"))
	for n, dir := 2, first; ; n++ {
		if err := os.Mkdir(dir, 0o755); !errors.Is(err, fs.ErrExist) {
			return dir, err
		}
		dir = fmt.Sprintf("%s-%d", first, n)
	}
}

// readReplays reads the replays of a scenario. It warns about each file whose calls are not in order of time.
func readReplays(s *scenarios.Scenario, stderr io.Writer, p *terminal.Progress) error {
	done := p.Doing("reading the calls to replay")
	err := s.ReadReplays()
	done()
	if err != nil {
		return unusable(err)
	}
	for _, f := range s.ReplayFiles() {
		if f.OutOfOrder > 0 {
			fmt.Fprintf(stderr, "warning: %s: %s stood after one that was made later: they are replayed in the "+
				"order of their instants\n",
				f.Path, format.Plural(int(f.OutOfOrder), "call"))
		}
	}
	return nil
}

// pin returns the inputs of a scenario and the program, with their digests.
func pin(program string, s *scenarios.Scenario, p *terminal.Progress) ([]results.Input, error) {
	defer p.Doing("computing the digests of the program and its inputs")()
	return visit.Pin(program, s)
}

// drawSeed sets a seed that is 0 to a random one.
func drawSeed(seed *uint64) {
	if *seed == 0 {
		*seed = rand.Uint64()>>1 + 1
	}
}

// run runs a scenario whose replays have been read, prints and keeps its results, and returns the error that the
// command ends with.
func run(ctx context.Context, s *scenarios.Scenario, provided visit.Provided, o *runOptions) error {
	drawSeed(&s.Seed)
	began := time.Now()
	env := machine.Environment()
	env.Warnings = unfit(ctx, o.stderr)
	env.Turns = work.Calibrate()
	program, err := os.Executable()
	if err != nil {
		return unusable(fmt.Errorf("finding this program, to start visits with: %w", err))
	}
	inputs, err := pin(program, s, o.progress)
	if err != nil {
		return unusable(err)
	}
	services, err := visit.PinServices(s, provided)
	if err != nil {
		return unusable(err)
	}
	inputs = append(inputs, services...)
	out, err := o.directory(s.Name, began)
	if err != nil {
		return unusable(err)
	}
	logs, err := logsOf(s, out)
	if err != nil {
		return unusable(err)
	}
	w, err := results.Create(out, results.Header{Began: began.UTC(), Scenario: s, Environment: env, Inputs: inputs})
	if err != nil {
		return unusable(err)
	}
	fmt.Fprintf(o.stderr, "%s: %s in %s, about %s; seed %d\n", s.Name,
		format.Plural(s.Visits(), "visit"), format.Plural(s.Rounds, "round"), format.About(s.Wall()), s.Seed)
	visits := &rounds.Options{Scenario: s, Turns: env.Turns, Progress: o.progress, Provided: provided, Logs: logs,
		Sides: []rounds.Side{{Program: programAt(program, o.stderr), Writer: w, Inputs: inputs}}}
	complete, err := rounds.Run(ctx, visits)
	if err != nil {
		return unusable(fmt.Errorf("%w\nwhat was measured before is in %s", err, out))
	}
	var profiles string
	var profileErr error
	if complete && len(o.profiles) > 0 {
		profiles, profileErr = o.profile(ctx, visits, profilesIn(out))
	}
	done, contests, err := o.readBack(w)
	if err != nil {
		return unusable(err)
	}
	ended := cmp.Or(profileErr, verdict(done, complete, o.strict))
	if o.gates {
		ended = cmp.Or(ended, worse(contests, o.strict))
	}
	if err := o.printRun(done, contests, w, profiles, exitCode(ended)); err != nil {
		return unusable(err)
	}
	return ended
}

// logsOf makes the directory for the output of the services that a run starts, and returns its path; "" if it starts
// none.
func logsOf(s *scenarios.Scenario, out string) (dir string, err error) {
	if s.Service == nil {
		return "", nil
	}
	dir = filepath.Join(out, "logs")
	return dir, os.MkdirAll(dir, 0o755)
}

// readBack reads a run that has ended, and judges its comparisons.
func (o *runOptions) readBack(w *results.Writer) (run *results.Run, contests []*comparison.Contest, err error) {
	defer o.progress.Doing("reading and comparing what was measured")()
	if run, err = results.Read(w.JSONPath()); err != nil {
		return nil, nil, err
	}
	contests, err = judgeRun(run, o.rules, nil, o.stderr)
	return run, contests, err
}

// profile profiles every cell and returns a text that tells the user where the profiles are. If it cannot profile
// every cell, it returns the error that the command ends with.
func (o *runOptions) profile(ctx context.Context, visits *rounds.Options, dir string) (found string, err error) {
	switch complete, err := rounds.Profile(ctx, visits, o.profiles, dir); {
	case err != nil:
		return "", unusable(err)
	case !complete:
		return "", &exitError{exitInterrupted, errors.New("interrupted before every cell was profiled")}
	}
	return fmt.Sprintf("\nProfiles of one more visit of every cell\n\n  %s\n\nLook at them with go tool pprof "+
		"-http : FILE, and go tool trace FILE.\n", dir), nil
}

func status(complete bool) results.Status {
	if complete {
		return results.Complete
	}
	return results.Partial
}

// verdict returns the error that a run ends with, or nil if the run counts as a success.
func verdict(run *results.Run, complete, strict bool) error {
	measured, doubtful, lost := 0, 0, 0
	for _, v := range run.Visits {
		if v.Error != "" {
			lost++
		}
		if v.Usable() {
			measured++
			if len(v.Verdict) > 0 {
				doubtful++
			}
		}
	}
	visits := format.Plural(run.Scenario.Visits(), "visit")
	objectives := results.Objectives(run)
	of := format.Plural(len(objectives), "objective")
	outcomes := map[results.Outcome]int{}
	for _, o := range objectives {
		outcomes[o.Outcome]++
	}
	failed := report.AllFailed(run)
	switch {
	case !complete:
		return &exitError{exitInterrupted, fmt.Errorf("interrupted after %d of %s", measured, visits)}
	case outcomes[results.Missed] > 0:
		return &exitError{exitWorse, fmt.Errorf("%d of %s missed", outcomes[results.Missed], of)}
	case lost > 0:
		return unusable(fmt.Errorf("%d of %s could not be measured", lost, visits))
	case failed != "":
		return unusable(errors.New(failed))
	case outcomes[results.Unjudged] > 0:
		return unusable(fmt.Errorf("%d of %s cannot be judged for want of calls: raise the duration, or the rate",
			outcomes[results.Unjudged], of))
	case strict && outcomes[results.Unstable] > 0:
		return &exitError{exitNotValid, fmt.Errorf("%d of %s unstable (--strict)", outcomes[results.Unstable], of)}
	case strict && len(results.ArmDoubts(run)) > 0:
		d := results.ArmDoubts(run)[0]
		return &exitError{exitNotValid, fmt.Errorf("%s: %s vs %s (--strict)", d.Name, d.A, d.B)}
	case strict && doubtful > 0:
		return &exitError{exitNotValid, fmt.Errorf("%d of %s not valid (--strict)", doubtful, visits)}
	}
	return nil
}

// worse returns the error that a run ends with if a compared figure is worse or, if strict, not known not to be.
func worse(contests []*comparison.Contest, strict bool) error {
	regressed, open := figures(contests, comparison.Regressed), figures(contests, comparison.Inconclusive)
	switch {
	case len(regressed) > 0:
		return &exitError{exitWorse, fmt.Errorf("%s regressed: %s", format.Plural(len(regressed), "figure"),
			format.FewNames(regressed))}
	case strict && len(open) > 0:
		return &exitError{exitNotValid, fmt.Errorf("%s inconclusive (--strict): %s",
			format.Plural(len(open), "figure"), format.FewNames(open))}
	}
	return nil
}

// figures returns the compared figures with a verdict, such as "B/op of head vs base at 500/s".
func figures(contests []*comparison.Contest, v comparison.Verdict) (names []string) {
	for _, c := range contests {
		for _, f := range c.Figures {
			if f.Verdict == v {
				names = append(names, fmt.Sprintf("%s of %s %s", f.Unit, c.Pair, report.At(c.CellA.Level)))
			}
		}
	}
	return names
}

// survey returns warnings about the machine. Tests replace it, since they must not depend on the machine.
var survey = machine.Unfit

// unfit prints and returns warnings that say what keeps the machine from measuring well, and what to do.
func unfit(ctx context.Context, stderr io.Writer) []string {
	warnings := survey(ctx)
	for _, w := range warnings {
		fmt.Fprintf(stderr, "warning: %s\n", w)
	}
	return warnings
}

// grace is the time after an interrupt in which a visit must answer with what it has measured, and benchmarks must
// end. Tests increase it, for busy machines.
var grace = child.Grace

// programAt returns the program at a path, for making visits. The notices of its processes go to stderr.
func programAt(path string, stderr io.Writer) rounds.Program {
	return rounds.Program{Path: path, Notices: stderr, Grace: grace}
}

// newVisit returns the hidden command that makes one visit.
func newVisit(own targets) *cobra.Command {
	return newChild("visit", func(ctx context.Context, a *rounds.Asker) error {
		return rounds.AnswerVisit(ctx, a, own.requested)
	})
}

// newReceive returns the hidden command whose process receives the spans that a visit exports. It is a process of its
// own, so that its work does not count as the work of the visit.
func newReceive() *cobra.Command {
	return &cobra.Command{
		Use:    otlpsink.Command,
		Short:  "Receive, count and drop what a visit exports with OpenTelemetry, until standard input ends",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return unusable(otlpsink.Serve(cmd.InOrStdin(), cmd.OutOrStdout()))
		},
	}
}

// newChild returns a hidden command that runs in its own process, and answers one request.
func newChild(name string, answer func(context.Context, *rounds.Asker) error) *cobra.Command {
	return &cobra.Command{
		Use:    name,
		Short:  "Answer one request of loadgen, which is read from standard input",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			err := answer(cmd.Context(), &rounds.Asker{In: cmd.InOrStdin(), Out: cmd.OutOrStdout(), Grace: grace})
			if errors.Is(err, rounds.ErrInterrupted) {
				return &exitError{exitInterrupted, nil}
			}
			return unusable(err)
		},
	}
}
