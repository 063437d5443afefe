package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/loadgen-go/loadgen/bench/schedule"
	"github.com/loadgen-go/loadgen/bench/work"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/capacity"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/machine"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/rounds"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/terminal"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/visit"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/scenarios"
)

// A capacitySearch is a search in progress, with the directory that holds its state.
type capacitySearch struct {
	*capacity.File
	dir      string
	options  *capacityOptions
	cells    map[string]scenarios.Cell // by arm
	program  rounds.Program
	provided visit.Provided
	visit    probeVisit // makes a probe
}

// startCapacity begins a new search for a scenario. It returns an error if the directory of --out already holds a
// search.
func startCapacity(ctx context.Context, s *scenarios.Scenario, provided visit.Provided, o *capacityOptions) (
	err error) {
	if err := o.probed(s); err != nil {
		return unusable(err)
	}
	drawSeed(&s.Seed)
	arms, _ := armsOf(s)
	search, err := o.search(arms, s)
	if err != nil {
		return unusable(err)
	}
	if err := o.affords(s, search); err != nil {
		return unusable(err)
	}
	began := time.Now()
	dir, err := o.directory(s.Name, began)
	if err != nil {
		return unusable(err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return unusable(err)
	}
	unlock, err := capacity.Lock(dir)
	if err != nil {
		return unusable(err)
	}
	defer func() { err = cmp.Or(err, unusable(unlock())) }()
	if _, err := os.Stat(filepath.Join(dir, capacity.FileName)); err == nil {
		return unusable(fmt.Errorf("%s holds a search already: want another directory, or --resume %s", dir, dir))
	}
	env := machine.Environment()
	env.Warnings = unfit(ctx, o.stderr)
	env.Turns = work.Calibrate()
	return goOn(ctx, &capacity.File{Began: began.UTC(), Scenario: s, Environment: env, Search: search,
		Workers: o.workers}, provided, dir, o)
}

// mostCalls is the highest number of calls in the first probe. No generator makes that many. With far more, a probe
// would take longer to count the calls that are due than to run.
const mostCalls = 200_000_000

// affords returns an error if the budget is too short for the first probe of the search and its warm-up, or if that
// probe would have more than mostCalls calls.
func (o *capacityOptions) affords(s *scenarios.Scenario, search *capacity.Search) error {
	rate, flag := o.from, "--from"
	if o.requirementGiven {
		rate, flag = o.require, "--require"
	}
	options := search.Options()
	lasts := options.Lasting(schedule.Rate(rate).Float())
	first := s.Warmup + lasts
	if calls := schedule.Rate(rate).Calls(lasts); calls > mostCalls {
		return fmt.Errorf("%s: at %v a probe of %v is of %s calls: want %s at most, which are more than a "+
			"generator makes",
			flag, rate.String(), lasts, format.Count(calls), format.Count(mostCalls))
	}
	if first <= o.budget {
		return nil
	}
	why := ""
	if lasts > o.probe {
		why = ", since the objectives need as many calls"
	}
	return fmt.Errorf("--budget: %v is not enough for one probe: at %v one lasts %v%s: raise --budget, or %s",
		o.budget, rate.String(), first, why, flag)
}

// resumeCapacity continues the search in the directory of --resume. It returns an error if the machine, GOMAXPROCS,
// the version of Go or the program has changed since the search began.
func resumeCapacity(ctx context.Context, o *capacityOptions) (err error) {
	if _, err := capacity.ReadFile(o.resume); err != nil {
		return unusable(err) // checked before Lock, which creates a file in the directory
	}
	dir := directoryOf(o.resume)
	unlock, err := capacity.Lock(dir)
	if err != nil {
		return unusable(err)
	}
	defer func() { err = cmp.Or(err, unusable(unlock())) }()
	file, err := capacity.ReadFile(o.resume) // again, since it may have changed before Lock
	if err != nil {
		return unusable(err)
	}
	was, is := file.Environment, machine.Environment()
	for _, e := range []struct{ what, was, is string }{
		{"processor", fmt.Sprint(was.CPU, " x ", was.NumCPU), fmt.Sprint(is.CPU, " x ", is.NumCPU)},
		{"CPU quota", fmt.Sprint(was.CPUQuota), fmt.Sprint(is.CPUQuota)},
		{"GOMAXPROCS", fmt.Sprint(was.GOMAXPROCS), fmt.Sprint(is.GOMAXPROCS)},
		{"version of Go", was.GoVersion, is.GoVersion},
		{"version of loadgen", was.Version + " " + was.Commit, is.Version + " " + is.Commit},
	} {
		if e.was != e.is {
			err = errors.Join(err,
				fmt.Errorf("--resume: the %s was %s and is %s: what was measured does not hold here, begin another "+
					"search", e.what, e.was, e.is))
		}
	}
	err = errors.Join(err, sameProgram(file))
	if err != nil {
		return unusable(err)
	}
	if o.budgetGiven {
		if err := file.Extend(o.budget); err != nil {
			return unusable(fmt.Errorf("--budget: %w", err))
		}
	}
	switch {
	case o.workers == nil || slices.Equal(o.workers, file.Workers):
	case file.Workers != nil:
		return unusable(fmt.Errorf("--scaling: the search has %v: leave it out, or begin another search",
			file.Workers))
	default:
		file.Workers = o.workers
	}
	provided, release, err := provide(ctx, file.Scenario, o.progress)
	defer releasing(release, o.stderr)
	if err != nil {
		return notProvided(ctx, err)
	}
	return goOn(ctx, file, provided, dir, o)
}

// sameProgram returns an error unless this program made the probes of a search. It returns nil if there are no probes
// and no throughputs yet.
func sameProgram(file *capacity.File) error {
	if len(file.Probes) == 0 && len(file.Throughputs) == 0 {
		return nil
	}
	_, inputs, err := pinSelf()
	if err != nil {
		return err
	}
	is := inputs[0]
	i := slices.IndexFunc(file.Inputs, func(in results.Input) bool { return in.Kind == results.Program })
	switch {
	case i < 0:
		return errors.New("--resume: the search does not say which program its probes were made with, as earlier " +
			"versions of loadgen do not: begin another search")
	case file.Inputs[i].SHA256 != is.SHA256:
		was := file.Inputs[i]
		return fmt.Errorf("--resume: the program was %s with SHA-256 %s and is %s with SHA-256 %s: what was measured "+
			"does not hold for another program: resume with the same build, or begin another search", was.Name,
			was.SHA256, is.Name, is.SHA256)
	}
	return nil
}

// pinSelf returns the path of this program, and the program with its digest as the only input of probes.
func pinSelf() (program string, inputs []results.Input, err error) {
	if program, err = os.Executable(); err != nil {
		return "", nil, fmt.Errorf("finding this program, to start probes with: %w", err)
	}
	inputs, err = visit.PinProgram(program)
	return program, inputs, err
}

// goOn makes the remaining probes and prints the answer. It returns the error that the command ends with. The caller
// must hold the lock of dir.
func goOn(ctx context.Context, file *capacity.File, provided visit.Provided, dir string, o *capacityOptions) error {
	program, inputs, err := pinSelf()
	if err != nil {
		return unusable(err)
	}
	services, err := visit.PinServices(file.Scenario, provided)
	if err != nil {
		return unusable(err)
	}
	file.Inputs = append(inputs, services...)
	if o.requirementGiven {
		file.Require = schedule.Rate(o.require).Float()
	}
	file.Search.Require(file.Require)
	_, cells := armsOf(file.Scenario)
	file.Status = results.Partial // unless the search ends
	c := &capacitySearch{File: file, dir: dir, options: o, cells: cells, provided: provided,
		program: programAt(program, o.stderr)}
	c.visit = inProcess(c.program)
	ended, err := c.run(ctx)
	file.Answer = file.Search.Answer()
	if ended {
		ended, err = c.scale(ctx)
	}
	file.Scale()
	file.Status = status(ended)
	switch written := file.Write(dir); {
	case err == nil:
		err = written
	case written == nil:
		err = fmt.Errorf("%w\nwhat was measured before is in %s", err, dir)
	case written.Error() != err.Error():
		err = errors.Join(err, written)
	}
	outcome := judgeCapacity(file)
	if !ended {
		outcome = &exitError{exitInterrupted, fmt.Errorf("interrupted after %s: loadgen capacity --resume %s goes on",
			format.Plural(len(file.Probes), "probe"), dir)}
	}
	if err != nil {
		outcome = unusable(err)
	}
	if len(file.Probes) > 0 || err == nil { // print the answer even if the file cannot be written
		err = errors.Join(err, c.print(exitCode(outcome)))
	}
	if err != nil {
		return unusable(err)
	}
	return outcome
}

// print prints the answer in the format of --format. Exit is the exit code of the command.
func (c *capacitySearch) print(exit int) error {
	o := c.options
	if o.format != formatJSON {
		return o.screen.Print(o.stdout, c.Text(o.screen, capacity.Reading{Detail: o.shown, Dir: c.dir,
			Exit: exit}))
	}
	text, err := c.JSON()
	if err != nil {
		return err
	}
	_, err = o.stdout.Write(text)
	return err
}

// run makes probes and reports whether the search has ended. It saves the state after every probe. An interrupt makes
// run return early, without the probe that was running.
func (c *capacitySearch) run(ctx context.Context) (ended bool, err error) {
	defer c.begin(ctx, terminal.Stage{Takes: c.Search.Options().Budget, Spent: c.Search.Spent()}, "probe")()
	for {
		if err := c.Write(c.dir); err != nil {
			return false, err
		}
		next, ok := c.Search.Next()
		if !ok {
			return true, nil
		}
		c.probing(next)
		p, err := c.probe(ctx, next)
		if p != nil {
			c.Search.Add(p.Evidence)
			c.Probes = append(c.Probes, p)
			c.Answer = c.Search.Answer()
			if c.options.shown.All {
				c.options.progress.Log(probeLine(len(c.Probes), p, c.Search))
			}
		}
		if ctx.Err() != nil {
			return false, nil
		}
		if err != nil {
			return false, err
		}
	}
}

// begin begins a stage of the progress, and returns a function that ends it. What is the process that an interrupt
// waits for.
func (c *capacitySearch) begin(ctx context.Context, s terminal.Stage, what string) (end func()) {
	progress := c.options.progress
	progress.Begin(s)
	done := progress.AfterInterrupt(ctx, "the process of the "+what+" to end")
	return func() {
		done()
		progress.End()
	}
}

// probing shows the probe that begins, and what the search has found for its arm.
func (c *capacitySearch) probing(a capacity.Ask) {
	what := c.Scenario.NameOf(c.cells[a.Arm]) + " at " + format.Rate(a.Rate)
	if found := c.Answer.SoFar(a.Arm); found != "" {
		what += ", " + found
	}
	c.options.progress.Next(fmt.Sprintf("probe %d", len(c.Probes)+1), what,
		c.Scenario.Besides()+a.Duration)
}

// probeLine returns the progress line for a finished probe, which is the n-th one of the search.
func probeLine(n int, p *capacity.Probe, s *capacity.Search) string {
	e := &p.Evidence
	var details []string
	for _, o := range p.Objectives {
		if o.Judged || !p.Stopped { // skip an objective that was not judged because another one ended the probe
			details = append(details, o.Detail)
		}
	}
	long := format.Duration(p.Scheduled)
	if p.Stopped {
		long += ", when a miss was certain"
	}
	switch e.Step {
	case capacity.Confirm:
		long += ", to confirm"
	case capacity.Recheck:
		long += ", to see whether it still holds"
	}
	return fmt.Sprintf("probe %d: %s at %s for %s: %s; %s (%s of the bad calls allowed); %v of %v",
		n, e.Arm, format.Rate(e.Rate), long, e.Word(), strings.Join(details, ", "), format.Rough(e.Burn),
		format.Duration(s.Spent()), s.Options().Budget)
}

// armsOf returns the names of the arms of a scenario, and the cell of each. An arm without spans comes first, since
// the other arms are compared with the first one.
func armsOf(s *scenarios.Scenario) (names []string, cells map[string]scenarios.Cell) {
	cells = map[string]scenarios.Cell{}
	var rest []string
	for _, c := range s.Cells() {
		name := c.Arm()
		if c.Value(scenarios.Spans) == scenarios.None && len(names) == 0 {
			names = append(names, name)
		} else {
			rest = append(rest, name)
		}
		cells[name] = c
	}
	return append(names, rest...), cells
}

// judgeCapacity returns the error that a finished search ends with. It returns nil if every arm carries the required
// rate or, without a requirement, has a complete answer.
func judgeCapacity(f *capacity.File) error {
	switch fails, open := f.Unmet(); {
	case len(fails) > 0:
		return &exitError{exitWorse, fmt.Errorf("%s does not carry %s", strings.Join(fails, ", "),
			format.GivenRate(f.Require))}
	case len(open) > 0:
		return &exitError{exitNotValid, errors.New(strings.Join(open, "\n"))}
	}
	return nil
}

// A probeRequest is the request for a probe, which a fresh process reads.
type probeRequest struct {
	Ask   capacity.Ask  `json:"ask"`
	Visit visit.Request `json:"visit"`
}

// newProbe returns the hidden command that makes a probe.
func newProbe(own targets) *cobra.Command {
	return newChild("probe", func(ctx context.Context, a *rounds.Asker) error {
		return rounds.Answer(ctx, a, "probe", func(ctx context.Context, req *probeRequest) (any, error) {
			target, err := own.requested(&req.Visit)
			if err != nil {
				return nil, err
			}
			v, err := visit.Do(ctx, &req.Visit, target)
			if err := cmp.Or(err, ctx.Err()); err != nil { // an interrupted visit is no evidence
				return nil, err
			}
			if v.Error != "" {
				return nil, errors.New(v.Error)
			}
			return capacity.NewProbe(req.Ask, req.Visit.Scenario.SLOs, v)
		})
	})
}

// A probeVisit is a function that makes a probe. It also returns the wall time of the probe, which includes the start
// of a process.
type probeVisit func(context.Context, *probeRequest) (*capacity.Probe, time.Duration, error)

// inProcess returns a probeVisit that makes each probe in a fresh process of program.
func inProcess(program rounds.Program) probeVisit {
	return func(ctx context.Context, req *probeRequest) (*capacity.Probe, time.Duration, error) {
		began := time.Now()
		p := &capacity.Probe{}
		log, err := program.Ask(ctx, "probe", req, p)
		if err == nil && p.Evidence.Ask != req.Ask {
			err = fmt.Errorf("the process of the probe failed: what it wrote is no answer\n%s", log)
		}
		return p, time.Since(began), err
	}
}

// probe makes the probe that the search asks for. It returns an error if the probe is interrupted, and discards its
// result. The n-th probes of all arms have the same seed, which determines arrivals, keys and work.
func (c *capacitySearch) probe(ctx context.Context, a capacity.Ask) (*capacity.Probe, error) {
	n := 1
	for _, p := range c.Probes {
		if p.Evidence.Arm == a.Arm {
			n++
		}
	}
	req, err := c.request(a)
	if err != nil {
		return nil, err
	}
	req.Visit.Seed = rounds.Seed(req.Visit.Scenario, n)
	p, took, err := c.visit(ctx, req)
	if err := cmp.Or(err, ctx.Err(), c.provided.Lost()); err != nil {
		return nil, fmt.Errorf("%s at %s: %w", a.Arm, format.Rate(a.Rate), err)
	}
	p.Seed, p.Evidence.Took = req.Visit.Seed, took
	return p, nil
}

// request returns the request for a probe, without a seed. The probe ends early once it is certain to miss an
// objective.
func (c *capacitySearch) request(a capacity.Ask) (*probeRequest, error) {
	cell, ok := c.cells[a.Arm]
	if !ok {
		return nil, fmt.Errorf("the search asks for %q, which is no arm of the scenario", a.Arm)
	}
	qps, err := schedule.ParseRate(fineRate(a.Rate))
	if err != nil {
		return nil, err
	}
	s := *c.Scenario
	s.QPS, s.Duration, s.Abort = []schedule.Rate{qps}, a.Duration, true
	s.Window = capacity.Window(a.Duration, s.SLOs)
	cell.Level = scenarios.Level{QPS: qps}
	return &probeRequest{Ask: a, Visit: visit.Request{Scenario: &s, Cell: cell, Turns: c.Environment.Turns,
		Inputs: c.Inputs, Provided: c.provided}}, nil
}

// fineRate formats a rate in calls per second with three decimals. It formats rates below 100 with six significant
// digits, in at most nine decimals.
func fineRate(rate float64) string {
	digits := 5 - int(math.Floor(math.Log10(rate)))
	return strconv.FormatFloat(rate, 'f', min(max(digits, 3), 9), 64)
}
