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
		Use:   own.use("capacity"),
		Short: "Find the highest rate at which objectives hold, for each arm",
		Example: own.example(`  loadgen capacity --slo 'p99<500us, errors<0.1%'
  loadgen capacity --slo 'p99<1ms' --spans none,pooled,sdk --budget 10m
  loadgen capacity http://127.0.0.1:8080/items --slo 'p99<20ms' --require 5000/s
  loadgen capacity --slo 'p99<1ms' --scaling 1,2,3,4,6,8
  loadgen capacity --resume results/capacity-span-reuse-20260102T030405Z`,
			"  loadgen capacity --slo 'p99 < 5ms'", "  loadgen capacity LAST --slo 'p99 < 5ms, errors<0.1%'",
			"  loadgen capacity --target FIRST,LAST --slo 'p99 < 5ms' --budget 10m",
			"  loadgen capacity LAST --slo 'p99 < 5ms' --require 40000/s"),
		Long: `A probe is one visit in a new process, and is judged as a whole: a rate holds in
it if the objectives are met, the target keeps up, and latency does not change
in its course. The answer for each arm is

  the rate to rely on   at which six visits in a row held
  the capacity          at which half of the visits hold, with its 95% interval
  what ran out          CPU, garbage collection, locks or the queue
  its share             of the capacity of the first arm

` + own.arguments() + ` Its rates and durations are not used.

A probe in which the generator was late or the machine was busy says nothing
about the target, and is repeated. If that does not help, the answer is
generator-limited, or that the machine was the limit.

The state is in capacity.json after every probe, which an interrupt keeps.
--resume DIR continues, with the same program on the same machine;
loadgen capacity plan computes how many instances carry a peak.

Exit codes: 0 every arm has a rate to rely on and a capacity as precise as
asked, or carries what --require asks; 1 an arm does not carry that; 2 bad
input, or a probe could not be made; 3 the budget was too short to tell, no rate
held, or the generator or the machine was the limit; 130 interrupted.`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: single(own.scenario),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.progress = newProgress(cmd)
			defer o.progress.Close()
			o.stdout, o.stderr = cmd.OutOrStdout(), o.progress
			o.screen, o.shown = screenOf(cmd, o.stdout), o.detail.of(cmd)
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
			provided, release, err := provide(cmd.Context(), s, o.progress)
			defer releasing(release, o.stderr)
			if err != nil {
				return notProvided(cmd.Context(), err)
			}
			if _, err := verify(cmd, s, provided, o.stderr, true); err != nil {
				return err
			}
			return startCapacity(cmd.Context(), s, provided, &o)
		},
	}
	addSettings(cmd, notProbed...)
	addService(cmd)
	addArms(cmd)
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
	progress         *terminal.Progress // stderr is the same, or another writer if it is nil
	screen           *terminal.Screen   // of stdout
	detail           detail
	shown            terminal.Detail // how much of the text is printed
	requirementGiven bool
	budgetGiven      bool
}

var capacityFormats = []string{formatText, formatJSON}

func (o *capacityOptions) addFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	o.from, o.precision = rateFlag(schedule.PerSecond(1000)), 0.03
	f.StringArrayVar(&o.slo, "slo", nil, "The objectives, all of which must hold: a comma-separated `list`, such as "+
		"p99<500us, max<1s, mean<2ms, errors<0.1%, drops<10ppm, achieved>99% or p99<5ms over every 1s.")
	f.Var(&o.from, "from", "The `rate` of the first probe.")
	f.Var(&o.require, "require",
		"The `rate` that every arm must carry; it is probed first, and the search ends once it "+
			"is known.")
	f.Var(&o.precision, "precision",
		"When the search ends: half the width of the interval of the capacity, as a `share`.")
	f.DurationVar(&o.probe, "probe", 2*time.Second,
		"How long a probe lasts. It is longer at rates that have too few calls for the objectives.")
	f.DurationVar(&o.budget, "budget", 5*time.Minute,
		"How long all probes together may last.")
	f.StringVarP(&o.out, "out", "o", "",
		"Where to write it: the `directory` for capacity.json (default results/capacity-SCENARIO-TIME).")
	f.StringVar(&o.resume, "resume", "", "Continue the search of this `directory`. Only --budget, --format, "+
		"--require and --scaling go with it.")
	f.StringVar(&o.scaling, "scaling", "",
		"After the search, measure throughput at these numbers of workers as well, and fit the Universal "+
			"Scalability Law. Takes a comma-separated `list` of 6 to 64 numbers with 1 or 2, such as 1,2,3,4,6,8.")
	addFormat(cmd, &o.format, capacityFormats)
	o.detail.add(cmd)
	group(cmd, groupLoad, "from", "precision", "probe", "budget", "resume", "scaling")
	group(cmd, groupOutput, "out")
	group(cmd, groupCI, "slo", "require")
	complete(cmd, "precision", oneOf("1%", "3%", "5%", "10%"))
	complete(cmd, "scaling", oneOf("1,2,3,4,6,8", "1,2,4,8,16,32"))
	complete(cmd, "resume", resultsOf(capacity.FileName, func(string) bool { return false }))
	for _, name := range []string{"slo", "from", "require", "probe", "budget"} {
		complete(cmd, name, oneOf())
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
	s.QPS, s.Loads, s.Think = []schedule.Rate{schedule.Rate(o.from)}, nil, 0
	s.Closed, s.AlsoClosed = false, false
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
