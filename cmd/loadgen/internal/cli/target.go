package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"go.opentelemetry.io/otel/trace"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/address"
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
		case !scenarios.ValidName(t.Name) || t.Name == scenarios.MapTarget || scenarios.IsService(t.Name):
			errs = append(errs, fmt.Errorf("target %d is called %q: want letters, digits, . _ and -, and not %s, %s "+
				"or %s", i+1, t.Name, scenarios.MapTarget, scenarios.HTTPTarget, scenarios.GRPCTarget))
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

// own returns the program's own target with this name, or nil for those that every program has and for a service.
func (all targets) own(name string) (*visit.Own, error) {
	if name == scenarios.MapTarget || scenarios.IsService(name) {
		return nil, nil
	}
	for _, t := range all {
		if t.Name == name {
			return &visit.Own{Keys: t.Keys, Open: t.Open}, nil
		}
	}
	if scenarios.BuiltIn(name) {
		return nil, nil
	}
	known := slices.Insert(all.names(), 1, scenarios.SpanTarget)
	return nil, fmt.Errorf("target %q is unknown%s: want one of %s, or a program that has it", name,
		spelling.Meant(name, known), strings.Join(known, ", "))
}

// requested checks a request and returns the program's own target that it names, or nil for the map.
func (all targets) requested(req *visit.Request) (*visit.Own, error) {
	if err := req.Check(); err != nil {
		return nil, err
	}
	return all.own(req.Scenario.TargetOf(req.Cell))
}

