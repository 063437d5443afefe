package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// Parts of a run.
const (
	partRead   = "read"
	partOutage = "outage"
)

var parts = []string{partRead, partOutage}

// options are the flags.
type options struct {
	only     []string
	rate     float64 // spans per second, of each arm
	duration time.Duration
	outage   time.Duration
	rounds   int
	seed     uint64
	format   string
	keep     bool
}

// wants reports whether a part is to be run.
func (o *options) wants(part string) bool { return len(o.only) == 0 || slices.Contains(o.only, part) }

const usage = `Usage: scripts/stack/run [flags]

Runs a Gin service, an OpenTelemetry Collector, Jaeger and Prometheus on this
machine, puts the service under load, and reads back what arrived.

  read    sends requests in traces with known ids to the service, once with the
          spans of the SDK and once with reused spans. Reads every trace back
          from Jaeger, and the counts of requests from Prometheus.
  outage  stops the collector in the middle of a load, and starts it again:
          what is kept, what is lost, and whether requests take longer.

Flags:
  -only PARTS      read, outage, or both (the default)
  -rate N          spans per second of each service (default 2000)
  -duration D      length of the load of read (default 3s)
  -outage D        how long the collector is stopped (default 5s)
  -rounds N        rounds of outage, each with and without one (default 2)
  -seed N          seed of the requests and the ids (default 1)
  -format FORMAT   text or json (default text)
  -keep            leave everything running for a look, until an interrupt, and
                   keep the logs

Examples:
  scripts/stack/run                            # everything, in about a minute
  scripts/stack/run -only read -keep           # look at the traces in Jaeger
  scripts/stack/run -only outage -outage 20s   # a longer outage
  scripts/stack/run -format json | jq .problems

It exits with 0 if everything adds up, with 1 if something does not, with 2 for
wrong flags or if something could not be measured, and with 130 after an
interrupt.
`

// parse parses the flags. The error has everything that is wrong with them.
func parse(args []string, stdout io.Writer) (*options, error) {
	var o options
	var only string
	flags := flag.NewFlagSet("stack", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // the error says it all
	flags.StringVar(&only, "only", "", "")
	flags.Float64Var(&o.rate, "rate", 2000, "")
	flags.DurationVar(&o.duration, "duration", 3*time.Second, "")
	flags.DurationVar(&o.outage, "outage", 5*time.Second, "")
	flags.IntVar(&o.rounds, "rounds", 2, "")
	flags.Uint64Var(&o.seed, "seed", 1, "")
	flags.StringVar(&o.format, "format", "text", "")
	flags.BoolVar(&o.keep, "keep", false, "")
	err := flags.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		if _, err := io.WriteString(stdout, usage); err != nil {
			return nil, err
		}
		return nil, flag.ErrHelp
	}
	if err != nil {
		return nil, fmt.Errorf("%w (-h explains the flags)", err)
	}
	if only != "" {
		o.only = strings.Split(only, ",")
	}
	return &o, o.check(flags.Args())
}

// check returns everything that is wrong with the options, and with the arguments after the flags.
func (o *options) check(args []string) error {
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if len(args) > 0 {
		wrong("unexpected arguments %q: want only flags", args)
	}
	for _, part := range o.only {
		if !slices.Contains(parts, part) {
			wrong("-only: there is no part %q: want %s", part, strings.Join(parts, " or "))
		}
	}
	if !(o.rate >= 10 && o.rate <= 50_000) { // also if it is not a number
		wrong("-rate is %v: want 10 to 50000 spans per second", o.rate)
	}
	limits := func(name string, d, least, most time.Duration) {
		if d < least || d > most {
			wrong("-%s is %v: want %v to %v", name, d, least, most)
		}
	}
	limits("duration", o.duration, 500*time.Millisecond, 10*time.Minute)
	limits("outage", o.outage, 500*time.Millisecond, 10*time.Minute)
	if o.rounds < 1 || o.rounds > 100 {
		wrong("-rounds is %d: want 1 to 100", o.rounds)
	}
	if !slices.Contains([]string{"text", "json"}, o.format) {
		wrong("-format is %q: want text or json", o.format)
	}
	return errors.Join(errs...)
}
