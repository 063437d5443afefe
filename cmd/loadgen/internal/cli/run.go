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
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/gate"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/machine"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/report"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/rounds"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/terminal"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/visit"
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
		Use:   "run [SCENARIO]",
		Short: "Run a scenario, compare its arms, and leave results that benchstat reads",
		Long: `Visits every cell of a scenario (an arm at a level of load) in rounds, in random
order, each visit in a new process. Ends with tables, comparisons, and the files
run.bench (for benchstat) and run.json (everything). --format json prints the tables
and comparisons for programs; results/README.md describes it.

SCENARIO is a name (see loadgen scenarios) or the path of a file. Without it, the
command runs ` + own.usual() + `. Flags replace the fields of
the scenario. An interrupt ends the run at once and keeps what was measured.

With --compare REF, a git revision, the command is built at REF and from the working
tree, in the module of the current directory. Every round visits each cell of both, in
random order, for as many rounds as a change needs to show. The run leaves two runs,
in the directories base and head, and exits with 1 if head is worse than base by more
than the margins. With --bench PKG it runs the benchmarks of a package instead, and
leaves base.bench and head.bench, which are paired line by line. Both sides are
interleaved, since sides that are measured one after the other also differ by what
the machine did meanwhile.`,
		Example: `  loadgen run
  loadgen run span-reuse --qps 5k,20k --rounds 12
  loadgen run quantile-live --out /tmp/live
  loadgen run mine.yaml --spans none,sdk --duration 2s
  loadgen run span-reuse --qps 10k --compare main
  loadgen run --compare HEAD~1 --bench ./quantile --benchmarks Add --benchtime 100ms`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: completeScenarios,
		RunE: func(cmd *cobra.Command, args []string) error {
			ref, err := takeRevision(cmd)
			if err != nil {
				return unusable(err)
			}
			if err := o.check(cmd); err != nil {
				return unusable(err)
			}
			o.stdout, o.stderr = cmd.OutOrStdout(), cmd.ErrOrStderr()
			o.screen = screenOf(cmd, o.stdout)
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
				if !cmd.Flags().Changed("rounds") {
					s.Rounds = max(s.Rounds, comparison.Need(o.family(s), true))
				}
				return o.finish(runAgainst(cmd.Context(), s, ref, &o))
			}
			return run(cmd.Context(), s, &o)
		},
	}
	addSettings(cmd)
	own.complete(cmd)
	o.addFlags(cmd)
	benches.addFlags(cmd)
	return cmd
}

// runOptions holds the options of a run besides its scenario.
type runOptions struct {
	out            string // output directory; "" means a new one in results
	format         string
	strict         bool
	confirm        bool
	profiles       []string
	rules          *gate.File         // the gate file of the project, or nil
	compared       []comparedDocument // comparisons that finish prints as one JSON document
	stdout, stderr io.Writer
	screen         *terminal.Screen // of stdout
}

func (o *runOptions) addFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVarP(&o.out, "out", "o", "",
		"Where to write it: the `directory` for the files of the run (default results/SCENARIO-TIME).")
	addFormat(cmd, &o.format, runFormats)
	f.StringSliceVar(&o.profiles, "profile", nil,
		"Profile one more visit of every cell, which is not measured, into the directory profiles of the run. Takes "+
			"a comma-separated `list` of "+strings.Join(visit.Profiles(), ", ")+".")
	if err := cmd.RegisterFlagCompletionFunc("profile",
		cobra.FixedCompletions(visit.Profiles(), cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // the flag was added above
	}
	f.BoolVar(&o.strict, "strict", false,
		"Exit with 3 if any visit was not valid, an objective is unstable, or a comparison with a revision is "+
			"inconclusive.")
	f.BoolVar(&o.confirm, "confirm", false,
		"With --compare REF, measure what regressed again, alone, and call it a regression only if it regresses "+
			"again.")
	f.Lookup("compare").Usage = "What to set against each other. Takes a git `revision`, such as main, to compare " +
		"with the working tree; or arms, as a comma-separated list of comparisons, such as pooled vs sdk."
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
			return fmt.Errorf("--profile: %q is unknown: want a list of %s", kind,
				strings.Join(visit.Profiles(), ", "))
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
func readReplays(s *scenarios.Scenario, stderr io.Writer) error {
	if err := s.ReadReplays(); err != nil {
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

// drawSeed sets a seed that is 0 to a random one.
func drawSeed(seed *uint64) {
	if *seed == 0 {
		*seed = rand.Uint64()>>1 + 1
	}
}

// run runs a scenario, prints and keeps its results, and returns the error that the command ends with.
func run(ctx context.Context, s *scenarios.Scenario, o *runOptions) error {
	if err := readReplays(s, o.stderr); err != nil {
		return err
	}
	drawSeed(&s.Seed)
	began := time.Now()
	env := machine.Environment()
	env.Warnings = unfit(ctx, o.stderr)
	env.Turns = work.Calibrate()
	program, err := os.Executable()
	if err != nil {
		return unusable(fmt.Errorf("finding this program, to start visits with: %w", err))
	}
	inputs, err := visit.Pin(program, s)
	if err != nil {
		return unusable(err)
	}
	out, err := o.directory(s.Name, began)
	if err != nil {
		return unusable(err)
	}
	w, err := results.Create(out, results.Header{Began: began.UTC(), Scenario: s, Environment: env, Inputs: inputs})
	if err != nil {
		return unusable(err)
	}
	fmt.Fprintf(o.stderr, "%s: %s in %s, about %s; seed %d\n", s.Name,
		format.Plural(s.Visits(), "visit"), format.Plural(s.Rounds, "round"), format.About(s.Wall()), s.Seed)
	visits := &rounds.Options{Scenario: s, Turns: env.Turns, Progress: o.stderr,
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
	done, err := results.Read(w.JSONPath())
	if err != nil {
		return unusable(err)
	}
	contests, err := judgeRun(done, o.rules, nil, o.stderr)
	if err != nil {
		return unusable(err)
	}
	if err := o.printRun(done, contests, w, profiles); err != nil {
		return unusable(err)
	}
	return cmp.Or(profileErr, verdict(done, complete, o.strict))
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
	case strict && doubtful > 0:
		return &exitError{exitNotValid, fmt.Errorf("%d of %s not valid (--strict)", doubtful, visits)}
	}
	return nil
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
