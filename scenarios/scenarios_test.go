package scenarios_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/bench/pace"
	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/bench/schedule"
	"github.com/loadgen-go/loadgen/internal/property"
	"github.com/loadgen-go/loadgen/quantile"
	"github.com/loadgen-go/loadgen/scenarios"
)

// decode decodes a scenario, and ends the test if that is impossible.
func decode(t *testing.T, text string, settings ...scenarios.Setting) *scenarios.Scenario {
	t.Helper()
	s, err := scenarios.Decode("test.yaml", []byte(text), settings...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// allArms returns the arms of a scenario by dimension.
func allArms(s *scenarios.Scenario) map[string][]string {
	arms := map[string][]string{}
	for _, f := range scenarios.Fields() {
		arms[f.Key] = s.Arms(f.Key)
	}
	return arms
}

// alike compares scenarios, except their arms and the replays that were read.
var alike = cmp.Options{
	cmpopts.IgnoreUnexported(scenarios.Scenario{}),
	cmpopts.EquateComparable(bench.Overload{}, record.SLO{}),
	cmp.Comparer(func(a, b pace.Pace) bool { return a.String() == b.String() }),
}

const least = "qps: [1000]\nduration: 1s\n"

func TestEmbeddedScenariosAreSoundAndAnswerTheirQuestion(t *testing.T) {
	for _, name := range scenarios.Names() {
		t.Run(name, func(t *testing.T) {
			s, err := scenarios.Load(name)
			if err != nil {
				t.Fatal(err)
			}
			if s.Name != name || s.About == "" || len(s.Compare) == 0 {
				t.Errorf("it is called %q, is about %q and compares %v", s.Name, s.About, s.Compare)
			}
			if s.Rounds < 6 {
				t.Errorf("%d rounds give no interval", s.Rounds)
			}
			for _, qps := range s.QPS {
				// Arrivals are Poisson, so there must be room for five standard deviations.
				if n := float64(s.Calls(scenarios.Level{QPS: qps})); n < 1.2*float64(quantile.SamplesFor(0.99)) {
					t.Errorf("%v calls per visit at %v/s are too few for p99", n, qps)
				}
			}
		})
	}
}

// README.md says how long the scenario takes, and that it gives p99.9 at every rate.
func TestTheMainJobTakesAMinuteAndAHalfAndStatesP999(t *testing.T) {
	s, err := scenarios.Load("span-reuse")
	if err != nil {
		t.Fatal(err)
	}
	if w := s.Wall(); w < 40*time.Second || w > 90*time.Second {
		t.Errorf("it takes %v", w)
	}
	for _, l := range s.Levels() {
		if n, need := s.Surely(l), quantile.SamplesFor(0.999); n < need {
			t.Errorf("%v: a visit may have %d calls, and p99.9 needs %d", l, n, need)
		}
	}
	full, err := scenarios.Load("span-reuse-full")
	if err != nil {
		t.Fatal(err)
	}
	if full.Rounds < 12 || len(full.QPS) <= len(s.QPS) {
		t.Errorf("span-reuse-full has %d rounds of %d levels", full.Rounds, len(full.QPS))
	}
}

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
		`test.yaml:6:3: unknown field "handlers.colour": want one of handlers.keys, handlers.zipf, handlers.spin, handlers.allocate, handlers.distribution`,
		`test.yaml:7:11: arrivals: "uniform": character 1: "uniform" is unknown: want one of constant, poisson, gamma(cv=2), pareto(alpha=2.5), jitter(share=0.5), bursts(size=10)`,
		`test.yaml:8:13: qps: "-5" is not a rate: want a list of rates, such as 1000, 2.5k, 1M or 600/m, above 0 and up to 1000M`,
		`test.yaml:8:17: qps: 1000 is given twice: want a list of rates, such as 1000, 2.5k, 1M or 600/m, above 0 and up to 1000M`,
		`test.yaml:8:23: qps: "many" is not a rate: want a list of rates, such as 1000, 2.5k, 1M or 600/m, above 0 and up to 1000M`,
		`test.yaml:9:14: spans: "pooling" is unknown: want a list of none, noop, pooled-value, pooled, pooled-off, sdk`,
		`test.yaml:9:23: spans: "sdk" is given twice: want a list of none, noop, pooled-value, pooled, pooled-off, sdk`,
		`test.yaml:10:1: quantile: "none" beside other arms needs live: true: want some of exact, hdr, tdigest, qdigest, qdigest-textbook, dws-hash, dws-hash+qdigest, dws, dws+qdigest, caio, ddsketch, hdrhistogram-go, perks, otel-exponential, prometheus-classic, prometheus-native, or none alone, or live: true`,
		`test.yaml:11:7: live: "maybe" is not valid: want true or false`,
		`test.yaml:12:11: compare: "sdk" is not a comparison: want a list of comparisons, such as pooled vs sdk`,
		`test.yaml:12:16: compare: "sdk vs sdk" compares an arm with itself: want a list of comparisons, such as pooled vs sdk`,
		`test.yaml:12:1: compare: "other" is not an arm of this scenario's spans: want none, noop, pooled-value, pooled, pooled-off, sdk`,
		`test.yaml:13:1: duration is a list: want a duration such as 500ms or 10s, above 0 and up to 24h`,
		`test.yaml:14:9: warmup: -1s is out of range: want a duration, 0 to 24h`,
		`test.yaml:15:9: rounds: 0 is out of range: want 1 to 1000`,
		`test.yaml:16:1: rounds is given twice: want it once`,
		`test.yaml:17:10: workers is a mapping: want 1 to 100000, or auto`,
		`test.yaml:18:7: queue is empty: want 1 to 1073741824`,
		`test.yaml:19:1: unknown field "unknown": want one of name, about, target, handlers, arrivals, qps, load, closed, think, spans, sampling, processors, attributes, metrics, quantile, live, compare, duration, warmup, rounds, workers, overload, queue, pace, window, slo, slo-visits, abort, failed, timeout, seed`,
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
			"live: true\nquantile: [none, hdr]\ncompare: hdr vs sdk", `"sdk" is not an arm of this scenario's quantile`},
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
		"sapns: [none]":           `unknown field "sapns" (did you mean spans?): want one of name, `,
		"slo_visit: all":          `unknown field "slo_visit" (did you mean slo-visits?): want`,
		"handlers: {kes: 1}":      `unknown field "handlers.kes" (did you mean handlers.keys?): want one of handlers.keys, `,
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
			`span-reuse-full or span-reuse?): want one of metrics-cost, quantile-live, span-cost`},
	} {
		t.Run(row.name, func(t *testing.T) {
			if _, err := scenarios.Load(row.path); err == nil || !strings.Contains(err.Error(), row.want) ||
				!strings.Contains(err.Error(), "span-reuse-full") {
				t.Errorf("%v, want %q and the names of all scenarios in it", err, row.want)
			}
		})
	}
}

