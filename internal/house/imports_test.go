package house_test

import (
	"go/parser"
	"go/token"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// libraries and rooms hold what each package may import of this module, besides the standard library and the modules
// of others. The order is that in which a datum goes its way: a package imports only what comes before it.
var libraries = map[string][]string{
	"internal/witness":      {},
	"internal/jsonfile":     {},
	"internal/problems":     {},
	"internal/property":     {},
	"internal/promtest":     {},
	"internal/rng":          {},
	"internal/spelling":     {},
	"scripts/suite":         {"internal/property"},
	"quantile":              {},
	"quantile/quantiletest": {"quantile"},
	"sampling":              {"internal/rng", "quantile"},
	"quantile/peers":        {"quantile"},
	"quantile/estimators":   {"quantile", "quantile/peers", "sampling"},
	"bench/schedule":        {"internal/rng", "internal/spelling"},
	"bench/pace":            {},
	"bench/record":          {"internal/spelling", "quantile"},
	"bench/work":            {"internal/rng"},
	"bench":                 {"quantile", "bench/schedule", "bench/pace", "bench/record"},
	"bench/template":        {"internal/rng"},
	"bench/dial":            {"quantile", "bench/record"},
	"bench/expect":          {"bench/record"},
	"bench/httptarget": {"internal/problems", "bench", "bench/schedule", "bench/record", "bench/dial", "bench/expect",
		"bench/template"},
	"bench/grpctarget": {"internal/problems", "internal/spelling", "quantile", "bench", "bench/schedule",
		"bench/record", "bench/dial",
		"bench/expect", "bench/template"},
	"bench/benchtest": {"quantile", "bench", "bench/schedule", "bench/pace", "bench/record"},
	"scenarios": {"internal/spelling", "bench", "bench/schedule", "bench/pace", "bench/record", "bench/httptarget",
		"bench/grpctarget", "bench/work"},
	"results": {"internal/jsonfile", "quantile", "bench/record", "bench/grpctarget", "bench/httptarget", "bench/work",
		"scenarios"},
	"results/comparison":               {"internal/spelling", "bench/record", "scenarios", "results"},
	"observable/internal/clock":        {},
	"observable/internal/values":       {},
	"observable":                       {"observable/internal/clock", "observable/internal/values"},
	"observable/metrics":               {"observable"},
	"observable/probed":                {"observable"},
	"observable/pooled":                {"observable/internal/clock", "observable/internal/values"},
	"observable/pooled/otlphttp":       {"observable/pooled"},
	"observable/lifecycle":             {"observable/pooled", "observable/pooled/otlphttp"},
	"observable/spans":                 {"observable/pooled"},
	"observable/register":              {},
	"scenarios/services/shop":          {"internal/spelling", "observable", "observable/lifecycle"},
	"scenarios/services/shop/cmd/shop": {"scenarios/services/shop"},
}

// rooms are the packages under cmd/loadgen/internal without cli. Each lists the other rooms that it may import; every
// room may import the libraries. The packages above the rooms follow in TestTheCommandTiesTheRoomsTogether.
var rooms = map[string][]string{
	"address":  {},
	"buckets":  {"format", "scrape", "terminal"},
	"capacity": {"fleet", "format", "lock", "usl", "terminal"},
	"child":    {},
	"fleet":    {"format", "usl", "terminal"},
	"format":   {},
	"gate":     {"format", "terminal"},
	"golden":   {},
	"hdrlog":   {},
	"history":  {"child", "format", "gate", "lock", "terminal"},
	"instrument": {"child", "format", "instrument/load", "instrument/probe",
		"instrument/rewrite"},
	"instrument/load":                  {},
	"instrument/probe":                 {},
	"instrument/probe/lgprobe":         {},
	"instrument/probe/lgprobe/bridge":  {"instrument/probe/lgprobe"},
	"instrument/probe/lgprobe/generic": {"instrument/probe/lgprobe"},
	"instrument/probe/lgprobe/live":    {"instrument/probe/lgprobe"},
	"instrument/rewrite":               {"instrument/load", "instrument/probe"},
	"lock":                             {},
	"machine":                          {"format"},
	"otlpsink":                         {"child", "machine"},
	"page":                             {"buckets", "fleet", "format", "gate", "report", "usl"},
	"pty":                              {},
	"quantiles":                        {"format", "hdrlog", "terminal"},
	"report":                           {"format", "gate", "terminal"},
	"revision":                         {"child", "terminal"},
	"rounds":                           {"child", "format", "revision", "visit", "terminal"},
	"scrape":                           {"format"},
	"selftest":                         {"format", "machine", "service", "terminal"},
	"service":                          {"child", "format", "machine"},
	"sockets":                          {"format", "report"},
	"terminal":                         {"format"},
	"usl":                              {"format"},
	"visit": {"format", "instrument/probe/lgprobe", "machine", "otlpsink", "service", "visit/bare",
		"visit/compiled"},
	"visit/bare":     {},
	"visit/compiled": {"instrument/probe/lgprobe"},
}

const (
	module  = "github.com/loadgen-go/loadgen/"
	command = "cmd/loadgen/"
	inner   = command + "internal/"
)

// imports returns what the files of each package import, tests left out, on every system.
func imports(t *testing.T) map[string][]string {
	t.Helper()
	imported := map[string]map[string]bool{}
	for _, f := range goFiles(t) {
		if f.test || f.testdata || f.otherModule {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), f.name, f.text, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		if imported[f.dir] == nil {
			imported[f.dir] = map[string]bool{}
		}
		for _, spec := range parsed.Imports {
			path, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			imported[f.dir][strings.TrimPrefix(path, module)] = true
		}
	}
	sorted := map[string][]string{}
	for dir, paths := range imported {
		sorted[dir] = slices.Sorted(maps.Keys(paths))
	}
	return sorted
}

// ours reports whether a path, from which the module's has been cut, is a package of this module.
func ours(path string, packages map[string][]string) bool {
	_, ok := packages[path]
	return ok
}

// The way of a datum: a library imports only what comes before it, and never the command.
func TestImportsPointOneWay(t *testing.T) {
	packages := imports(t)
	for pkg, paths := range packages {
		if strings.HasPrefix(pkg, "cmd/") {
			continue
		}
		may, ok := libraries[pkg]
		if !ok {
			t.Errorf("package %s has no place in the order of imports", pkg)
		}
		for _, path := range paths {
			if ours(path, packages) && !slices.Contains(may, path) {
				t.Errorf("%s imports %s, and may import only %v", pkg, path, may)
			}
		}
	}
	for pkg, may := range libraries {
		for _, path := range append([]string{pkg}, may...) {
			if !ours(path, packages) {
				t.Errorf("the order of imports names %s, which is no package", path)
			}
			if path != pkg && !slices.Contains(packages[pkg], path) {
				t.Errorf("%s may import %s, and does not: remove it from the order of imports", pkg, path)
			}
		}
	}
}

// A room of the command knows only the rooms below it. cli ties the rooms together, command offers what a program of
// the user's own imports, and main calls it.
func TestTheCommandTiesTheRoomsTogether(t *testing.T) {
	packages := imports(t)
	for pkg, paths := range packages {
		if !strings.HasPrefix(pkg, "cmd/") {
			continue
		}
		room := strings.TrimPrefix(pkg, inner)
		may, ok := rooms[room]
		switch {
		case pkg == "cmd/loadgen":
			may, ok = []string{command + "command"}, true
		case pkg == command+"command":
			may, ok = []string{"bench", inner + "cli"}, true
		case pkg == inner+"cli":
			may, ok = slices.Concat(prefixed(slices.Sorted(maps.Keys(rooms))),
				slices.Sorted(maps.Keys(libraries))), true
		default:
			may = append(prefixed(may), slices.Sorted(maps.Keys(libraries))...)
		}
		if !ok {
			t.Errorf("package %s has no place among the rooms of the command", pkg)
		}
		for _, path := range paths {
			if ours(path, packages) && !slices.Contains(may, path) {
				t.Errorf("%s imports %s, and may not", pkg, path)
			}
		}
	}
	for room, may := range rooms {
		for _, other := range may {
			if !slices.Contains(packages[inner+room], inner+other) {
				t.Errorf("%s may import %s, and does not: remove it from the list of rooms", room, other)
			}
		}
	}
}

// prefixed returns the import paths of rooms within the module.
func prefixed(names []string) []string {
	paths := make([]string, len(names))
	for i, name := range names {
		paths[i] = inner + name
	}
	return paths
}

// A package that imports testing adds the flags of go test to the program that imports it.
func TestTestingIsImportedByTestsAndTheirHelpers(t *testing.T) {
	helpers := []string{"bench/benchtest", "cmd/loadgen/internal/golden", "internal/promtest",
		"quantile/quantiletest"}
	for pkg, paths := range imports(t) {
		if slices.Contains(paths, "testing") != slices.Contains(helpers, pkg) {
			t.Errorf("package %s: want testing imported outside of tests by %v only", pkg, helpers)
		}
	}
}

// The command links quantiletest, which is a suite for testing.TB, for the claims that `loadgen quantiles` checks.
// It links no other helper of tests.
func TestTheCommandLinksNoHelperOfTests(t *testing.T) {
	helpers := []string{module + "bench/benchtest", module + "cmd/loadgen/internal/golden",
		module + "internal/promtest", module + "internal/property", "github.com/google/go-cmp/cmp",
		"pgregory.net/rapid"}
	for _, words := range goList(t, "-deps", "-f", "{{.ImportPath}}", module+"cmd/loadgen") {
		if slices.Contains(helpers, words[0]) {
			t.Errorf("cmd/loadgen depends on %s", words[0])
		}
	}
}

// The engine and the estimators stay light, and a service that imports the map
// gets no more than the API. The sample services are what OpenTelemetry is measured in: they import it as services
// do, and only the command imports them.
func TestOpenTelemetryStaysWhereItBelongs(t *testing.T) {
	const otel = "go.opentelemetry.io/"
	for _, words := range goList(t, "-f", "{{.ImportPath}} {{join .Deps \" \"}}", module+"...") {
		pkg := strings.TrimPrefix(words[0], module)
		for _, dep := range words[1:] {
			if strings.HasPrefix(dep, otel) && !within(pkg, "observable") &&
				!within(pkg, "cmd/loadgen") && !within(pkg, "scenarios/services") {
				t.Errorf("%s depends on %s", pkg, dep)
				break
			}
			if pkg == "observable" && strings.HasPrefix(dep, otel+"otel/sdk") {
				t.Errorf("observable depends on %s: want the API alone", dep)
			}
		}
	}
}

// within reports whether a package is dir or below it.
func within(pkg, dir string) bool {
	return pkg == dir || strings.HasPrefix(pkg, dir+"/")
}

// gRPC comes with the exporters of observable/lifecycle, and bench/grpctarget calls services with it. The command asks
// services for their health with it, and receives what they export. The engine has no use for it.
func TestGRPCStaysWhereItBelongs(t *testing.T) {
	for pkg, paths := range imports(t) {
		for _, path := range paths {
			if strings.HasPrefix(path, "google.golang.org/grpc") && pkg != "observable/lifecycle" &&
				pkg != "bench/grpctarget" && !within(pkg, "cmd/loadgen") {
				t.Errorf("%s imports %s: want it in observable/lifecycle, bench/grpctarget and the command only",
					pkg, path)
			}
		}
	}
}

// A target brings the libraries of its protocol. The engine depends on none of them, and its tests import none.
func TestTheEngineDependsOnNoProtocol(t *testing.T) {
	const imports = `{{.ImportPath}} {{join .Deps " "}} {{join .TestImports " "}} {{join .XTestImports " "}}`
	for _, words := range goList(t, "-f", imports, module+"bench") {
		for _, dep := range words[1:] {
			if strings.HasPrefix(dep, "google.golang.org/grpc") {
				t.Errorf("%s depends on %s: want its test under cmd/loadgen", words[0], dep)
				break
			}
		}
	}
}
