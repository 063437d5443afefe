package scenarios_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/loadgen-go/loadgen/scenarios"
)

func TestEverythingWrongIsReportedAtOnceWithItsPlace(t *testing.T) {
	const text = `name: two words
handlers:
  keys: 0
  zipf: .nan
  spin: fast
  colour: red
arrivals: uniform
qps: [1000, -5, 1000, many]
spans: [sdk, pooling, sdk]
quantile: [none, hdr]
live: maybe
compare: [sdk, sdk vs sdk, sdk vs noop, other vs sdk]
duration: [1s, 2s]
warmup: -1s
rounds: 0
rounds: 7
workers: {a: b}
queue:
unknown: 1
`
	want := []string{
		`test.yaml:1:7: name: "two words" cannot be part of a benchmark's name: want letters, digits, . _ and -`,
		`test.yaml:3:9: handlers.keys: 0 is out of range: want 1 to 100000`,
		`test.yaml:4:9: handlers.zipf: ".nan" is not valid: want 0 to 100`,
		`test.yaml:5:9: handlers.spin: "fast" is not a duration: want a duration, 0 to 1m`,
		`test.yaml:6:3: unknown field "handlers.colour": want one of handlers.keys, handlers.zipf, handlers.spin, ` +
			`handlers.allocate, handlers.distribution`,
		`test.yaml:7:11: arrivals: "uniform": character 1: "uniform" is unknown: want one of constant, poisson, ` +
			`gamma(cv=2), pareto(alpha=2.5), jitter(share=0.5), bursts(size=10)`,
		`test.yaml:8:13: qps: "-5" is not a rate: want a list of rates, such as 1000, 2.5k, 1M or 600/m, above 0 ` +
			`and up to 1000M`,
		`test.yaml:8:17: qps: 1000 is given twice: want a list of rates, such as 1000, 2.5k, 1M or 600/m, above 0 ` +
			`and up to 1000M`,
		`test.yaml:8:23: qps: "many" is not a rate: want a list of rates, such as 1000, 2.5k, 1M or 600/m, above 0 ` +
			`and up to 1000M`,
		`test.yaml:9:14: spans: "pooling" is unknown: want a list of ` +
			`none, noop, pooled-value, pooled, pooled-off, sdk`,
		`test.yaml:9:23: spans: "sdk" is given twice: want a list of ` +
			`none, noop, pooled-value, pooled, pooled-off, sdk`,
		`test.yaml:10:1: quantile: "none" beside other arms needs live: true: want some of exact, hdr, tdigest, ` +
			`qdigest, qdigest-textbook, dws-hash, dws-hash+qdigest, dws, dws+qdigest, caio, ddsketch, ` +
			`hdrhistogram-go, perks, otel-exponential, prometheus-classic, prometheus-native, or none alone, or ` +
			`live: true`,
		`test.yaml:11:7: live: "maybe" is not valid: want true or false`,
		`test.yaml:12:11: compare: "sdk" is not a comparison: want a list of comparisons, such as pooled vs sdk`,
		`test.yaml:12:16: compare: "sdk vs sdk" compares an arm with itself: want a list of comparisons, such as ` +
			`pooled vs sdk`,
		`test.yaml:12:1: compare: "other" is not an arm of this scenario's spans: want none, noop, pooled-value, ` +
			`pooled, pooled-off, sdk`,
		`test.yaml:13:1: duration is a list: want a duration such as 500ms or 10s, above 0 and up to 24h`,
		`test.yaml:14:9: warmup: -1s is out of range: want a duration, 0 to 24h`,
		`test.yaml:15:9: rounds: 0 is out of range: want 1 to 1000`,
		`test.yaml:16:1: rounds is given twice: want it once`,
		`test.yaml:17:10: workers is a mapping: want 1 to 100000, or auto`,
		`test.yaml:18:7: queue is empty: want 1 to 1073741824`,
		`test.yaml:19:1: unknown field "unknown": want one of name, about, target, http, grpc, ` +
			`service, arms, handlers, arrivals, qps, load, closed, think, ` +
			`instrument, spans, sampling, processors, attributes, metrics, quantile, live, compare, duration, ` +
			`warmup, rounds, workers, overload, queue, pace, window, slo, slo-visits, abort, failed, ` +
			`timeout, seed, full`,
	}
	_, err := scenarios.Decode("test.yaml", []byte(text))
	if err == nil {
		t.Fatal("no error")
	}
	if diff := cmp.Diff(want, strings.Split(err.Error(), "\n")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestWhatOnlySeveralFieldsTellIsCheckedToo(t *testing.T) {
	const marked = "queue is an alias, an anchor or a tag"
	for _, row := range []struct{ name, text, want string }{
		{"an empty file", "", "test.yaml: the file is empty"},
		{"a list", "- a", "test.yaml:1:1: the file is not a mapping"},
		{"a syntax error", "qps: [1", "test.yaml:1:"},
		{"no duration", "qps: 1000", "test.yaml: duration is missing"},
		{"no rate", "duration: 1s", "test.yaml: qps is missing"},
		{"two documents", least + "---\na: 1", "a second document: want one scenario per file"},
		{"a duration without a call", "qps: [0.5, 2]\nduration: 1s",
			"test.yaml:2:1: duration: 1s yields no call at 0.5/s: want 2s or more"},
		{"the wanted duration is rounded up", "qps: 0.3\nduration: 1s",
			"duration: 1s yields no call at 0.3/s: want 3.333333334s or more"},
		{"a duration of 0", "qps: [1]\nduration: 0s", "test.yaml:2:11: duration: 0s is out of range"},
		{"a comparison of an arm that the scenario lacks", least + "spans: [none, sdk]\ncompare: sdk vs noop",
			`test.yaml:4:1: compare: "noop" is not an arm of this scenario's spans`},
		{"a comparison of an arm of another dimension", least +
			"live: true\nquantile: [none, hdr]\ncompare: hdr vs sdk", `"sdk" is not an arm of this scenario's ` +
			`quantile`},
		{"a scalar instead of a mapping", least + "handlers: 3",
			"handlers is not a mapping: want fields such as handlers.keys"},
		{"a field given twice", least + "qps: []", "qps is given twice"},
		{"an empty list", "qps: []\nduration: 1s", "qps is an empty list"},
		{"a list in a list", least + "spans: [[sdk]]", "spans is a sequence"},
		{"a negative seed", least + "seed: -1", `seed: "-1" is not valid`},
		{"an alias", least + "queue: *q", "test.yaml:3:8: " + marked},
		{"an anchor", least + "queue: &a 5", marked},
		{"a tag", least + "queue: !!int 5", marked},
		{"a rate that is too high", "qps: [1001M]\nduration: 1s", `"1001M" is not a rate: want a list of rates, ` +
			`such as 1000, 2.5k, 1M or 600/m, above 0 and up to 1000M`},
		{"a duration that is too long", "qps: [1]\nduration: 25h",
			"25h0m0s is out of range: want a duration such as 500ms or 10s, above 0 and up to 24h"},
		{"a spin that is too long", least + "handlers: {spin: 61s}", "handlers.spin: 1m1s is out of range"},
		{"a queue that is too long", least + "queue: 1073741825", "queue: 1073741825 is out of range"},
		{"a parameter of arrivals", least + "arrivals: gamma(cv=0)", `test.yaml:3:11: arrivals: "gamma(cv=0)": ` +
			`character 10: "0" is not valid: want gamma(cv=2), cv from 0.01 to 100`},
		{"too many rounds", least + "rounds: 1001", "rounds: 1001 is out of range"},
		{"a closed loop beside a rate", least + "closed: true",
			"test.yaml:1:1: qps cannot be combined with closed: want one of them"},
		{"a time to think without a closed loop", least + "think: 1ms", "test.yaml:3:1: think needs a closed loop"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := scenarios.Decode("test.yaml", []byte(row.text))
			if err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("error %v, want %q in it", err, row.want)
			}
		})
	}
}

