// Package command adds the command loadgen to a program, so that it can put functions of the program under load:
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

// A Target is a part of the program to put under load, such as a function. See [Main]. Several targets are compared
// in one run with --target a,b --compare "b vs a".
type Target struct {
	Name  string // name as an argument, in --target, in the scenario's field target, and in benchmark names
	About string // one-line description
	// Keys are the keys that calls pass to the target. The scenario's field handlers.zipf determines how popular each
	// key is. If Keys is empty, calls pass "".
	Keys []string
	// Open returns the target that calls are made to. Each visit runs in its own process, which calls Open once before
	// the load begins. The target must create its spans with provider, which belongs to the visit's arm of spans and
	// creates no spans in the arm none. ctx ends with the visit.
	//
	// If the returned target is an [io.Closer], the visit calls its Close once after the load, when every call has
	// returned or was given up and the cost of the calls has been read. The visit calls Close even if the visit fails
	// or is interrupted; after an interrupt, ctx has already ended. The provider still accepts spans during Close.
	// Calls that were given up may still be running in the target; if so, the log of the visit reports how many.
	// If Close fails, panics, or takes more than 10 s (1 s after an interrupt), no measurement is lost: the error is
	// printed, and the visit is in doubt, for the reason not-closed.
	Open func(ctx context.Context, provider trace.TracerProvider) (bench.Target, error)
}

// Func returns a Target that is called name and calls f.
func Func(name string, f bench.TargetFunc) Target {
	return Target(cli.Func(name, f))
}

// Main runs the command line of the process and exits with its exit code. It does not return, and is usually the only
// statement of the program's main function. The command can put each of the program's own targets under load, with
// scenarios, arms of spans, objectives, and results that benchstat reads. It takes the name of a target in place of a
// scenario; without either, it drives the first target. Its help lists the targets.
//
// The program starts itself again for each visit, so it must call Main before it does anything that must not be done
// more than once.
func Main(own ...Target) {
	targets := make([]cli.Target, len(own))
	for i, t := range own {
		targets[i] = cli.Target(t)
	}
	os.Exit(cli.Run(targets))
}
