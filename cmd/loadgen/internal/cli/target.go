package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"go.opentelemetry.io/otel/trace"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/visit"
	"github.com/loadgen-go/loadgen/internal/spelling"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/scenarios"
)

// A Target is a target that the program itself provides. Package command documents its fields.
type Target struct {
	Name  string
	About string
	Keys  []string
	Open  func(ctx context.Context, provider trace.TracerProvider) (bench.Target, error)
}

// Func returns a Target that calls f.
func Func(name string, f bench.TargetFunc) Target {
	return Target{Name: name, Open: func(context.Context, trace.TracerProvider) (bench.Target, error) {
		return f, nil
	}}
}

// targets holds the program's own targets. The map, which every program has, is not among them.
type targets []Target

// check returns all errors in the names and functions of the targets.
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

// names returns the names that --target accepts: the map, and the program's own targets.
func (all targets) names() []string {
	names := []string{scenarios.MapTarget}
	for _, t := range all {
		names = append(names, t.Name)
	}
	return names
}

// own returns the program's own target with this name, or nil for the map.
func (all targets) own(name string) (*visit.Own, error) {
	if name == scenarios.MapTarget {
		return nil, nil
	}
	for _, t := range all {
		if t.Name == name {
			return &visit.Own{Keys: t.Keys, Open: t.Open}, nil
		}
	}
	return nil, fmt.Errorf("target %q is unknown%s: want one of %s, or a program that has it", name,
		spelling.Meant(name, all.names()), strings.Join(all.names(), ", "))
}

// requested checks a request and returns the program's own target that it names, or nil for the map.
func (all targets) requested(req *visit.Request) (*visit.Own, error) {
	if err := req.Check(); err != nil {
		return nil, err
	}
	return all.own(req.Scenario.TargetOf(req.Cell))
}

// load loads the scenario that the arguments and flags of a command name. Without an argument, it returns a default
// scenario for the program's own targets that --target names, or for the first one; if the program has no targets, or
// --target names only the map, it loads span-reuse. The default scenario compares estimators only if a flag names
// some.
func (all targets) load(cmd *cobra.Command, args []string) (s *scenarios.Scenario, err error) {
	settings := settingsOf(cmd)
	switch {
	case len(args) > 0 && isRun(args[0]):
		s, err = scenarioOf(args[0], settings)
	case len(args) > 0:
		s, err = scenarios.Load(args[0], settings...)
	case len(all) > 0 && !mapNamed(cmd):
		name, about := all.named(cmd)
		if about != "" {
			about = fmt.Sprintf("about: %q\n", about)
		}
		s, err = scenarios.Decode(name+".yaml", fmt.Appendf(nil,
			"%starget: %s\nqps: 1000\nduration: 5s\nwarmup: 1s\nrounds: 6\nquantile: none\n", about, all[0].Name),
			settings...)
	default:
		s, err = scenarios.Load("span-reuse", settings...)
	}
	if err != nil {
		return nil, unusable(err)
	}
	var errs []error
	for _, name := range s.Arms(scenarios.Target) {
		_, err := all.own(name)
		errs = append(errs, err)
	}
	return s, unusable(errors.Join(errs...))
}

// isRun reports whether a path is the directory of a run, or its run.json.
func isRun(path string) bool {
	if filepath.Base(path) == results.JSONFile {
		return true
	}
	_, err := os.Stat(filepath.Join(path, results.JSONFile))
	return err == nil
}

// scenarioOf returns the scenario of a run with its settings replaced by others. Its seed is drawn again unless it is
// one of them, since the same calls once more would repeat what chance made of the first ones.
func scenarioOf(run string, settings []scenarios.Setting) (*scenarios.Scenario, error) {
	r, err := results.Read(run)
	if err != nil {
		return nil, err
	}
	r.Scenario.Seed = 0
	text, err := json.Marshal(r.Scenario)
	if err != nil {
		return nil, err
	}
	return scenarios.Decode(filepath.Join(directoryOf(run), results.JSONFile), text, settings...)
}

// targetFlag returns the targets that --target names.
func targetFlag(cmd *cobra.Command) []string {
	if f := cmd.Flags().Lookup(scenarios.Target); f != nil && f.Changed {
		return strings.Split(f.Value.String(), ",")
	}
	return nil
}

// mapNamed reports whether --target names only the map.
func mapNamed(cmd *cobra.Command) bool {
	return slices.Equal(targetFlag(cmd), []string{scenarios.MapTarget})
}

// named returns the name and the description of a scenario for the targets that --target names, or for
// the first target. The caller must reject unknown targets.
func (all targets) named(cmd *cobra.Command) (name, about string) {
	names := targetFlag(cmd)
	if len(names) > 1 {
		return strings.Join(names, "-"), ""
	}
	for _, t := range all {
		if len(names) == 1 && t.Name == names[0] {
			return t.Name, t.About
		}
	}
	return all[0].Name, all[0].About
}

// usual describes the target or scenario that a command runs without an argument, for the help of the command.
func (all targets) usual() string {
	if len(all) > 0 {
		return "the target " + all[0].Name + ", or that of --target"
	}
	return "span-reuse"
}

// complete registers the completion of --target.
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
