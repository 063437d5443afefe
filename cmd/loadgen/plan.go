package main

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/quantile"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/scenarios"
)

func newPlan() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "plan [SCENARIO]",
		Short: "Tell what a scenario would run, without running it",
		Long: `Tells what a scenario would run: its cells, their calls, how long it takes, and
which percentiles it can state. SCENARIO is a name or the path of a file; without
one it is span-reuse. Flags take the place of what the scenario says.`,
		Example: `  loadgen plan
  loadgen plan span-reuse-full --rounds 20
  loadgen plan mine.yaml --qps 1k,20k`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: completeScenarios,
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := loadScenario(cmd, args)
			if err != nil {
				return err
			}
			return plan(cmd.OutOrStdout(), s)
		},
	}
	addSettings(cmd)
	return cmd
}

func plan(out io.Writer, s *scenarios.Scenario) error {
	fmt.Fprintf(out, "%s: %s\n\n", s.Name, orUnknown(s.About))
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "cell\tcalls a visit\tcalls in all\tpercentiles\t")
	for _, c := range s.Cells() {
		n := s.Calls(c.QPS)
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t\n", c, count(n), count(n*uint64(s.Rounds)), statable(n))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	workers := fmt.Sprint(s.Workers)
	if s.Workers == 0 {
		workers = fmt.Sprintf("%d (one fewer than there are processors)", bench.DefaultWorkers())
	}
	seed := fmt.Sprint(s.Seed)
	if s.Seed == 0 {
		seed = "drawn when the run starts"
	}
	fmt.Fprintf(out, `
%d cells in %d rounds are %d visits of %v, each after a warm-up of %v:
about %s in all.

arrivals    %s, open loop
workers     %s
queue       %d calls
handlers    %d, popularity zipf %v, %s work of %v and %d B a call
estimators  %v
compares    %v
seed        %s
`, len(s.Cells()), s.Rounds, s.Visits(), s.Duration, s.Warmup, about(s.Wall()),
		s.Arrivals, workers, s.Queue,
		s.Handlers.Keys, s.Handlers.Zipf, s.Handlers.Distribution, s.Handlers.Spin, s.Handlers.Allocate,
		list(s.Quantile), list(s.Compare), seed)
	for _, warning := range doubts(s) {
		fmt.Fprintf(out, "\nwarning: %s\n", warning)
	}
	return nil
}

// doubts are what a scenario will not be able to tell, and what to do about it.
func doubts(s *scenarios.Scenario) (all []string) {
	if s.Rounds < results.MinRounds {
		all = append(all, fmt.Sprintf("%d rounds give no interval: want %d at least (--rounds %[2]d)", s.Rounds, results.MinRounds))
	}
	need := quantile.SamplesFor(0.99)
	for _, r := range s.QPS {
		if n := s.Calls(r); n < need {
			all = append(all, fmt.Sprintf("%s calls a visit at %v/s are too few for p99, which needs %s (--duration %v)",
				count(n), r, count(need), scenarios.Lasting(need, r)))
		}
	}
	return all
}

// statable are the percentiles that n calls allow to state.
func statable(n uint64) string {
	out := "none"
	for _, p := range []struct {
		q    float64
		name string
	}{{0.5, "p50"}, {0.9, "to p90"}, {0.99, "to p99"}, {0.999, "to p99.9"}} {
		if n >= quantile.SamplesFor(p.q) {
			out = p.name
		}
	}
	return out
}

func list[T any](all []T) string {
	out := ""
	for i, v := range all {
		if i > 0 {
			out += ", "
		}
		out += fmt.Sprint(v)
	}
	return out
}

// count is a number with commas.
func count(n uint64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
