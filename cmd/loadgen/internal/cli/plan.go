package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/bench/schedule"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/report"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/sockets"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/terminal"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/visit"
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
  loadgen plan http://127.0.0.1:8080/items --qps 1k,5k
  loadgen plan grpc://127.0.0.1:9090/shop.Orders/Create -d '{"id": "1"}'`,
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
			ref, err := takeRevision(cmd)
			if err != nil {
				return unusable(err)
			}
			s, err := own.load(cmd, args)
			if err != nil {
				return err
			}
			progress := newProgress(cmd)
			defer progress.Close()
			if ref != "" {
				if s, err = planAgainst(cmd, s, ref, progress); err != nil {
					return err
				}
			}
			if err := readReplays(s, progress, progress); err != nil {
				return err
			}
			provided, release, err := provide(cmd.Context(), s, progress)
			defer releasing(release, progress)
			if err != nil {
				return notProvided(cmd.Context(), err)
			}
			look, wrong := verify(cmd, s, provided, progress, false)
			if s.HTTP == nil {
				look.against = ref
			}
			if format == formatJSON {
				err := printJSON(cmd.OutOrStdout(), newPlanDocument(s, &look))
				return cmp.Or(wrong, unusable(err))
			}
			screen := screenOf(cmd, cmd.OutOrStdout())
			text, err := plan(s, &look, screen)
			err = cmp.Or(err, screen.Print(cmd.OutOrStdout(), text+answerTable(look.answers, screen)))
			return cmp.Or(wrong, unusable(err))
		},
	}
	addSettings(cmd)
	addFull(cmd)
	comparesRevisions(cmd)
	addService(cmd)
	addArms(cmd)
	own.complete(cmd)
	addFormat(cmd, &format, planningFormats)
	return cmd
}

