package cli

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/bench/schedule"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/capacity"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/terminal"
	"github.com/loadgen-go/loadgen/scenarios"
)

// notProbed lists the settings of a scenario that are not flags of capacity, or that capacity defines anew.
var notProbed = []string{"qps", "load", "closed", "think", "quantile", "compare", "duration", "rounds", "window",
	"slo", "slo-visits", "abort"}

func newCapacity(own targets) *cobra.Command {
	var o capacityOptions
	cmd := &cobra.Command{
		Use:   "capacity [SCENARIO]",
		Short: "Find the highest rate at which objectives hold, for each arm, with an interval",
		Long: `Searches for the highest rate at which the objectives hold, for each arm. A probe is one
visit in a fresh process, as run makes them, and is judged as a whole: the rate holds in it if
the objectives are met, the target keeps up, and latency does not change in its course.
The capacity is the rate at which half of such visits hold.

The search doubles the rate until it fails in two of three visits, and then visits rates on
both sides of the capacity until its interval is as narrow as asked. Then it makes six
visits at a rate where nearly all should hold. If they do, that is the rate to rely on; if one
fails, it tries lower ones, and asks for more visits. The answer is that rate, the
capacity with its 95% interval, the resource that ran out, and the share of the first arm's
capacity that each other one takes. SCENARIO is a name or the path of a file; without
one it is ` + own.usual() + `. The rates and durations that it has are not used.

A probe ends early if it is certain to miss, and never because it seems to hold. One at
which the generator did not keep up, or the machine was busy with something else, says
nothing of the target: it is counted and made again, up to five times in a row. If that is what
ends the search, the answer is generator-limited. That the calls
in the system agree with their latencies (Little's law) is checked in every probe; if they
do not, that is a fault of loadgen, and ends the search with 2.

--require probes that rate first, and ends the search once it is known whether each arm
carries it: whether its visits hold one after the other, or fewer than half of them do.

The state is in capacity.json after every probe. An interrupt keeps it, and --resume DIR
goes on, for another --budget if so said, in which what was spent counts. It goes on with
the same program and on the same machine alone. --format json prints what capacity.json
holds.

With --scaling, it measures throughput at these numbers of workers after the search,
beyond its budget: each worker calls again once its call has ended (a closed loop). Each
arm and number gets a visit as long as --probe in each of three rounds, in random order.
It fits the Universal Scalability Law to the medians, and prints the coefficients, or why
the law does not fit: a plateau, throughput that grows faster than the workers, or medians
that are off the law by more than visits differ. The fit is to logarithms, so that every
number of workers counts alike; fits to throughputs, such as of the R package usl, follow
the greatest ones, and find other coefficients. All visits are in capacity.json, where
loadgen capacity plan finds them. They change no exit code.

Exit codes:
0 every arm has a rate to rely on, and a capacity as precise as was asked, or carries what
--require asks; 1 an arm does not carry that; 3 it cannot be told in the budget, no rate
held, or the generator or the machine was the limit; 2 bad input, or a probe could not be made; 130 interrupted.`,
		Example: `  loadgen capacity --slo 'p99<500us, errors<0.1%'
  loadgen capacity span-reuse --slo 'p99<1ms' --spans none,pooled,sdk --precision 5% --budget 10m
  loadgen capacity mine.yaml --require 40000/s --format json
  loadgen capacity --slo 'p99<1ms' --scaling 1,2,3,4,6,8
  loadgen capacity --resume results/capacity-span-reuse-20260102T030405Z --budget 15m`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: completeScenarios,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.stdout, o.stderr = cmd.OutOrStdout(), cmd.ErrOrStderr()
			o.screen = screenOf(cmd, o.stdout)
			if err := o.check(cmd, args); err != nil {
				return unusable(err)
			}
			if o.resume != "" {
				return resumeCapacity(cmd.Context(), &o)
			}
			s, err := own.load(cmd, args)
			if err != nil {
				return err
			}
			return startCapacity(cmd.Context(), s, &o)
		},
	}
	addSettings(cmd, notProbed...)
	own.complete(cmd)
	o.addFlags(cmd)
	cmd.AddCommand(newCapacityPlan())
	return cmd
}

