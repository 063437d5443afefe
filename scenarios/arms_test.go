package scenarios_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/loadgen-go/loadgen/scenarios"
)

// cells returns the cells of a scenario as text.
func cells(s *scenarios.Scenario) (texts []string) {
	for _, c := range s.Cells() {
		texts = append(texts, c.String())
	}
	return texts
}

func TestANameSaysOnlyWhatAScenarioSaysOtherwiseThanUsual(t *testing.T) {
	for _, row := range []struct{ name, text, want string }{
		{"nothing given", "", "spans=none/qps=1000"},
		{"spans are always named", "spans: sdk", "spans=sdk/qps=1000"},
		{"defaults given", "spans: sdk\nsampling: always\nprocessors: batch\nattributes: 0\nmetrics: none",
			"spans=sdk/qps=1000"},
		{"other sampling", "spans: sdk\nsampling: parent-0.01", "spans=sdk/sampling=parent-0.01/qps=1000"},
		{"several dimensions", "spans: sdk\nprocessors: none\nattributes: 6\nmetrics: otel",
			"spans=sdk/processors=none/attributes=6/metrics=otel/qps=1000"},
		{"a live estimator", "spans: sdk\nattributes: 2\nlive: true\nquantile: hdr",
			"spans=sdk/attributes=2/quantile=hdr/qps=1000"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := cells(decode(t, least+row.text)); len(got) != 1 || got[0] != row.want {
				t.Errorf("cells %v, want %s", got, row.want)
			}
		})
	}
}

