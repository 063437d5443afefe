package command

import (
	"fmt"
	"io"
	"runtime"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/report"
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
			return unusable(plan(cmd.OutOrStdout(), s))
		},
	}
	addSettings(cmd)
	return cmd
}

func plan(out io.Writer, s *scenarios.Scenario) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n", report.Title(s))
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "cell\tcalls a visit\tcalls in all\tpercentiles\t")
	for _, c := range s.Cells() {
		n := s.Calls(c.QPS)
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t\n", c, report.Count(n), report.Count(n*uint64(s.Rounds)), statable(s.Surely(c.QPS)))
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
	fmt.Fprintf(&b, `
%s in %s: %s of %v, each after a warm-up of %v,
about %s in all.

arrivals    %s, open loop
workers     %s
queue       %d calls
handlers    %d, popularity zipf %v, %s work of %v and %d B a call
estimators  %v
compares    %v
seed        %s
`, report.Plural(len(s.Cells()), "cell"), report.Plural(s.Rounds, "round"), report.Plural(s.Visits(), "visit"),
		s.Duration, s.Warmup, about(s.Wall()),
		s.Arrivals, workers, s.Queue,
		s.Handlers.Keys, s.Handlers.Zipf, s.Handlers.Distribution, s.Handlers.Spin, s.Handlers.Allocate,
		list(s.Quantile), list(s.Compare), seed)
	for i, warning := range append(report.Advice(s), overload(s)...) {
		fmt.Fprintf(&b, "%swarning: %s\n", []string{"\n", ""}[min(i, 1)], warning)
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// overload warns of rates that the work of the handlers alone does not allow.
func overload(s *scenarios.Scenario) (all []string) {
	workers := s.Workers
	if workers == 0 {
		workers = bench.DefaultWorkers()
	}
	workers = min(workers, runtime.GOMAXPROCS(0)) // the work is the processor's
	for _, qps := range s.QPS {
		if busy := qps.Float() * s.Handlers.Spin.Seconds() / float64(workers); busy >= 1 {
			all = append(all, fmt.Sprintf("%v/s of %v each are %.3g times what %s can do.",
				qps, s.Handlers.Spin, busy, report.Plural(workers, "worker")))
		}
	}
	return all
}

// statable are the percentiles that n calls allow to state.
func statable(n uint64) string {
	out := "none"
	for i, q := range results.Percentiles {
		if n >= quantile.SamplesFor(q) {
			out = []string{"", "to "}[min(i, 1)] + results.PercentileName(q)
		}
	}
	return out
}

func list[T any](all []T) string {
	if len(all) == 0 {
		return "none"
	}
	out := ""
	for i, v := range all {
		if i > 0 {
			out += ", "
		}
		out += fmt.Sprint(v)
	}
	return out
}
