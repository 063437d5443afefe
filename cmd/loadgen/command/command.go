// Package command puts the command loadgen into a program, with functions of its own to
// put under load:
//
//	func main() {
//		command.Main(command.Func("look-up", func(ctx context.Context, key string) error {
//			return lookUp(ctx, key)
//		}))
//	}
package command

import (
	"context"
	"os"

	"go.opentelemetry.io/otel/trace"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/cli"
)

// A Target is something of a program's own to put under load: see [Main].
type Target struct {
	Name  string // for --target, the scenario's field target, and benchmark names
	About string // a line of text
	// Keys are what calls ask for, as popular as handlers.zipf says; without any they
	// ask for "".
	Keys []string
	// Open makes what is called, once in the process of each visit, before it is put
	// under load. What it spans is to be made by provider, which is that of the visit's
	// arm, and makes none in the arm none. ctx ends with the visit.
	//
	// If what Open returns is an [io.Closer], its Close is called once, when the load is over: every call has
	// returned or was given up, and what it cost has been read. That is so, too, if the visit fails or is
	// interrupted, when ctx has ended already. The provider still takes spans. Calls that were given up may still be
	// in the target, which the log of the visit says. A Close that fails or panics, or takes more than 10 s (1 s after
	// an interrupt), loses nothing that was measured: the error is printed, and the visit is in doubt, as not-closed.
	Open func(ctx context.Context, provider trace.TracerProvider) (bench.Target, error)
}

// Func returns a Target that calls f.
func Func(name string, f bench.TargetFunc) Target {
	return Target(cli.Func(name, f))
}

// Main runs the command line of the process and exits with its code: it is all of a
// program's main. Targets are functions of the program's own, which it can then put
// under load with all that the command has: scenarios, arms of spans, objectives,
// results for benchstat. The first of them is what it drives without a scenario.
//
// The program starts itself anew for each visit, and so must call Main before it
// does anything that is not to be done again.
func Main(own ...Target) {
	targets := make([]cli.Target, len(own))
	for i, t := range own {
		targets[i] = cli.Target(t)
	}
	os.Exit(cli.Run(targets))
}