func TestArmsOfAllDimensionsAreCrossedButForWhatDoesTheSame(t *testing.T) {
	s := decode(t, least+"spans: [none, sdk]\nsampling: [always, never]\nprocessors: [batch, none]\nattributes: "+
		"[0, 2]\nmetrics: [none, otel]")
	want := []string{
		"spans=none/metrics=none/qps=1000",
		"spans=none/attributes=0/metrics=otel/qps=1000",
		"spans=none/attributes=2/metrics=otel/qps=1000",
	}
	for _, sdk := range []string{"always/processors=batch", "always/processors=none", "never"} {
		for _, rest := range []string{"0/metrics=none", "0/metrics=otel", "2/metrics=none", "2/metrics=otel"} {
			want = append(want, "spans=sdk/sampling="+sdk+"/attributes="+rest+"/qps=1000")
		}
	}
	if diff := cmp.Diff(want, cells(s)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if diff := cmp.Diff([]string{"spans", "sampling", "processors", "attributes", "metrics"},
		s.Dimensions()); diff != "" {
		t.Error(diff)
	}
}

func TestWhatIsComparedDiffersInOneDimension(t *testing.T) {
	compared := func(text string, settings ...scenarios.Setting) (pairs []string) {
		s := decode(t, least+text, settings...)
		for _, c := range s.Comparisons() {
			pairs = append(pairs, strings.Join(append([]string{c.Dimension + ": " + c.CellA.Arm() + " vs " +
				c.CellB.Arm()}, c.Beside(s)...), ", "))
		}
		return pairs
	}
	flag := func(key, value string) scenarios.Setting {
		return scenarios.Setting{Key: key, Value: value, Where: "--" + key}
	}
	for name, c := range map[string]struct {
		got  []string
		want []string
	}{
		"each arm with the first": {compared("spans: [none, sdk]\nsampling: [always, never]"), []string{
			"spans: spans=sdk/sampling=always vs spans=none, sampling=always",
			"spans: spans=sdk/sampling=never vs spans=none, sampling=never",
			"sampling: spans=sdk/sampling=never vs spans=sdk/sampling=always, spans=sdk",
		}},
		"what is asked for": {compared("spans: [sdk, pooled]\nmetrics: [none, otel]\ncompare: [otel vs none]"),
			[]string{
				"metrics: spans=sdk/metrics=otel vs spans=sdk/metrics=none, spans=sdk",
				"metrics: spans=pooled/metrics=otel vs spans=pooled/metrics=none, spans=pooled",
			}},
		"a flag that varies more": {compared("spans: [sdk, pooled, none]\ncompare: [pooled vs sdk]",
			flag("attributes", "0,6"), flag("spans", "sdk")), []string{
			"attributes: spans=sdk/attributes=6 vs spans=sdk/attributes=0",
		}},
		"a flag that asks for one": {compared("spans: sdk", flag("attributes", "0,6"),
			flag("sampling", "always,never"), flag("compare", "6 vs 0")), []string{
			"attributes: spans=sdk/sampling=always/attributes=6 vs spans=sdk/sampling=always/attributes=0, " +
				"sampling=always",
			"attributes: spans=sdk/sampling=never/attributes=6 vs spans=sdk/sampling=never/attributes=0, " +
				"sampling=never",
		}},
		"two dimensions that share an arm": {compared("spans: [none, sdk]\nprocessors: [none, batch]\nmetrics: " +
			"[none, otel]\ncompare: [batch vs none, sdk vs none]"), []string{
			"processors: spans=sdk/processors=batch/metrics=none vs spans=sdk/processors=none/metrics=none, " +
				"spans=sdk, metrics=none",
			"processors: spans=sdk/processors=batch/metrics=otel vs spans=sdk/processors=none/metrics=otel, " +
				"spans=sdk, metrics=otel",
			"spans: spans=sdk/processors=none/metrics=none vs spans=none/metrics=none, processors=none, metrics=none",
			"spans: spans=sdk/processors=none/metrics=otel vs spans=none/metrics=otel, processors=none, metrics=otel",
			"spans: spans=sdk/processors=batch/metrics=none vs spans=none/metrics=none, processors=batch, " +
				"metrics=none",
			"spans: spans=sdk/processors=batch/metrics=otel vs spans=none/metrics=otel, processors=batch, " +
				"metrics=otel",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, c.got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// Hence a pair of arms determines its dimension. The names of arms can be part of a benchmark's name.
func TestNoTwoDimensionsShareTwoArms(t *testing.T) {
	dimensions := map[string][]string{
		"spans": scenarios.KnownArms("spans"), "sampling": scenarios.KnownArms("sampling"),
		"processors": scenarios.KnownArms("processors"),
		"attributes": scenarios.KnownArms("attributes"), "metrics": scenarios.KnownArms("metrics"),
		"quantile": scenarios.KnownArms("quantile"),
	}
	seen := map[string]string{}
	for name, arms := range dimensions {
		for _, arm := range arms {
			if other, ok := seen[arm]; ok && arm != scenarios.None {
				t.Errorf("%s is an arm of %s and of %s", arm, other, name)
			}
			seen[arm] = name
			if !scenarios.ValidName(strings.ReplaceAll(arm, "+", "")) {
				t.Errorf("%q cannot be part of a benchmark's name", arm)
			}
		}
	}
}

func TestArmsThatCannotBeAreReported(t *testing.T) {
	for _, row := range []struct{ name, text, want string }{
		{"an unknown arm", "sampling: [always, sometimes]",
			`test.yaml:3:20: sampling: "sometimes" is unknown: want a list of always, parent-0.01, never`},
		{"an arm given twice", "processors: [batch, batch]",
			`test.yaml:3:21: processors: "batch" is given twice: want a list of batch, discard, none`},
		{"an unknown number", "attributes: 3", `test.yaml:3:13: attributes: "3" is unknown: want a list of 0, 2, 6`},
		{"an empty list", "metrics: []", "test.yaml:3:1: metrics is an empty list: want a list of none, otel"},
		{"a comparison of an arm that the scenario lacks", "spans: sdk\ncompare: never vs always",
			`test.yaml:4:1: compare: "never" is not an arm of this scenario's sampling: want always`},
		{"a comparison of an unknown arm", "spans: sdk\nsampling: [nevr]\ncompare: pooled vs x",
			`test.yaml:5:1: compare: "x" is not an arm of this scenario's spans: want sdk`},
		{"attributes of a target that is not the map", "target: mine\nattributes: [0, 2]",
			"test.yaml:4:1: attributes applies to the map only: want no field attributes with target mine"},
		{"metrics of a target that is not the map", "target: mine\nmetrics: otel",
			"test.yaml:4:1: metrics applies to the map only: want no field metrics with target mine"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := scenarios.Decode("test.yaml", []byte(least+row.text))
			if err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("error %v, want %q in it", err, row.want)
			}
		})
	}
}

func TestAScenarioOfTooManyCellsIsRefused(t *testing.T) {
	const arms = "spans: [sdk, pooled]\nsampling: [always, parent-0.01, never]\nattributes: [0, 2, 6]\n"
	file := func(levels int) []byte {
		return []byte("duration: 10s\n" + arms + "qps: [" +
			strings.Join(strings.Fields("1k 2k 3k 4k 5k 6k 7k 8k 9k 10k 11k 12k 13k 14k 15k 16k 17k 18k 19k 20k " +
				"21k 22k 23k 24k 25k 26k 27k 28k 29k 30k 31k 32k 33k 34k 35k 36k 37k 38k 39k 40k 41k 42k 43k 44k " +
				"45k 46k 47k 48k 49k 50k 51k 52k 53k 54k 55k 56k")[:levels], ", ") + "]")
	}
	if s, err := scenarios.Decode("test.yaml", file(55)); err != nil || len(s.Cells()) != 990 {
		t.Errorf("%v", err)
	}
	if _, err := scenarios.Decode("test.yaml", file(56)); err == nil ||
		err.Error() != "test.yaml: the arms and levels of load make 1008 cells: want at most 1000" {
		t.Errorf("error %v", err)
	}
}