// Giving a field its documented default changes nothing.
func TestDefaultsAreWhatTheFieldsSay(t *testing.T) {
	want := decode(t, least+"spans: [none, sdk]\nname: test")
	for _, f := range scenarios.Fields() {
		value := f.Default
		switch f.Key {
		case "name", "about", "qps", "duration", "load", "slo": // fields without a default
			continue
		case "quantile":
			value = strings.Join(decode(t, least).Arms(scenarios.Quantile), ",")
		case "compare":
			value = "sdk vs none"
		case "spans":
			if got := decode(t, least).Arms(scenarios.Spans); len(got) != 1 || got[0] != value {
				t.Errorf("spans are %v, documented is %q", got, value)
			}
			continue
		}
		got := decode(t, least+"spans: [none, sdk]\nname: test",
			scenarios.Setting{Key: f.Key, Value: value, Where: "test"})
		if diff := cmp.Diff(want, got, alike) + cmp.Diff(allArms(want), allArms(got)); diff != "" {
			t.Errorf("%s: the default is not %q: -default +documented:\n%s", f.Key, value, diff)
		}
	}
}

func TestPeersAreArmsOfWhoeverNamesThemAndOfNobodyElse(t *testing.T) {
	defaults := decode(t, least).Arms(scenarios.Quantile)
	known := scenarios.KnownArms(scenarios.Quantile)
	peers := known[1+len(defaults):]
	if len(peers) != 7 || known[0] != scenarios.None {
		t.Fatalf("the peers are %v", peers)
	}
	for _, peer := range peers {
		t.Run(peer, func(t *testing.T) {
			named := decode(t, least+"quantile: [hdr, "+peer+"]")
			live := decode(t, least+"live: true\nquantile: [none, "+peer+"]\ncompare: "+peer+" vs none")
			if !slices.Contains(named.Arms(scenarios.Quantile), peer) ||
				live.Cells()[1].Value(scenarios.Quantile) != peer {
				t.Errorf("named %v, cells %v", named.Arms(scenarios.Quantile), live.Cells())
			}
			if slices.Contains(defaults, peer) {
				t.Error("it is an arm of a scenario that does not name it")
			}
		})
	}
}

