package visit

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/scenarios"
)

// startedScenario returns a scenario whose service has the fields in text.
func startedScenario(t *testing.T, text string) *scenarios.Scenario {
	t.Helper()
	s, err := scenarios.Decode("s.yaml", []byte("target: http\nhttp: {url: \"http://127.0.0.1:{{port}}/x\"}\n"+
		"qps: 500\nduration: 100ms\nwarmup: 0\nrounds: 1\nquantile: none\nservice: {"+text+"}\n"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A path of a program is relative to the directory of the service, and is never looked up in PATH.
func TestTheProgramOfAServiceIsFoundWhereItIsStarted(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("PATH", t.TempDir())
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{".", "sub"} {
		if err := os.MkdirAll(dir, 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "shop"), []byte(dir), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct{ name, command, dir, want string }{
		{"beside loadgen", "./shop", "", "shop"},
		{"in the directory that loadgen is in", "./shop", ".", "shop"},
		{"below", "sub/shop", "", "sub/shop"},
		{"in a directory", "./shop", "sub", "sub/shop"},
		{"in the parent of a directory", "../shop", "sub", "shop"},
		{"in an absolute directory", "./shop", filepath.Join(here, "sub"), "sub/shop"},
		{"absolute", filepath.Join(here, "shop"), "sub", "shop"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := startedScenario(t, fmt.Sprintf("command: [%q], dir: %q", c.command, c.dir))
			inputs, err := PinServices(s, Provided{})
			if err != nil || len(inputs) != 1 {
				t.Fatalf("%+v, %v", inputs, err)
			}
			if want, err := digestOf(filepath.Join(here, c.want)); err != nil || inputs[0].SHA256 != want {
				t.Errorf("%+v is not %s: %v", inputs[0], c.want, err)
			}
		})
	}
}

// The screen shows what stands after the colon of a reason, so that a reason has one.
func TestUnexpectedExportsAreAReasonWithOneRemedy(t *testing.T) {
	some := &results.Exports{Traces: results.Signal{Items: 3}}
	for _, c := range []struct {
		name, otlp string
		exports    *results.Exports
		want       string
	}{
		{"nothing wanted", scenarios.ExportsNone, some, "correct its environment"},
		{"nowhere to export", scenarios.ExportsSome, nil, "set OTEL_EXPORTER_OTLP_ENDPOINT to {{otlp}}"},
		{"nothing arrived", scenarios.ExportsSome, &results.Exports{}, "correct its environment, or find out"},
		{"as wanted", scenarios.ExportsSome, some, ""},
		{"nothing, as wanted", scenarios.ExportsNone, nil, ""},
		{"anything wanted", "", some, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			up := &started{arm: scenarios.Arm{Name: "on", OTLP: c.otlp}}
			reasons := up.unexpected(c.exports)
			if len(reasons) != min(len(c.want), 1) {
				t.Fatalf("%+v", reasons)
			}
			for _, r := range reasons {
				_, remedy, _ := strings.Cut(r.Detail, ": ")
				if !strings.HasPrefix(remedy, c.want) || strings.Contains(remedy, ": ") {
					t.Errorf("%s", r.Detail)
				}
			}
		})
	}
}