func TestAFileThatIsNoScenarioIsCalledThatAndNothingElse(t *testing.T) {
	for name, text := range map[string]string{"an empty file": "", "a list": "- a", "a word": "a",
		"an open bracket": "qps: [1", "a tab": "a: b\n\tc: d", "two documents": least + "---\n" + least} {
		t.Run(name, func(t *testing.T) {
			_, err := scenarios.Decode("test.yaml", []byte(text))
			if problems, ok := err.(scenarios.Problems); !ok || len(problems) != 1 {
				t.Error(err)
			}
		})
	}
	if s := decode(t, "\ufeff"+least); len(s.QPS) != 1 {
		t.Errorf("after a byte order mark: %+v", s)
	}
}

func TestAFieldThatThereIsNotIsGuessed(t *testing.T) {
	for text, want := range map[string]string{
		"sapns: [none]":  `unknown field "sapns" (did you mean spans?): want one of name, `,
		"slo_visit: all": `unknown field "slo_visit" (did you mean slo-visits?): want`,
		"handlers: {kes: 1}": `unknown field "handlers.kes" (did you mean handlers.keys?): ` +
			`want one of handlers.keys, `,
		"processors: [bacth]":     `processors: "bacth" is unknown (did you mean batch?): want`,
		"entirely_different: yes": `unknown field "entirely_different": want one of name, `,
	} {
		t.Run(text, func(t *testing.T) {
			_, err := scenarios.Decode("a.yaml", []byte("qps: 1k\nduration: 1s\n"+text+"\n"))
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v, want %q", err, want)
			}
		})
	}
}

func TestAFileThatCannotBeReadSaysWhy(t *testing.T) {
	dir := t.TempDir()
	for _, row := range []struct{ name, path, want string }{
		{"a directory", dir, "is a directory"},
		{"a missing file", filepath.Join(dir, "x.yml"), "no such file"},
		{"a missing file in the working directory", "mine.yaml", "no such file"},
		{"an unknown scenario", "span-reus", `no scenario and no file is called "span-reus" (did you mean ` +
			`span-reuse-full or span-reuse?): want one of instrument-cost, metrics-cost, otel-spec, ` +
			`quantile-live, service-spans`},
	} {
		t.Run(row.name, func(t *testing.T) {
			if _, err := scenarios.Load(row.path); err == nil || !strings.Contains(err.Error(), row.want) ||
				!strings.Contains(err.Error(), "span-reuse-full") {
				t.Errorf("%v, want %q and the names of all scenarios in it", err, row.want)
			}
		})
	}
}

func TestAListThatIsTooLongIsRefusedBeforeItIsRead(t *testing.T) {
	for _, key := range []string{"qps", "load", "slo", "compare"} {
		t.Run(key, func(t *testing.T) {
			text := "name: long\nduration: 1s\n" + key + ": [" + strings.Repeat("x, ", scenarios.MaxCells) + "x]\n"
			_, err := scenarios.Decode("long.yaml", []byte(text))
			want := "long.yaml:3:1: " + key + " is a list of 1001: want at most 1000"
			if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), `"x"`) {
				t.Errorf("%.300v", err)
			}
		})
	}
}