func TestTheTimeARunTakesIsThatOfItsVisits(t *testing.T) {
	s := decode(t, "qps: [10, 20]\nduration: 1s\nwarmup: 500ms\nspans: [none, sdk]\nrounds: 3")
	if w := s.Wall(); w != 12*(1500*time.Millisecond+scenarios.Overhead) {
		t.Errorf("it takes %v", w)
	}
}

func TestAScenarioWithoutANameIsCalledAsItsFile(t *testing.T) {
	dir := t.TempDir()
	for file, want := range map[string]string{"mine.yaml": "mine", "two words.yaml": ""} {
		t.Run(file, func(t *testing.T) {
			path := filepath.Join(dir, file)
			if err := os.WriteFile(path, []byte(least), 0o600); err != nil {
				t.Fatal(err)
			}
			s, err := scenarios.Load(path)
			if want == "" {
				if err == nil || !strings.Contains(err.Error(), "name") {
					t.Error(err)
				}
			} else if err != nil || s.Name != want {
				t.Errorf("it is called %v, %v", s, err)
			}
		})
	}
}

func TestSettingsTakeThePlaceOfFieldsAndAreCheckedAlike(t *testing.T) {
	s, err := scenarios.Load("span-reuse",
		scenarios.Setting{Key: "qps", Value: "100, 2.5k", Where: "--qps"},
		scenarios.Setting{Key: "spans", Value: "none,sdk", Where: "--spans"},
		scenarios.Setting{Key: "duration", Value: "1s", Where: "--duration"},
		scenarios.Setting{Key: "workers", Value: "3", Where: "--workers"})
	if err != nil {
		t.Fatal(err)
	}
	if len(s.QPS) != 2 || s.QPS[1].String() != "2500" || len(s.Arms(scenarios.Spans)) != 2 || s.Duration != time.Second ||
		s.Workers != 3 {
		t.Errorf("%+v", s)
	}
	if len(s.Compare) != 1 || s.Compare[0].String() != "sdk vs none" {
		t.Errorf("comparisons of arms that are left out stay: %v", s.Compare)
	}
	// If no comparison of the file concerns the arms, they are compared by default.
	s, err = scenarios.Load("span-reuse", scenarios.Setting{Key: "spans", Value: "none,noop", Where: "--spans"})
	if err != nil || len(s.Compare) != 1 || s.Compare[0].String() != "noop vs none" {
		t.Errorf("%+v, %v", s, err)
	}
	_, err = scenarios.Load("span-reuse", scenarios.Setting{Key: "qps", Value: "1", Where: "--qps"})
	if err == nil || err.Error() != "--qps: 1/s yields no call in 400ms: want 2.5 or more, or a longer duration" {
		t.Errorf("the flag is to blame: %v", err)
	}
	// The rate that the error asks for is high enough.
	for _, d := range []string{"300ms", "7s", "59m"} {
		file := "qps: 1000\nduration: " + d
		_, err = scenarios.Decode("test.yaml", []byte(file),
			scenarios.Setting{Key: "qps", Value: "1/h", Where: "--qps"})
		_, rest, _ := strings.Cut(fmt.Sprint(err), "want ")
		rate, _, _ := strings.Cut(rest, " or more")
		decode(t, file, scenarios.Setting{Key: "qps", Value: rate, Where: "--qps"})
	}
	if _, err = scenarios.Load("span-reuse", scenarios.Setting{Key: "rounds", Value: "1,2",
		Where: "--rounds"}); err == nil || !strings.HasPrefix(err.Error(), "--rounds: is a list") {
		t.Error(err)
	}
	_, err = scenarios.Load("span-reuse",
		scenarios.Setting{Key: "qps", Value: "100,-1", Where: "--qps"},
		scenarios.Setting{Key: "spans", Value: "", Where: "--spans"},
		scenarios.Setting{Key: "duration", Value: "1ms", Where: "--duration"},
		scenarios.Setting{Key: "colour", Value: "red", Where: "--colour"})
	for _, want := range []string{`--qps: "-1" is not a rate`, `--spans: "" is unknown`,
		"--duration: 1ms yields no call at 100/s", "--colour: unknown field"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in:\n%v", want, err)
		}
	}
}

