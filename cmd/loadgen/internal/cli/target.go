package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"go.opentelemetry.io/otel/trace"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/visit"
	"github.com/loadgen-go/loadgen/internal/spelling"
	"github.com/loadgen-go/loadgen/scenarios"
)

// A Target is something of a program's own to put under load: package command documents
// its fields.
type Target struct {
	Name  string
	About string
	Keys  []string
	Open  func(ctx context.Context, provider trace.TracerProvider) (bench.Target, error)
}

// Func returns a Target that calls f.
func Func(name string, f bench.TargetFunc) Target {
	return Target{Name: name, Open: func(context.Context, trace.TracerProvider) (bench.Target, error) { return f, nil }}
}

// targets are those of the program, besides the map.
type targets []Target

func (all targets) check() error {
	var errs []error
	for i, t := range all {
		switch {
		case !scenarios.ValidName(t.Name) || t.Name == scenarios.MapTarget:
			errs = append(errs, fmt.Errorf("target %d is called %q: want letters, digits, . _ and -, and not %s", i+1,
				t.Name, scenarios.MapTarget))
		case t.Open == nil:
			errs = append(errs, fmt.Errorf("target %q has no Open: want a function", t.Name))
		case slices.ContainsFunc(all[:i], func(o Target) bool { return o.Name == t.Name }):
			errs = append(errs, fmt.Errorf("target %q is given twice", t.Name))
		}
	}
	return errors.Join(errs...)
}

func (all targets) names() []string {
	names := []string{scenarios.MapTarget}
	for _, t := range all {
		names = append(names, t.Name)
	}
	return names
}

// own is the target that a scenario names, as a visit takes it; nil if it names the
// map.
func (all targets) own(s *scenarios.Scenario) (*visit.Own, error) {
	if s.Target == scenarios.MapTarget {
		return nil, nil
	}
	for _, t := range all {
		if t.Name == s.Target {
			return &visit.Own{Keys: t.Keys, Open: t.Open}, nil
		}
	}
	return nil, fmt.Errorf("target %q is unknown%s: want one of %s, or a program that has it", s.Target,
		spelling.Meant(s.Target, all.names()), strings.Join(all.names(), ", "))
}

// requested is the target that a request names, once the request has been checked.
func (all targets) requested(req *visit.Request) (*visit.Own, error) {
	if err := req.Check(); err != nil {
		return nil, err
	}
	return all.own(req.Scenario)
}

// load loads what a command's arguments and flags name: without a name, the program's own
// target that --target names, its first one, or span-reuse if it has none. No estimators are
// compared on a program's own target, unless they are asked for.
func (all targets) load(cmd *cobra.Command, args []string) (s *scenarios.Scenario, err error) {
	settings := settingsOf(cmd)
	switch {
	case len(args) > 0:
		s, err = scenarios.Load(args[0], settings...)
	case len(all) > 0 && !mapNamed(cmd):
		t := all.named(cmd)
		about := ""
		if t.About != "" {
			about = fmt.Sprintf("about: %q\n", t.About)
		}
		s, err = scenarios.Decode(t.Name+".yaml", fmt.Appendf(nil,
			"%starget: %s\nqps: 1000\nduration: 5s\nwarmup: 1s\nrounds: 6\nquantile: none\n", about, t.Name), settings...)
	default:
		s, err = scenarios.Load("span-reuse", settings...)
	}
	if err != nil {
		return nil, unusable(err)
	}
	_, err = all.own(s)
	return s, unusable(err)
}

// targetFlag returns the value of --target, or "".
func targetFlag(cmd *cobra.Command) string {
	if f := cmd.Flags().Lookup("target"); f != nil && f.Changed {
		return f.Value.String()
	}
	return ""
}

// mapNamed reports whether --target names the map, which is a target of loadgen's own.
func mapNamed(cmd *cobra.Command) bool { return targetFlag(cmd) == scenarios.MapTarget }

// named returns the target that --target names, or the first. One that is unknown is refused later.
func (all targets) named(cmd *cobra.Command) Target {
	for _, t := range all {
		if t.Name == targetFlag(cmd) {
			return t
		}
	}
	return all[0]
}

// usual says what a command drives without a scenario, for its help.
func (all targets) usual() string {
	if len(all) > 0 {
		return "the target " + all[0].Name + ", or that of --target"
	}
	return "span-reuse"
}

// complete offers the targets of --target.
func (all targets) complete(cmd *cobra.Command) {
	complete := func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		var names []string
		for _, t := range all {
			names = append(names, cobra.CompletionWithDesc(t.Name, t.About))
		}
		return append(names, scenarios.MapTarget), cobra.ShellCompDirectiveNoFileComp
	}
	if err := cmd.RegisterFlagCompletionFunc("target", complete); err != nil {
		panic(err) // addSettings adds the flag
	}
}
