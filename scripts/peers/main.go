// Command peers compares loadgen with its peers. Of the engine it measures what a call costs, how late calls begin,
// how that affects goroutines beside them, and how much memory a run keeps: all call the same function, in one
// process, in turns. Of the HTTP client it measures its CPU time, what it reports of a server that stops, and the
// connections that it opens: each client is a process, and the server another.
//
//	go run . [-only overhead,lag,exporter,memory,client,stall,pool] [-rounds 5] [-duration 1s] [-check]
//
// It exits with 0, with 1 if -check finds that loadgen misses a bar, with 2 for bad flags or if something could not be
// measured, and with 130 after an interrupt. In the last two cases it prints the tables of what was measured before.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"

	"github.com/loadgen-go/loadgen/quantile"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == childArgument {
		os.Exit(child(os.Args[2:], os.Stdin, os.Stdout, os.Stderr))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := command(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

func command(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintf(stderr, "peers: %v\n", err)
		return 2
	}
	return perform(ctx, o, stdout, stderr)
}

// perform measures what the options ask for, and returns the exit code.
func perform(ctx context.Context, o options, stdout, stderr io.Writer) int {
	worst, err := measure(ctx, o, stdout, stderr)
	switch {
	case err != nil:
		fmt.Fprintf(stderr, "peers: %v\n", err)
		return 2
	case ctx.Err() != nil:
		fmt.Fprintln(stderr, "peers: interrupted: the tables contain the complete rounds")
		return 130
	case worst == notMeasured:
		fmt.Fprintln(stderr, "peers: a bar could not be judged")
	}
	return worst.code()
}

// measure runs the sections and prints each when it is done. If bars are to be judged, it prints them at the end, and
// returns the worst verdict.
func measure(ctx context.Context, o options, stdout, stderr io.Writer) (verdict, error) {
	if _, err := io.WriteString(stdout, environment(o)); err != nil {
		return notMeasured, fmt.Errorf("writing the environment: %w", err)
	}
	var bars []judged
	var err error
	for _, s := range sections(o) {
		if !o.wants(s.name) || ctx.Err() != nil {
			continue
		}
		var rounds [][]figures
		rounds, err = s.measure(ctx, o, stderr)
		if len(rounds) > 0 {
			err = errors.Join(err, s.print(stdout, rounds))
		}
		bars = append(bars, s.judgeAll(rounds)...)
		if err != nil {
			break
		}
	}
	if !o.judge {
		return met, err
	}
	return worst(bars), errors.Join(err, printBars(stdout, bars))
}

// parse parses the flags. The error lists everything that is wrong with them.
func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	var only string
	var long bool
	flags := flag.NewFlagSet("peers", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // the error is printed once, by the caller
	flags.StringVar(&only, "only", "", "sections to run, from "+strings.Join(names, ",")+" (default all)")
	flags.IntVar(&o.rounds, "rounds", 5, "rounds, each of which measures everything once")
	flags.DurationVar(&o.duration, "duration", time.Second, "length of a load")
	flags.DurationVar(&o.timeout, "timeout", 0, "when a measurement is cut off (default twice the duration)")
	flags.Uint64Var(&o.seed, "seed", 0, "seed of the order within a round (default random)")
	flags.BoolVar(&o.judge, "check", false,
		"judge the bars of "+strings.Join(barred, ",")+", and exit with 1 if one is missed")
	flags.BoolVar(&long, "long", false, "measure memory with 1e8 calls instead of 1e7")
	if err := flags.Parse(args); err != nil {
		flags.SetOutput(stderr)
		flags.Usage()
		return options{}, err
	}
	if only != "" {
		o.only = strings.Split(only, ",")
	}
	if o.timeout == 0 {
		o.timeout = 2 * o.duration
	}
	for o.seed == 0 {
		o.seed = rand.Uint64N(1_000_000)
	}
	o.memory = [2]int{1_000_000, 10_000_000}
	if long {
		o.memory[1] = 100_000_000
	}
	o.stall = stallPlan{perSecond: 1000, length: 10 * time.Second, at: 4 * time.Second, pause: time.Second}
	o.pool = poolPlan{calls: 6000, perSecond: 2000, service: 5 * time.Millisecond}
	return o, o.check(flags.Args())
}

// check reports everything that is wrong with o, and with the arguments after the flags.
func (o options) check(args []string) error {
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if len(args) > 0 {
		wrong("unexpected arguments %q: want only flags", args)
	}
	for _, name := range o.only {
		if !slices.Contains(names, name) {
			wrong("-only: there is no section %q: want some of %s", name, strings.Join(names, ","))
		}
	}
	if o.judge && !slices.ContainsFunc(barred, o.wants) {
		wrong("-check: -only is %s, which has no bars: want some of %s", strings.Join(o.only, ","),
			strings.Join(barred, ","))
	}
	if o.rounds < 1 || o.rounds > 1000 {
		wrong("-rounds is %d: want 1 to 1000", o.rounds)
	}
	// With fewer calls, the percentile has no finite interval.
	calls := quantile.SamplesFor(0.99)
	if least := time.Duration(calls+fortioThreads) * time.Millisecond; o.duration < least || o.duration > time.Minute {
		wrong("-duration is %v: want %v to 1m, since a p99 needs %d calls, and the lowest rate is 1000 a second",
			o.duration, least, calls)
	}
	if o.timeout <= o.duration || o.timeout > time.Hour {
		wrong("-timeout is %v: want more than the duration, %v, and at most 1h", o.timeout, o.duration)
	}
	return errors.Join(errs...)
}