// A capacityOptions holds the flags of capacity that are not settings of the scenario.
type capacityOptions struct {
	from, require    rateFlag
	precision        percentFlag
	probe, budget    time.Duration
	out, resume      string
	scaling          string
	workers          []int // parsed from scaling
	format           string
	slo              []string
	objectives       []record.SLO // parsed from slo
	stdout, stderr   io.Writer
	screen           *terminal.Screen // of stdout
	detail           detail
	requirementGiven bool
	budgetGiven      bool
}

var capacityFormats = []string{formatText, formatJSON}

func (o *capacityOptions) addFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	o.from, o.precision = rateFlag(schedule.PerSecond(1000)), 0.03
	f.StringArrayVar(&o.slo, "slo", nil, "The objectives, all of which are to hold. Takes a comma-separated `list` "+
		"of such as p99<500us, max<1s, mean<2ms, errors<0.1%, drops<10ppm and achieved>99%, each of them over every "+
		"1s if so said.")
	f.Var(&o.from, "from", "The `rate` to begin with.")
	f.Var(&o.require, "require",
		"The `rate` that every arm is to carry, which is probed first: exit code 1 if one does not.")
	f.Var(&o.precision, "precision", "How narrow the interval of the capacity is to be: half its width, as a `share`.")
	f.DurationVar(&o.probe, "probe", 2*time.Second,
		"How long a probe lasts: the visits that the answer is about. It is longer at rates that have too few "+
			"calls for the objectives.")
	f.DurationVar(&o.budget, "budget", 5*time.Minute,
		"How long all probes together may last, with the start of their processes.")
	f.StringVarP(&o.out, "out", "o", "",
		"Where to write it: the `directory` for capacity.json (default results/capacity-SCENARIO-TIME).")
	f.StringVar(&o.resume, "resume", "", "Go on with the search in a `directory`. Besides, it takes --budget, "+
		"--format, --require and --scaling alone.")
	f.StringVar(&o.scaling, "scaling", "",
		"Measure throughput at these numbers of workers, too, and fit how it scales. "+
			"Takes a comma-separated `list` of 6 to 64 of them, 1 or 2 among them, such as 1,2,3,4,6,8.")
	addFormat(cmd, &o.format, capacityFormats)
	o.detail.add(cmd)
	for name, values := range map[string][]string{"precision": {"1%", "3%", "5%", "10%"},
		"scaling": {"1,2,3,4,6,8", "1,2,4,8,16,32"}} {
		if err := cmd.RegisterFlagCompletionFunc(name,
			cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)); err != nil {
			panic(err) // the flag was added above
		}
	}
}

// check parses and checks the flags that are not settings of the scenario. It reports all errors in them together.
func (o *capacityOptions) check(cmd *cobra.Command, args []string) error {
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	f := cmd.Flags()
	errs = append(errs, checkFormat(o.format, capacityFormats), notStandardOutput(f))
	for _, name := range []string{"out", "resume"} {
		if f.Changed(name) && f.Lookup(name).Value.String() == "" {
			wrong("--%s is empty: want a directory", name)
		}
	}
	if o.probe < 10*time.Millisecond || o.probe > time.Hour {
		wrong("--probe: %v is not valid: want 10ms to 1h", o.probe)
	}
	if o.resume == "" && o.budget < o.probe {
		wrong("--budget: %v is not enough for a probe of %v", o.budget, o.probe)
	}
	o.requirementGiven, o.budgetGiven = f.Changed("require"), f.Changed("budget")
	if f.Changed("slo") {
		var err error
		if o.objectives, err = readObjectives(strings.Join(o.slo, ",")); err != nil {
			errs = append(errs, err)
		}
	}
	if f.Changed("scaling") {
		var err error
		if o.workers, err = readWorkers(o.scaling); err != nil {
			errs = append(errs, err)
		}
	}
	if o.resume != "" {
		if len(args) > 0 {
			wrong("--resume: the scenario is that of the search: want no %s", args[0])
		}
		f.Visit(func(given *pflag.Flag) {
			if !slices.Contains([]string{"resume", "format", "require", "budget", "scaling",
				"all", "quiet", "color", "ascii"}, given.Name) {
				wrong("--resume: --%s is that of the search: leave it out, or begin another one", given.Name)
			}
		})
	}
	return errors.Join(errs...)
}

