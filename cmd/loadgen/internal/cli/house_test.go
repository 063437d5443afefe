package cli

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/loadgen-go/loadgen/"

// goList runs go list with a template and returns its lines in words.
func goList(t *testing.T, args ...string) (lines [][]string) {
	t.Helper()
	out, err := exec.Command("go", append([]string{"list"}, args...)...).Output()
	if err != nil {
		t.Fatalf("go list %v: %v", args, err)
	}
	for line := range strings.Lines(string(out)) {
		lines = append(lines, strings.Fields(line))
	}
	return lines
}

// The way of a datum: a package imports only what comes before it.
func TestImportsPointOneWay(t *testing.T) {
	allowed := map[string][]string{
		"internal/jsonfile":          {},
		"internal/property":          {},
		"internal/rng":               {},
		"internal/spelling":          {},
		"scripts/suite":              {"internal/property"},
		"quantile":                   {},
		"quantile/quantiletest":      {"quantile"},
		"sampling":                   {"internal/rng", "quantile"},
		"quantile/peers":             {"quantile"},
		"quantile/estimators":        {"quantile", "quantile/peers", "sampling"},
		"bench/schedule":             {"internal/rng"},
		"bench/pace":                 {},
		"bench/record":               {"quantile"},
		"bench/work":                 {"internal/rng"},
		"bench":                      {"internal/rng", "quantile", "bench/schedule", "bench/pace", "bench/record"},
		"bench/benchtest":            {"quantile", "bench", "bench/schedule", "bench/pace", "bench/record"},
		"scenarios":                  {"internal/spelling", "bench", "bench/schedule", "bench/pace", "bench/record", "bench/work"},
		"results":                    {"internal/jsonfile", "quantile", "bench/schedule", "bench/record", "bench/work", "scenarios"},
		"results/comparison":         {"bench/record", "bench/schedule", "scenarios", "results"},
		"observable/internal/clock":  {},
		"observable/internal/values": {},
		"observable":                 {"observable/internal/clock", "observable/internal/values"},
		"observable/metrics":         {"observable"},
		"observable/pooled":          {"observable/internal/clock", "observable/internal/values"},
		"observable/pooled/otlphttp": {"observable/pooled"},
		"observable/lifecycle":       {"observable/pooled", "observable/pooled/otlphttp"},
		"observable/spans":           {"observable/pooled"},
	}
	for _, words := range goList(t, "-f", "{{.ImportPath}} {{join .Imports \" \"}}", module+"...") {
		pkg := strings.TrimPrefix(words[0], module)
		if strings.HasPrefix(pkg, "cmd/") {
			continue // the command ties them together
		}
		may, ok := allowed[pkg]
		if !ok {
			t.Errorf("package %s has no place in the order of imports", pkg)
		}
		for _, imported := range words[1:] {
			if ours, ok := strings.CutPrefix(imported, module); ok && !slices.Contains(may, ours) {
				t.Errorf("%s imports %s, and may import only %v", pkg, ours, may)
			}
		}
	}
}

// The engine and the estimators stay light, and a service that imports the map
// gets no more than the API.
func TestOpenTelemetryStaysWhereItBelongs(t *testing.T) {
	const otel = "go.opentelemetry.io/"
	for _, words := range goList(t, "-f", "{{.ImportPath}} {{join .Deps \" \"}}", module+"...") {
		pkg := strings.TrimPrefix(words[0], module)
		for _, dep := range words[1:] {
			if strings.HasPrefix(dep, otel) && !strings.HasPrefix(pkg, "observable") &&
				!strings.HasPrefix(pkg, "cmd/") {
				t.Errorf("%s depends on %s", pkg, dep)
				break
			}
			if pkg == "observable" && strings.HasPrefix(dep, otel+"otel/sdk") {
				t.Errorf("observable depends on %s: want the API alone", dep)
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

// What starts a process elsewhere would race with the interrupts of a terminal.
func TestProcessesAreStartedByOnePackage(t *testing.T) {
	err := filepath.WalkDir("../..", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") ||
			filepath.Dir(path) == filepath.Join("../..", "internal", "child") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, call := range []string{"exec.Command", "os.StartProcess", "syscall.ForkExec"} {
			if strings.Contains(string(text), call) {
				t.Errorf("%s has %s: want internal/child", path, call)
			}
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// A property that draws a fresh seed fails a run that has nothing to do with it.
func TestPropertiesStartFromFixedSeeds(t *testing.T) {
	err := filepath.WalkDir("../../../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.Contains(path, "internal/property/") {
			return err
		}
		data, err := os.ReadFile(path)
		if bytes.Contains(data, []byte("rapid."+"Check(")) || bytes.Contains(data, []byte("rapid."+"MakeCheck(")) {
			t.Errorf("%s: a property is checked by rapid itself: want property.Check",
				strings.TrimPrefix(path, "../../../../"))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