// plan returns what a scenario would run, with the warnings of its checks.
func plan(s *scenarios.Scenario, look *firstLook, screen *terminal.Screen) (string, error) {
	var b strings.Builder
	b.WriteString(screen.Wrap(report.Title(s), "  ") + "\n")
	if err := charts(&b, s); err != nil {
		return "", err
	}
	t := terminal.NewTable(terminal.Column{Title: "arm and rate"}, terminal.Column{Title: "calls a visit"},
		terminal.Column{Title: "calls in all"}, terminal.Column{Title: "percentiles"})
	for _, c := range s.Cells() {
		if c.Closed() {
			name := s.NameOf(c)
			if s.AlsoClosed {
				name += " " + report.At(c.Level)
			}
			t.Row(name, "as they end")
			continue
		}
		n := s.Calls(c.Level)
		t.Row(s.NameOf(c)+" "+report.At(c.Level), format.Count(n), format.Count(n*uint64(s.Rounds*look.sides())),
			upTo(s.Surely(c.Level)))
	}
	b.WriteString(screen.Blocks(t))
	b.WriteString("\n" + screen.Wrap(fmt.Sprintf("%s%s in %s, each after a warm-up of %v: about %s in all.",
		format.Plural(look.sides()*s.Visits(), "visit"), each(s), format.Plural(s.Rounds, "round"), s.Warmup,
		format.About(time.Duration(look.sides())*s.Wall())), "") + "\n")
	for _, line := range planned(s, look) {
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
func planned(s *scenarios.Scenario, look *firstLook) (lines [][2]string) {
	crew := fmt.Sprint(workers(s))
	switch {
	case s.Workers > 0:
	case s.CallsService():
		crew = "as many as the calls that the connections carry at once"
	default:
		crew += " (one fewer than there are processors)"
		if s.HasClosed() && slices.Contains(s.Arms(scenarios.Target), scenarios.SpanTarget) {
			crew += fmt.Sprintf("; %d in the closed loop", runtime.GOMAXPROCS(0))
		}
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
	if s.CallsService() {
		add("service", serviceLine(s.Called()))
	}
	for _, n := range look.needs {
		add(n.Label, n.Line)
	}
	if handlers := handlersLine(s); handlers != "" {
		add("handlers", handlers)
	}
	add("estimators", format.List(s.Arms(scenarios.Quantile)))
	add("compares", format.List(s.Compare))
	if look.against != "" {
		add("revisions", "the working tree and "+look.against+": every visit is made with both")
	}
	add("objectives", format.List(s.SLOs))
	if full := s.FullForm(); full != nil && !s.IsFull() {
		add("full form", fmt.Sprintf("--full makes %s%s in %s: about %s", format.Plural(full.Visits(), "visit"),
			each(full), format.Plural(full.Rounds, "round"), format.About(full.Wall())))
	}
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
	case s.CallsService(): // a connection of HTTP/2 carries several calls, and the server may allow fewer of gRPC
		return s.Called().Calls()
	}
	return bench.DefaultWorkers()
}

// workChecks returns a check for each level: whether the workers can do the work of the handlers at its peak rate.
func workChecks(s *scenarios.Scenario) (all []report.Check) {
	if s.Closed || s.CallsService() { // the work of a service is unknown
		return nil
	}
	have := min(workers(s), runtime.GOMAXPROCS(0)) // each busy worker needs a processor
	for _, l := range s.Levels() {
		if l.Closed() {
			continue
		}
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

// A firstLook is what is known of the service of a scenario before it is measured.
type firstLook struct {
	answers []visit.FirstAnswer
	needs   []sockets.Need // what the connections of the run take
	against string         // revision with which each visit is made, too; "" for none
}

// sides returns the number of programs that each visit is made with.
func (l *firstLook) sides() int {
	if l.against != "" {
		return 2
	}
	return 1
}

// planAgainst returns a scenario as run compares it with a revision, which must be one that git knows.
func planAgainst(cmd *cobra.Command, s *scenarios.Scenario, ref string, p *terminal.Progress) (*scenarios.Scenario,
	error) {
	o := &runOptions{stderr: p, progress: p}
	var err error
	if o.rules, err = projectRules(); err != nil {
		return nil, unusable(err)
	}
	if s, err = o.against(cmd, s, ref); err != nil || s.HTTP != nil { // a service is built, which finds the revision
		return s, unusable(err)
	}
	checkout, err := open(cmd.Context(), ref, p)
	if err != nil {
		return nil, err
	}
	closing(checkout, o)
	return s, nil
}

// verify looks at the service of a scenario before it is measured, unless it calls none: it checks that the rows of
// files, the ports and the descriptors suffice, and sends one request of each kind, unless --no-verify is given. The
// command returns the error, which says what does not suffice and lists the answers that are not as expected. A
// capacity search sets its own rates, for which verify does not check rows and ports.
func verify(cmd *cobra.Command, s *scenarios.Scenario, provided visit.Provided, stderr io.Writer, search bool) (
	look firstLook, _ error) {
	without, err := cmd.Flags().GetBool(noVerify)
	if err != nil || !s.CallsService() {
		return look, unusable(err)
	}
	if err := visit.CheckService(s, !search); err != nil {
		return look, unusable(err)
	}
	var wrong error
	if !without {
		if look.answers, wrong = firstAnswers(cmd, s, provided); wrong != nil && look.answers == nil {
			return look, wrong
		}
	}
	look.needs, err = socketNeeds(cmd.Context(), s, look.answers, search)
	if err := cmp.Or(wrong, err); err != nil {
		return look, unusable(err)
	}
	seen := map[string]bool{} // several arms answer alike
	for _, a := range look.answers {
		if a.HTTP != nil && a.HTTP.Location != "" && !seen[a.Request] && s.HTTP.Redirects == 0 && a.Err == nil {
			fmt.Fprintf(stderr, "warning: %s answers %s with a redirect to %s, and the redirect is what is measured: "+
				"give that URL, or follow redirects with --redirects 5\n", s.HTTP.URL, a.Request,
				a.HTTP.Location)
			seen[a.Request] = true
		}
	}
	return look, nil
}

// firstAnswers sends one request of each kind to the service of a scenario. Its error is that of the command.
func firstAnswers(cmd *cobra.Command, s *scenarios.Scenario, provided visit.Provided) ([]visit.FirstAnswer, error) {
	answers, err := visit.FirstAnswers(cmd.Context(), s, provided)
	switch {
	case cmd.Context().Err() != nil:
		return nil, &exitError{exitInterrupted, errors.New("interrupted before the service had answered")}
	case err != nil && s.Service != nil: // no visit can start it or reach it either
		return nil, unusable(err)
	case err != nil:
		return nil, unusable(fmt.Errorf("%w (--no-verify does not call it first)", err))
	}
	var wrong []string
	for _, a := range answers {
		if a.Err != nil {
			wrong = append(wrong, fmt.Sprintf("the first answer of %s to %s is not as expected: %v",
				strings.TrimSuffix(s.Called().Address()+", arm "+a.Arm, ", arm "), a.Request, a.Err))
		}
	}
	if len(wrong) > 0 {
		return answers, unusable(fmt.Errorf("%s\nCorrect the requests or what is expected of them, or run all the "+
			"same with --no-verify", strings.Join(wrong, "\n")))
	}
	return answers, nil
}

// socketLimits returns the limits of this machine. Tests replace it.
var socketLimits = sockets.Machine

// socketNeeds returns what the connections of a scenario take. Its error says what does not suffice.
func socketNeeds(ctx context.Context, s *scenarios.Scenario, answers []visit.FirstAnswer, search bool) (
	needs []sockets.Need, err error) {
	limits := socketLimits()
	add := func(n *sockets.Need) {
		if n != nil {
			needs = append(needs, *n)
			if n.Refusal != "" {
				err = errors.Join(err, errors.New(n.Refusal))
			}
		}
	}
	add(sockets.Descriptors(s, limits))
	if search {
		return needs, err
	}
	client, wrong := visit.NewClient(s.AnyCalled())
	if wrong != nil {
		return needs, wrong
	}
	defer client.Close()
	at := sockets.Service{Addresses: 1, Loopback: client.Local(), ServerCloses: len(answers) > 0 &&
		!slices.ContainsFunc(answers, func(a visit.FirstAnswer) bool { return a.HTTP == nil || !a.HTTP.Closes })}
	ports := sockets.Ports(s, at, limits)
	if ports != nil && ports.Refusal != "" && !at.Loopback { // there may be several addresses
		if at.Addresses, wrong = client.Addresses(ctx); wrong != nil {
			return needs, fmt.Errorf("%s cannot be called: %w", s.Called().Address(), wrong)
		}
		ports = sockets.Ports(s, at, limits)
	}
	add(ports)
	return needs, err
}

// answerTable returns a table of the first answers, or "" if there are none.
func answerTable(answers []visit.FirstAnswer, screen *terminal.Screen) string {
	if len(answers) == 0 {
		return ""
	}
	table := httpAnswers
	if answers[0].GRPC != nil {
		table = grpcAnswers
	}
	return "\n" + screen.Wrap("The first answer to each kind of request", "") + "\n" + screen.Blocks(table(answers))
}

// columns returns the columns of a table.
func columns(titles ...string) (all []terminal.Column) {
	for _, title := range titles {
		all = append(all, terminal.Column{Title: title})
	}
	return all
}

// requestOf returns the request of an answer, with the arm of the service if it has one.
func requestOf(a *visit.FirstAnswer) string { return strings.TrimPrefix(a.Arm+": "+a.Request, ": ") }

// httpAnswers returns a table of answers of HTTP.
func httpAnswers(answers []visit.FirstAnswer) *terminal.Table {
	t := terminal.NewTable(columns("request", "method and URL", "status", "bytes", "us")...)
	for i := range answers {
		a := answers[i].HTTP
		status := format.None
		if a.Status > 0 {
			status = strconv.Itoa(a.Status)
		}
		t.Row(requestOf(&answers[i]), a.Method+" "+a.URL, status, format.Count(a.Size), format.Micros(a.Took))
	}
	return t
}

// grpcAnswers returns a table of answers of gRPC. Sent and received are numbers of messages.
func grpcAnswers(answers []visit.FirstAnswer) *terminal.Table {
	named := slices.ContainsFunc(answers, func(a visit.FirstAnswer) bool { return a.Request != a.GRPC.Method })
	titles := []string{"request", "method", "code", "sent", "received", "bytes", "us"}
	if !named { // the requests are called as their methods
		titles = slices.Delete(titles, 1, 2)
	}
	t := terminal.NewTable(columns(titles...)...)
	for i := range answers {
		a := answers[i].GRPC
		row := []string{requestOf(&answers[i]), a.Method, cmp.Or(answers[i].Code(), format.None),
			format.Count(a.Sent), format.Count(a.Received), format.Count(a.Size), format.Micros(a.Took)}
		if !named {
			row = slices.Delete(row, 1, 2)
		}
		t.Row(row...)
	}
	return t
}
