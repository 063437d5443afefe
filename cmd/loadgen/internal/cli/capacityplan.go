package cli

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/loadgen-go/loadgen/bench/schedule"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/capacity"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/fleet"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/page"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/terminal"
)

func newCapacityPlan() *cobra.Command {
	var f planFlags
	cmd := &cobra.Command{
		Use:   "plan [RESULT]",
		Short: "Compute how many instances carry a peak, after failures",
		Example: `  loadgen capacity plan --peak 250k RESULT
  loadgen capacity plan --peak 250k --headroom 40% --failures 2 capacity.json
  loadgen capacity plan --peak 250k --capacity 40600..41900
  loadgen capacity plan --peak 250k capacity.json --format html -o plan.html`,
		Long: `RESULT is what loadgen capacity measured: its directory, or its capacity.json.
--capacity gives the capacity of an instance instead.

The plan is the fewest instances for which, after --failures of them are lost,
the busiest of the rest is offered at most

  (1 - headroom) x the rate at which visits held

in 95% of the visits, if calls reach instances at random. For each arm it has
the instances, how busy they are, what the arm costs in instances and in cores
beside the first arm, and the instances for other headrooms and failures.

The plan assumes that instances fail one by one. It leaves out uneven balancing,
failures of a whole zone, retries, and what instances share: choose --failures
and --headroom so that they allow for these.

Exit codes: 0 there is a plan; 2 bad input.`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: single(resultsOf(capacity.FileName, isJSON)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("out") && f.out == "" {
				return unusable(errors.New("--out is empty: want a file, or - for standard output"))
			}
			w := cmd.OutOrStdout()
			if f.out != "-" {
				w = io.Discard // a file is no terminal
			}
			text, err := f.plan(args, screenOf(cmd, w), f.detail.of(cmd))
			if err != nil {
				return unusable(err)
			}
			if f.out != "-" {
				return unusable(writeFile(cmd.OutOrStdout(), f.out, []byte(text)))
			}
			_, err = fmt.Fprint(cmd.OutOrStdout(), text)
			return unusable(err)
		},
	}
	f.add(cmd)
	return cmd
}

// planFormats lists the formats that capacity plan accepts.
var planFormats = append(fleet.Formats(), formatHTML)

// A planFlags holds the flags of capacity plan before they are parsed.
type planFlags struct {
	peak, headroom, failures, capacity, format, out string
	detail                                          detail
}

func (f *planFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.peak, "peak", "",
		"The `rate` that all instances together carry, such as 250000, 250k or 15M/m.")
	flags.StringVar(&f.headroom, "headroom", "30%",
		"The `share` of capacity to leave at the peak after the failures, 0% to 95%.")
	flags.StringVar(&f.failures, "failures", "1", "How many `instances` are lost at once, 0 to 1000.")
	flags.StringVar(&f.capacity, "capacity", "",
		"Instead of RESULT, the `rate` that one instance carries, such as 41200, or an interval such as 40600..41900.")
	addFormat(cmd, &f.format, planFormats)
	f.detail.add(cmd)
	flags.StringVarP(&f.out, "out", "o", "-", "Where to write it: a `file`, or - for standard output.")
	group(cmd, groupLoad, "peak", "headroom", "failures", "capacity")
	group(cmd, groupOutput, "out")
	complete(cmd, "headroom", oneOf("10%", "20%", "30%", "40%", "50%", "60%"))
	complete(cmd, "failures", oneOf("0", "1", "2"))
	complete(cmd, "peak", oneOf())
	complete(cmd, "capacity", oneOf())
}

// plan returns a plan in the format of --format. Text is for a screen. It reports all errors in the flags and in
// RESULT together.
func (f *planFlags) plan(args []string, screen *terminal.Screen, detail terminal.Detail) (string, error) {
	var errs []error
	wrong := func(flag string, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("--%s: %w", flag, err))
		}
	}
	ask := fleet.Ask{Peak: 1} // a placeholder: a plan is made only if --peak is valid
	if f.peak == "" {
		errs = append(errs, errors.New("--peak is missing: want the calls a second that all instances together "+
			"carry, such as 250000"))
	} else if qps, err := schedule.ParseRate(f.peak); err != nil {
		wrong("peak", err)
	} else {
		ask.Peak = qps.Float()
	}
	var err error
	ask.Headroom, err = parseHeadroom(f.headroom)
	wrong("headroom", err)
	ask.Failures, err = parseFailures(f.failures)
	wrong("failures", err)
	errs = append(errs, checkFormat(f.format, planFormats))
	measured, err := f.measured(args)
	if err := errors.Join(append(errs, err)...); err != nil {
		return "", err
	}
	plan, err := fleet.New(ask, measured)
	if err != nil {
		return "", err
	}
	if f.format == formatHTML {
		var b strings.Builder
		err := page.WritePlan(&b, plan)
		return b.String(), err
	}
	text, err := plan.Format(f.format, screen, detail)
	if f.format == formatText {
		text = screen.Symbols(text)
	}
	return text, err
}

// parseHeadroom parses a share such as 30% or 0.3, which is at most fleet.MostHeadroom.
func parseHeadroom(text string) (float64, error) {
	number, isPercent := strings.CutSuffix(text, "%")
	x, err := strconv.ParseFloat(number, 64)
	if isPercent {
		x /= 100
	}
	if err != nil || !(x >= 0 && x <= fleet.MostHeadroom) {
		return 0, fmt.Errorf("%q is not valid: want 0%% to %v%%, such as 30%% or 0.3", text, 100*fleet.MostHeadroom)
	}
	return x, nil
}

// parseFailures parses a number of lost instances, which is at most fleet.MostFailures.
func parseFailures(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > fleet.MostFailures {
		return 0, fmt.Errorf("%q is not valid: want a whole number, 0 to %d", text, fleet.MostFailures)
	}
	return n, nil
}

// measured returns the capacities to plan with, from the RESULT in args or from --capacity. It returns an error unless
// exactly one of them was given.
func (f *planFlags) measured(args []string) (*fleet.Measured, error) {
	switch {
	case f.capacity == "" && len(args) == 0:
		return nil, errors.New("there is no capacity to plan with: want RESULT, the directory that loadgen " +
			"capacity wrote, or --capacity 41200")
	case f.capacity != "" && len(args) > 0:
		return nil, fmt.Errorf("--capacity: %s and %s are two capacities: want one of them", f.capacity, args[0])
	case f.capacity == "":
		return fleet.Read(args[0])
	}
	first, last, isInterval := strings.Cut(f.capacity, "..")
	if !isInterval {
		last = first
	}
	low, err := schedule.ParseRate(first)
	if err != nil {
		return nil, fmt.Errorf("--capacity: %w", err)
	}
	high, err := schedule.ParseRate(last)
	if err != nil {
		return nil, fmt.Errorf("--capacity: %w", err)
	}
	if low.Float() > high.Float() {
		return nil, fmt.Errorf("--capacity: %s is above %s: want LOW..HIGH, such as 40600..41900", first, last)
	}
	return fleet.Given(low.Float(), high.Float()), nil
}