func TestCellsAreEveryArmAtEveryRate(t *testing.T) {
	s := decode(t, "qps: [10, 20]\nduration: 1s\nspans: [none, sdk]\nrounds: 3")
	var got []string
	for _, c := range s.Cells() {
		got = append(got, c.String())
	}
	want := []string{"spans=none/qps=10", "spans=sdk/qps=10", "spans=none/qps=20", "spans=sdk/qps=20"}
	if diff := cmp.Diff(want, got, alike); diff != "" || s.Visits() != 12 {
		t.Errorf("%d visits; cells -want +got:\n%s", s.Visits(), diff)
	}
	if live := decode(t, least+"live: true\nquantile: [none, hdr]"); len(live.Cells()) != 2 ||
		live.Cells()[1].String() != "spans=none/quantile=hdr/qps=1000" {
		t.Errorf("cells %v", live.Cells())
	}
	if s := decode(t, least+"spans: [none, sdk, pooled]"); len(s.Compare) != 2 ||
		s.Compare[1].String() != "pooled vs none" {
		t.Errorf("by default %v are compared", s.Compare)
	}
}

func TestCallsThatAVisitSurelyMakesAllowForChance(t *testing.T) {
	for arrivals, want := range map[string]uint64{"constant": 400, "poisson": 320, "gamma(cv=2)": 240} {
		t.Run(arrivals, func(t *testing.T) {
			s := decode(t, "qps: 400\nduration: 1s\narrivals: "+arrivals)
			if got := s.Surely(scenarios.Level{QPS: schedule.PerSecond(400)}); got != want {
				t.Errorf("%d calls, want %d", got, want)
			}
		})
	}
	if n := decode(t, "qps: 2\nduration: 1s").Surely(scenarios.Level{QPS: schedule.PerSecond(2)}); n != 0 {
		t.Errorf("%d calls of 2", n)
	}
}

func TestAScenarioSurvivesJSON(t *testing.T) {
	list := []*scenarios.Scenario{
		decode(t, "load: [ramp:0..1k/s@10s gamma(cv=2), replay:no/such.jsonl@3s]\nslo: [p99 < 5ms, errors < "+
			"0.1%]\nabort: true\nslo-visits: 80%\nfailed: apart\ntimeout: 2s\noverload: catch-up(k=3)\nname: a"),
		decode(t, "closed: true\nduration: 2s\nthink: 10ms\nworkers: 4\npace: sleep\nwindow: 100ms\nname: b"),
	}
	for _, name := range scenarios.Names() {
		s, err := scenarios.Load(name, scenarios.Setting{Key: "seed", Value: "18446744073709551615", Where: "test"})
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, s)
	}
	for _, s := range list {
		t.Run(s.Name, func(t *testing.T) {
			data, err := json.Marshal(s)
			if err != nil {
				t.Fatal(err)
			}
			var back scenarios.Scenario
			if err := json.Unmarshal(data, &back); err != nil {
				t.Fatalf("%s: %v", data, err)
			}
			if diff := cmp.Diff(*s, back, alike) + cmp.Diff(allArms(s), allArms(&back)); diff != "" {
				t.Errorf("-before +after:\n%s", diff)
			}
		})
	}
}

func TestEveryFieldIsDocumented(t *testing.T) {
	for _, f := range scenarios.Fields() {
		if f.Want == "" || f.About == "" {
			t.Errorf("%s: %+v", f.Key, f)
		}
	}
}

