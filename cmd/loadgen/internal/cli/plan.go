package cli

import (
	"cmp"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/bench/httptarget"
	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/bench/schedule"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/report"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/terminal"
	"github.com/loadgen-go/loadgen/quantile"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/scenarios"
)

func newPlan(own targets) *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   own.use("plan"),
		Short: "Show what a scenario would run, without running it",
		Example: own.example(`  loadgen plan
  loadgen plan span-reuse-full --rounds 20
  loadgen plan mine.yaml --qps 1k,20k
  loadgen plan http://127.0.0.1:8080/items --qps 1k,5k`,
			"  loadgen plan", "  loadgen plan LAST --qps 1k,20k",
			"  loadgen plan --target FIRST,LAST --rounds 20"),
		Long: "Shows the arms and rates of a scenario, their calls, how long a run takes, and which percentiles it " +
			"can state. It takes the arguments and flags of loadgen run that say what runs. It sends one request of " +
			"each kind to a service, and shows the answers.\n\n" + own.arguments() +
			"\n\nExit codes: 0 fine; 2 bad input.",
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: single(own.scenario),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkFormat(format, planningFormats); err != nil {
				return unusable(err)
			}
			s, err := own.load(cmd, args)
			if err != nil {
				return err
			}
			progress := newProgress(cmd)
			defer progress.Close()
			if err := readReplays(s, progress, progress); err != nil {
				return err
			}
			provided, release, err := provide(cmd.Context(), s, progress)
			defer releasing(release, progress)
			if err != nil {
				return notProvided(cmd.Context(), err)
			}
			answers, wrong := verify(cmd, s, provided)
			if format == formatJSON {
				return cmp.Or(wrong, unusable(printJSON(cmd.OutOrStdout(), newPlanDocument(s))))
			}
			screen := screenOf(cmd, cmd.OutOrStdout())
			text, err := plan(s, screen)
			err = cmp.Or(err, screen.Print(cmd.OutOrStdout(), text+answerTable(answers, screen)))
			return cmp.Or(wrong, unusable(err))
		},
	}
	addSettings(cmd)
	addService(cmd)
	addArms(cmd)
	own.complete(cmd)
	addFormat(cmd, &format, planningFormats)
	return cmd
}

// plan returns what a scenario would run, with the warnings of its checks.
func plan(s *scenarios.Scenario, screen *terminal.Screen) (string, error) {
	var b strings.Builder
	b.WriteString(screen.Wrap(report.Title(s), "  ") + "\n")
	if err := charts(&b, s); err != nil {
		return "", err
	}
	t := terminal.NewTable(terminal.Column{Title: "arm and rate"}, terminal.Column{Title: "calls a visit"},
		terminal.Column{Title: "calls in all"}, terminal.Column{Title: "percentiles"})
	for _, c := range s.Cells() {
		if s.Closed {
			t.Row(s.NameOf(c), "as they end")
			continue
		}
		n := s.Calls(c.Level)
		t.Row(s.NameOf(c)+" at "+report.Load(c.Level), format.Count(n), format.Count(n*uint64(s.Rounds)),
			upTo(s.Surely(c.Level)))
	}
	b.WriteString(screen.Blocks(t))
	b.WriteString("\n" + screen.Wrap(fmt.Sprintf("%s%s in %s, each after a warm-up of %v: about %s in all.",
		format.Plural(s.Visits(), "visit"), each(s), format.Plural(s.Rounds, "round"), s.Warmup,
		format.About(s.Wall())), "") + "\n")
	for _, line := range planned(s) {
		const indent = "            " // of the longest name and two blanks
		wrapped := screen.Wrap(indent+line[1], indent)
		fmt.Fprintf(&b, "%-*s%s", len(indent), line[0], wrapped[len(indent):])
	}
	for i, warning := range report.WarningsOf(planChecks(s)) {
		b.WriteString([]string{"\n", ""}[min(i, 1)] + screen.Doubt(screen.Wrap("warning: "+warning, "  ")))
	}
	return b.String(), nil
}

// planned returns what the runs of a scenario have in common, each with its name.
func planned(s *scenarios.Scenario) (lines [][2]string) {
	crew := fmt.Sprint(workers(s))
	switch {
	case s.Workers > 0:
	case s.HTTP != nil:
		crew = "as many as the calls that the connections carry at once"
	default:
		crew += " (one fewer than there are processors)"
	}
	seed := fmt.Sprint(s.Seed)
	if s.Seed == 0 {
		seed = "drawn when the run starts"
	}
	add := func(name, value string) { lines = append(lines, [2]string{name, value}) }
	add("arrivals", strings.Replace(report.Arrivals(s), " arrivals,", ",", 1))
	add("workers", crew)
	add("overload", overloaded(s))
	add("pace", fmt.Sprint(s.Pace))
	if s.HTTP != nil {
		add("service", serviceLine(s.HTTP))
	}
	if handlers := handlersLine(s); handlers != "" {
		add("handlers", handlers)
	}
	add("estimators", format.List(s.Arms(scenarios.Quantile)))
	add("compares", format.List(s.Compare))
	add("objectives", format.List(s.SLOs))
	add("seed", seed)
	return lines
}