// search returns the search that the flags describe, for arms of a scenario. It returns an error if a rate is too low
// for the windows of the objectives.
func (o *capacityOptions) search(arms []string, s *scenarios.Scenario) (*capacity.Search, error) {
	from, require := schedule.Rate(o.from).Float(), schedule.Rate(o.from).Float()
	if o.requirementGiven {
		require = schedule.Rate(o.require).Float()
	}
	least, most := min(from/1024, require), max(1e8, require)
	if windows := capacity.LeastRate(s.SLOs); min(from, require) < windows {
		return nil, fmt.Errorf("at %s the windows of the objectives have too few calls: want --from, and "+
			"--require, of %.6g/s or more",
			format.GivenRate(min(from, require)), math.Ceil(windows))
	} else if least < windows {
		least = windows
	}
	return capacity.New(capacity.Options{
		Arms: arms, Start: from, Least: least, Most: most, Precision: float64(o.precision),
		Probe: o.probe, Calls: capacity.Calls(s.SLOs), Budget: o.budget, Seed: s.Seed,
	})
}

// probed turns a scenario into the scenario of the probes. It sets the objectives of --slo, if they were given, and
// replaces the rates, rounds and duration by those of a single probe. It returns an error if there are no objectives.
func (o *capacityOptions) probed(s *scenarios.Scenario) error {
	if o.objectives != nil {
		s.SLOs = o.objectives
	}
	if len(s.SLOs) == 0 {
		return errors.New("there is no objective to search by: want --slo 'p99<500us, errors<0.1%', or a field slo " +
			"of the scenario")
	}
	s.QPS, s.Loads, s.Closed, s.Think = []schedule.Rate{schedule.Rate(o.from)}, nil, false, 0
	s.Compare, s.Rounds, s.Abort, s.Window = nil, 1, false, 0
	probes := capacity.Options{Probe: o.probe, Calls: capacity.Calls(s.SLOs)}
	s.Duration = probes.Lasting(schedule.Rate(o.from).Float())
	if estimators := s.Arms(scenarios.Quantile); !s.Live && len(estimators) > 1 {
		s.SetArms(scenarios.Quantile, estimators[0]) // the search compares no estimators, which cost time
	}
	text, err := s.MarshalJSON()
	if err != nil {
		return err
	}
	_, err = scenarios.Decode("the scenario of the probes", text)
	return err // for example, if the windows of an objective do not fit a probe
}

// directory returns the directory of --out. Without --out, it makes a directory named after the scenario and the time.
func (o *capacityOptions) directory(name string, began time.Time) (string, error) {
	if o.out != "" {
		return o.out, nil
	}
	return newDirectory("capacity-"+name, began)
}

// A rateFlag is a flag that takes a rate, which schedule.ParseRate parses.
type rateFlag schedule.Rate

func (r *rateFlag) Type() string { return "rate" }
func (r *rateFlag) String() string {
	if *r == (rateFlag{}) {
		return ""
	}
	return schedule.Rate(*r).String() + "/s"
}

func (r *rateFlag) Set(text string) error {
	qps, err := schedule.ParseRate(text)
	*r = rateFlag(qps)
	return err
}

// A percentFlag is a flag that takes a share from 0.1% to 25%, such as 3% or 0.03.
type percentFlag float64

func (p *percentFlag) Type() string   { return "share" }
func (p *percentFlag) String() string { return format.Given(float64(*p)) }

func (p *percentFlag) Set(text string) error {
	number, isPercent := strings.CutSuffix(text, "%")
	x, err := strconv.ParseFloat(number, 64)
	if isPercent {
		x /= 100
	}
	if err != nil || !(x >= 0.001 && x <= 0.25) {
		return errors.New("want a share from 0.1% to 25%, such as 3%")
	}
	*p = percentFlag(x)
	return nil
}

// readObjectives parses a comma-separated list of objectives. The error quotes the list, with a mark below the first
// character that is wrong.
func readObjectives(text string) (all []record.SLO, err error) {
	at := 0
	for _, item := range strings.Split(text, ",") {
		slo, err := record.ParseSLO(item)
		if err != nil {
			var wrong *record.SLOError
			if errors.As(err, &wrong) {
				at += wrong.At
			}
			column := len([]rune(text[:at]))
			return nil, fmt.Errorf("--slo: character %d is where it goes wrong\n  %s\n  %s^ %w", column+1, text,
				strings.Repeat(" ", column), err)
		}
		at += len(item) + 1
		all = append(all, slo)
	}
	return all, nil
}