// load loads the scenario that the arguments and flags of a command name. A URL is a service. An argument that is
// the name of one of the program's own targets means the same as --target. Without an argument, it returns a
// default scenario for the program's own targets that --target names, or for the first one; if the program has no
// targets, or --target names only the map, it loads span-reuse. The default scenario compares estimators only if a
// flag names some.
func (all targets) load(cmd *cobra.Command, args []string) (s *scenarios.Scenario, err error) {
	if args, err = all.takeTarget(cmd, args); err != nil {
		return nil, unusable(err)
	}
	settings := settingsOf(cmd)
	started, err := armSettings(cmd)
	if err != nil {
		return nil, unusable(err)
	}
	settings = append(settings, started...)
	switch {
	case len(args) > 0 && address.IsURL(args[0]):
		s, err = address.Scenario(args[0], settings)
	case len(args) > 0 && isRun(args[0]):
		s, err = scenarioOf(args[0], settings)
	case len(args) > 0:
		if s, err = scenarios.Load(args[0], settings...); err != nil {
			err = all.notLoaded(cmd, args[0], err)
		}
	case len(all) > 0 && !mapNamed(cmd):
		if err := all.comparable(cmd); err != nil {
			return nil, unusable(err)
		}
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
	errs := []error{setService(cmd, s)}
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
	if _, err := os.Stat(filepath.Join(path, results.JSONFile)); err == nil {
		return true
	}
	if filepath.Ext(path) != filepath.Ext(results.JSONFile) {
		return false
	}
	_, err := results.Read(path) // which a scenario in JSON is not
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
	s, err := scenarios.Decode(filepath.Join(directoryOf(run), results.JSONFile), text, settings...)
	if err != nil {
		return nil, err
	}
	return s, sameReplays(s, r)
}

// sameReplays returns an error if a scenario replays a file that is not the one of the run: the path is relative, and
// another directory may have another file of that name.
func sameReplays(s *scenarios.Scenario, r *results.Run) error {
	recorded := map[string]string{}
	for _, in := range r.Inputs {
		if in.Kind == results.Replay {
			recorded[in.Name] = in.SHA256
		}
	}
	if len(recorded) == 0 || len(s.Loads) == 0 {
		return nil
	}
	if err := s.ReadReplays(); err != nil {
		return fmt.Errorf("%w\nThe path is relative to the directory in which the run was made: run loadgen there",
			err)
	}
	for _, f := range s.ReplayFiles() {
		if digest, ok := recorded[f.Path]; ok && digest != f.SHA256 {
			return fmt.Errorf("%s is not the file that the run replayed, or has changed since: run loadgen in the "+
				"directory of the run's, or name the file with --load", f.Path)
		}
	}
	return nil
}

// takeTarget sets --target to the argument of a command, if it names one of the program's own targets and no scenario,
// and returns the remaining arguments.
func (all targets) takeTarget(cmd *cobra.Command, args []string) ([]string, error) {
	if len(args) == 0 || !slices.Contains(all.names()[1:], args[0]) || slices.Contains(scenarios.Names(), args[0]) {
		return args, nil
	}
	if given := targetFlag(cmd); given != nil {
		return nil, fmt.Errorf("%s and --target %s both name what to measure: want one of them", args[0],
			strings.Join(given, ","))
	}
	return nil, cmd.Flags().Set(scenarios.Target, args[0])
}

// comparable returns an error if --compare names two of the program's own targets, and --target does not name them.
func (all targets) comparable(cmd *cobra.Command) error {
	f := cmd.Flags().Lookup("compare")
	if f == nil || !f.Changed || targetFlag(cmd) != nil {
		return nil
	}
	for pair := range strings.SplitSeq(f.Value.String(), ",") {
		head, base, _ := strings.Cut(pair, " vs ")
		head, base = strings.TrimSpace(head), strings.TrimSpace(base)
		if own := all.names()[1:]; slices.Contains(own, head) && slices.Contains(own, base) {
			return fmt.Errorf("--compare: %s and %s are functions of this program: add --target %s,%s to measure both",
				head, base, base, head)
		}
	}
	return nil
}

// Arguments that may be URLs without a scheme: isHost matches those that are nothing else, a host with a port and
// localhost; mayBeHost matches those that may be paths, a domain name or an address, with or without a path.
var (
	isHost    = regexp.MustCompile(`^//[^/]|^(([A-Za-z0-9.-]*|\[[0-9A-Fa-f:.]+\]):[0-9]+|localhost)([/?]|$)`)
	mayBeHost = regexp.MustCompile(
		`^(www\.[^/]+|[0-9]+(\.[0-9]+){3}|[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+/.*|\[[0-9A-Fa-f:.]+\].*)$`)
)

// withScheme returns the URL that an argument without a scheme was probably meant to be.
func withScheme(arg string) string {
	arg = strings.TrimPrefix(arg, "//")
	if strings.HasPrefix(arg, ":") {
		arg = "localhost" + arg
	}
	if isMethod.MatchString(arg) {
		return "grpc://" + arg
	}
	return "http://" + arg
}

// isMethod matches an address with the method of a service of gRPC.
var isMethod = regexp.MustCompile(`^[^/]+/[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)+/[A-Z][A-Za-z0-9_]*$`)

// notLoaded adds to the error of a scenario that was not loaded what else its name may have been meant to be.
func (all targets) notLoaded(cmd *cobra.Command, name string, err error) error {
	own := all.names()[1:]
	switch meant := meantCommand(cmd, name); {
	case meant != "":
		return fmt.Errorf("%w\n%s", err, meant)
	case isHost.MatchString(name) && errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s is no scenario and no file: did you mean the service at %s?", name, withScheme(name))
	case mayBeHost.MatchString(name) && errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w\nThe URL of a service begins with its scheme, as %s", err, withScheme(name))
	case isPath(name):
		return err
	case len(own) > 0:
		return fmt.Errorf("%w\nIt is no function of this program either%s: these are %s", err,
			spelling.Meant(name, own), strings.Join(own, ", "))
	case len(spelling.Similar(name, scenarios.Names())) == 0:
		return fmt.Errorf("%w\nA function of your own is measured by a program that gives it to command.Main", err)
	}
	return err
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

// program returns the name of the program: loadgen, or the name of the file of a program with its own targets.
func (all targets) program() string {
	name := strings.TrimSuffix(filepath.Base(os.Args[0]), ".exe")
	if len(all) == 0 || !scenarios.ValidName(name) {
		return loadgen
	}
	return name
}

// arguments describes the argument SCENARIO of a command, for its help.
func (all targets) arguments() string {
	if len(all) == 0 {
		return "SCENARIO is a name that 'loadgen scenarios' lists, the path of a YAML file, the URL of a service " +
			"(http://, https://, grpc:// or grpcs://), or a run, which is run again with a new seed. Without it, " +
			"span-reuse is taken."
	}
	return "NAME is a function of this program (" + strings.Join(all.names()[1:], ", ") + "), a scenario that " +
		"'loadgen scenarios' lists, the path of a YAML file, the URL of a service (http://, https://, " +
		"grpc:// or grpcs://), or a run, which is run again with a new seed. Without it and without --target, " +
		all[0].Name + " is taken."
}

// use returns the form of the arguments of a command that takes a scenario.
func (all targets) use(command string) string {
	if len(all) > 0 {
		return command + " [NAME]"
	}
	return command + " [SCENARIO]"
}

// example returns the examples of a command: usual, or lines for a program with its own targets, in which FIRST and
// LAST stand for the first target and the last one. It leaves out lines that need two targets if there is one.
func (all targets) example(usual string, lines ...string) string {
	if len(all) == 0 {
		return usual
	}
	first, last := all[0].Name, all[len(all)-1].Name
	var fit []string
	for _, line := range lines {
		if len(all) > 1 || !strings.Contains(line, "FIRST") || !strings.Contains(line, "LAST") {
			fit = append(fit, strings.NewReplacer("FIRST", first, "LAST", last).Replace(line))
		}
	}
	return strings.Join(fit, "\n")
}

// list returns a paragraph that lists the program's own targets, or "" if there are none.
func (all targets) list() string {
	if len(all) == 0 {
		return ""
	}
	text := "The functions of this program, which run, plan and capacity take by name:\n\n"
	for _, t := range all {
		text += entry("  "+t.Name, t.about(), listTexts)
	}
	return text + "\n"
}

// complete registers the completion of --target and --compare, and puts the names of the targets into the help.
func (all targets) complete(cmd *cobra.Command) {
	complete(cmd, scenarios.Target, listOf(append(all.described(), scenarios.MapTarget)...))
	if cmd.Flags().Lookup("compare") != nil {
		complete(cmd, "compare", all.comparisons)
	}
	if len(all) > 0 {
		cmd.Flags().Lookup(scenarios.Target).Usage = "What is called. Takes a comma-separated list of " +
			strings.Join(all.names(), ", ") + "."
	}
}