// Decoding any file returns a scenario or an error.
func FuzzDecode(f *testing.F) {
	for _, name := range scenarios.Names() {
		data, err := os.ReadFile(name + ".yaml")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte("qps: &a [1]\nspans: *a\n<<: {}\n? x\n: y"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := scenarios.Decode("fuzz.yaml", data)
		if (s == nil) == (err == nil) {
			t.Errorf("scenario %v, error %v", s, err)
		}
		if s != nil && (len(s.Cells()) == 0 || s.Visits() == 0) {
			t.Errorf("a scenario that runs nothing: %+v", s)
		}
	})
}

// What is read is printed as what reads the same, and some visits meet it.
func FuzzParseQuorum(f *testing.F) {
	for _, text := range []string{"most", "all", "80%", "0%", "+5%", "101%", "%", ""} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		q, err := scenarios.ParseQuorum(text)
		if err != nil {
			return
		}
		if again, err := scenarios.ParseQuorum(q.String()); err != nil || again != q {
			t.Errorf("%q is %v, which is read as %v, %v", text, q, again, err)
		}
		if q.Met(0, 1) || !q.Met(1, 1) {
			t.Errorf("%v: met by no visit, or not by all", q)
		}
	})
}

// Whatever flags give a scenario, it decodes or its problem names the flag.
func FuzzSetting(f *testing.F) {
	for _, field := range scenarios.Fields() {
		f.Add(field.Key, "1")
		f.Add(field.Key, "a(b,c),~")
	}
	f.Fuzz(func(t *testing.T, key, value string) {
		s, err := scenarios.Decode("fuzz.yaml", []byte("qps: 1k\nduration: 1s\n"),
			scenarios.Setting{Key: key, Value: value, Where: "--flag"})
		if (s == nil) == (err == nil) {
			t.Errorf("scenario %v, error %v", s, err)
		}
	})
}

func TestAnyCombinationOfFieldsDecodesOrIsReported(t *testing.T) {
	property.Check(t, func(t *rapid.T) {
		var b strings.Builder
		for _, f := range scenarios.Fields() {
			if strings.Contains(f.Key, ".") || !rapid.Bool().Draw(t, f.Key) {
				continue
			}
			b.WriteString(f.Key + ": " + rapid.SampledFrom([]string{"1", "1s", "[1k, 2k]", "sdk", "[none]", "true",
				"a vs b", "~", "{}", "\"\""}).Draw(t, "value") + "\n")
		}
		if s, err := scenarios.Decode("x.yaml", []byte(b.String())); (s == nil) == (err == nil) {
			t.Fatalf("scenario %v, error %v", s, err)
		}
	})
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

// The field about is printed to terminals and among benchmark lines, so that it must not contain control characters.
func TestWhatAScenarioIsAboutIsOneLineOfText(t *testing.T) {
	for text, wrong := range map[string]bool{
		`"pooled, or not? \u2014 \u00e9"`: false, `"\e[31mred"`: true, `"a\nBenchmarkForged 1 1 ns/op"`: true,
		`"\u009b31m"`: true, `"a\tb"`: true,
	} {
		t.Run(text, func(t *testing.T) {
			_, err := scenarios.Decode("x.yaml", []byte("name: x\nqps: 1k\nduration: 1s\nabout: "+text+"\n"))
			if (err != nil) != wrong || err != nil && !strings.Contains(err.Error(), "x.yaml:4:8: about: ") {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestAReplayThatLastsForDaysIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "calls.txt")
	if err := os.WriteFile(path, []byte("0\n24\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for options, wrong := range map[string]bool{"": false, "(speed=1e-6)": true, "@1h(speed=1e-6)": false} {
		t.Run(options, func(t *testing.T) {
			s, err := scenarios.Decode("x.yaml", fmt.Appendf(nil, "name: x\nload: replay:%s%s\n", path, options))
			if err != nil {
				t.Fatal(err)
			}
			if err := s.ReadReplays(); (err != nil) != wrong || err != nil &&
				!strings.Contains(err.Error(), "which is longer than 24h0m0s: raise its speed, or cut it") {
				t.Errorf("%v", err)
			}
		})
	}
}
