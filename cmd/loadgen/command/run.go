package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/machine"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/report"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/visit"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/scenarios"
)

func newRun(own targets) *cobra.Command {
	var (
		out      string
		strict   bool
		profiles []string
	)
	cmd := &cobra.Command{
		Use:   "run [SCENARIO]",
		Short: "Run a scenario, compare its arms, and leave results that benchstat reads",
		Long: `Visits every cell of a scenario (an arm at a rate) in rounds, in random order,
each visit in a fresh process, and ends with tables, comparisons, and the files
run.bench (for benchstat) and run.json (everything).

SCENARIO is a name (see loadgen scenarios) or the path of a file; without one it
is span-reuse, which takes about a minute. Flags take the place of what the
scenario says. An interrupt ends the run at once; what was measured is kept.`,
		Example: `  loadgen run
  loadgen run span-reuse --qps 5k,20k --rounds 12
  loadgen run quantile-live --out /tmp/live
  loadgen run mine.yaml --spans none,sdk --duration 2s`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: completeScenarios,
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := own.load(cmd, args)
			if err != nil {
				return err
			}
			if cmd.Flags().Changed("out") && out == "" {
				return unusable(errors.New("--out is empty: want a directory"))
			}
			for _, kind := range profiles {
				if !slices.Contains(visit.Profiles, kind) {
					return unusable(fmt.Errorf("--profile: %q is unknown: want a list of %s", kind, strings.Join(visit.Profiles, ", ")))
				}
			}
			return run(cmd.Context(), s, out, strict, profiles, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	addSettings(cmd)
	cmd.Flags().StringVar(&out, "out", "", "Directory for the files of the run (default results/SCENARIO-TIME).")
	cmd.Flags().StringSliceVar(&profiles, "profile", nil,
		"Profile one more visit of every cell, which is not measured, into the directory profiles of the run. Takes a comma-separated `list` of "+strings.Join(visit.Profiles, ", ")+".")
	if err := cmd.RegisterFlagCompletionFunc("profile", cobra.FixedCompletions(visit.Profiles, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // the flag was added above
	}
	cmd.Flags().BoolVar(&strict, "strict", false, "Exit with 3 if any visit was not valid.")
	return cmd
}

func run(ctx context.Context, s *scenarios.Scenario, out string, strict bool, profiles []string, stdout, stderr io.Writer) error {
	if err := s.ReadReplays(); err != nil {
		return unusable(err)
	}
	if s.Seed == 0 {
		s.Seed = rand.Uint64()>>1 + 1
	}
	began := time.Now()
	if out == "" {
		out = filepath.Join("results", s.Name+"-"+began.UTC().Format("20060102T150405Z"))
	}
	env := machine.Environment()
	env.Turns = bench.Calibrate()
	program, err := os.Executable()
	if err != nil {
		return unusable(fmt.Errorf("finding this program, to start visits with: %w", err))
	}
	w, err := results.Create(out, results.Header{Began: began.UTC(), Scenario: s, Environment: env})
	if err != nil {
		return unusable(err)
	}
	fmt.Fprintf(stderr, "%s: %s in %s, about %s; seed %d\n", s.Name,
		report.Plural(s.Visits(), "visit"), report.Plural(s.Rounds, "round"), about(s.Wall()), s.Seed)
	visits := visits{program: program, scenario: s, turns: env.Turns, writer: w, progress: newProgress(stderr, s.Visits())}
	complete, visitErr := visits.run(ctx)
	if complete && visitErr == nil && len(profiles) > 0 {
		visitErr = visits.profile(ctx, profiles, filepath.Join(out, "profiles"))
	}
	status := results.Partial
	if complete {
		status = results.Complete
	}
	if err := errors.Join(visitErr, w.Close(status)); err != nil {
		return unusable(fmt.Errorf("%w\nwhat was measured before is in %s", err, out))
	}
	done, err := results.Read(w.JSONPath())
	if err != nil {
		return unusable(err)
	}
	if _, err := fmt.Fprint(stdout, report.Text(done), report.Files(done, w.BenchPath(), w.JSONPath()), profiled(out, profiles)); err != nil {
		return unusable(err)
	}
	return verdict(done, complete, strict)
}

// profiled says where profiles are, and how to look at them.
func profiled(out string, profiles []string) string {
	if len(profiles) == 0 {
		return ""
	}
	return fmt.Sprintf("\nProfiles of one more visit of every cell\n\n  %s\n\nLook at them with go tool pprof -http : FILE, and go tool trace FILE.\n", filepath.Join(out, "profiles"))
}

// verdict is how a run ends.
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
	visits := report.Plural(run.Scenario.Visits(), "visit")
	missed, unjudged, of := report.MissedSLOs(run)
	switch {
	case !complete:
		return &exitError{exitInterrupted, fmt.Errorf("interrupted after %d of %s", measured, visits)}
	case missed > 0:
		return &exitError{exitWorse, fmt.Errorf("%d of %s missed", missed, report.Plural(of, "objective"))}
	case lost > 0:
		return unusable(fmt.Errorf("%d of %s could not be measured", lost, visits))
	case unjudged > 0:
		return unusable(fmt.Errorf("%d of %s cannot be judged for want of calls: raise the duration, or the rate", unjudged, report.Plural(of, "objective")))
	case strict && doubtful > 0:
		return &exitError{exitNotValid, fmt.Errorf("%d of %s not valid (--strict)", doubtful, visits)}
	}
	return nil
}

// Streams of the scenario's seed.
const (
	streamRounds = 1 << 32
	streamOrder  = 1 << 33
)

// visits are those of one run.
type visits struct {
	program  string
	scenario *scenarios.Scenario
	turns    bench.Turns
	writer   *results.Writer
	progress *progress
}

// profile visits every cell once more, on the arrivals of the first round, and keeps
// the profiles of it in a directory. Nothing of these visits is in the results:
// profiling would be in them.
func (v *visits) profile(ctx context.Context, kinds []string, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	s := v.scenario
	for _, cell := range s.Cells() {
		if ctx.Err() != nil {
			return errors.New("interrupted before every cell was profiled")
		}
		v.progress.next(fmt.Sprintf("profile of %v", cell))
		name := strings.Map(func(r rune) rune {
			if strings.ContainsRune("/: ", r) {
				return '_'
			}
			return r
		}, cell.Arm()+"_"+cell.Level.Name())
		got := spawn(ctx, v.program, &visit.Request{Scenario: s, Cell: cell, Seed: roundSeed(s, 1), Turns: v.turns,
			Profile: &visit.Profile{Kinds: kinds, Prefix: filepath.Join(dir, name)}})
		if got.Error != "" {
			return fmt.Errorf("profiling %v: %s", cell, got.Error)
		}
	}
	return nil
}

// roundSeed is the seed of a round.
func roundSeed(s *scenarios.Scenario, round int) uint64 {
	return rand.New(rand.NewPCG(s.Seed, streamRounds+uint64(round))).Uint64()
}

// run visits every cell in rounds. Each round has one seed for all arms, so that
// they are compared on the same arrivals, keys and work, and an order of its own.
// It tells whether all were made: an interrupt ends it sooner. An error is that of
// the files: one of a visit is in its record.
func (v *visits) run(ctx context.Context) (complete bool, err error) {
	defer v.progress.finish()
	s := v.scenario
	aborted := map[scenarios.Cell]bool{}
	order := rand.New(rand.NewPCG(s.Seed, streamOrder))
	for round := 1; round <= s.Rounds; round++ {
		seed := roundSeed(s, round)
		cells := s.Cells()
		order.Shuffle(len(cells), func(i, j int) { cells[i], cells[j] = cells[j], cells[i] })
		for i, cell := range cells {
			if ctx.Err() != nil {
				return false, nil
			}
			if aborted[cell] {
				continue // it has missed what it is to hold
			}
			v.progress.next(fmt.Sprintf("round %d of %d, %v", round, s.Rounds, cell))
			got := spawn(ctx, v.program, &visit.Request{Scenario: s, Cell: cell, Seed: seed, Turns: v.turns})
			got.Round, got.Order = round, i+1
			aborted[cell] = got.Record != nil && got.Record.Aborted != ""
			cut := ctx.Err() != nil && !got.Usable()
			if cut && (got.Error != "" || got.Record.Offered == 0) {
				return false, nil // nothing had been measured
			}
			if err := v.writer.Add(got); err != nil || cut {
				return false, err
			}
		}
	}
	return true, nil
}