// handlersLine returns the line about the handlers of the map, or "" if the scenario does not call the map.
func handlersLine(s *scenarios.Scenario) string {
	if !slices.Contains(s.Arms(scenarios.Target), scenarios.MapTarget) {
		return ""
	}
	h := &s.Handlers
	return fmt.Sprintf("%d, popularity zipf %v, %s work of %v and %d B a call", h.Keys, h.Zipf,
		h.Distribution, h.Spin, h.Allocate)
}

// charts draws the rate over time of each load that is not a steady rate.
func charts(b *strings.Builder, s *scenarios.Scenario) error {
	for _, l := range s.Levels() {
		if l.Load == "" {
			continue
		}
		at := s.LoadOf(l).RateCurve.At
		if load := s.LoadOf(l); load.Replay.Path != "" {
			a, _, err := s.Schedule(l, 0)
			if err != nil {
				return err
			}
			at = counted(a)
		}
		fmt.Fprintf(b, "%s\n\n%s\n", l.Load, report.Chart(at, s.Length(l)))
	}
	return nil
}

// counted returns the rate of a schedule as a function of time, for a schedule that has no rate curve. The rate is
// the number of calls in each sixtieth of the schedule, divided by the length of a sixtieth.
func counted(a schedule.Arrivals) func(time.Duration) float64 {
	const parts = 60
	part := max(a.Duration()/parts, 1)
	counts := make([]float64, parts+1)
	for i := a.From(0); ; {
		due, ok := i.Next()
		if !ok {
			break
		}
		counts[min(due/part, parts)]++
	}
	return func(t time.Duration) float64 { return counts[min(t/part, parts)] / part.Seconds() }
}

// each returns the length of a visit, such as " of 5s", or "" if the loads set the length.
func each(s *scenarios.Scenario) string {
	if s.Duration == 0 {
		return ""
	}
	return fmt.Sprintf(" of %v", s.Duration)
}

// overloaded describes what happens to calls that find every worker busy.
func overloaded(s *scenarios.Scenario) string {
	switch {
	case s.Closed:
		return "none: a closed loop waits"
	case s.Overload == bench.Drop:
		return "drop"
	}
	return fmt.Sprintf("%v, room for %s", s.Overload, format.Plural(s.Queue, "call"))
}

// planChecks returns all checks of a scenario that are made before it runs.
func planChecks(s *scenarios.Scenario) []report.Check {
	return append(report.Checks(s), workChecks(s)...)
}

// workers returns the number of workers of a scenario.
func workers(s *scenarios.Scenario) int {
	switch {
	case s.Workers > 0:
		return s.Workers
	case s.HTTP != nil: // of HTTP/1.1; a connection of HTTP/2 carries several calls
		return cmp.Or(s.HTTP.Connections, httptarget.DefaultConnections)
	}
	return bench.DefaultWorkers()
}

// workChecks returns a check for each level: whether the workers can do the work of the handlers at its peak rate.
func workChecks(s *scenarios.Scenario) (all []report.Check) {
	if s.Closed || s.HTTP != nil { // the work of a service is unknown
		return nil
	}
	have := min(workers(s), runtime.GOMAXPROCS(0)) // each busy worker needs a processor
	for _, l := range s.Levels() {
		peak := s.LoadOf(l).RateCurve.Peak()
		need := peak * s.Handlers.Spin.Seconds()
		c := report.Check{Name: "work at " + report.Load(l), Unit: "workers", Have: float64(have), Need: need,
			Passed: need < float64(have)}
		if !c.Passed {
			c.Warning = fmt.Sprintf("%s of %v each are %s times what %s can do.",
				format.GivenRate(peak), s.Handlers.Spin, format.Digits(need/float64(have), 3),
				format.Plural(have, "worker"))
		}
		all = append(all, c)
	}
	return all
}

// statable returns the percentiles that have a 95% interval with n calls.
func statable(n uint64) (all []float64) {
	for _, q := range results.Percentiles() {
		if n >= quantile.SamplesFor(q) {
			all = append(all, q)
		}
	}
	return all
}

// upTo returns the range of the percentiles that have a 95% interval with n calls, such as "to p99.9".
func upTo(n uint64) string {
	switch all := statable(n); len(all) {
	case 0:
		return "none"
	case 1:
		return record.PercentileName(all[0])
	default:
		return "to " + record.PercentileName(all[len(all)-1])
	}
}
