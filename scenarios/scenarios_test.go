package scenarios_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/bench/pace"
	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/bench/schedule"
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

// Giving a field its documented default changes nothing.
func TestDefaultsAreWhatTheFieldsSay(t *testing.T) {
	want := decode(t, least+"spans: [none, sdk]\nname: test")
	for _, f := range scenarios.Fields() {
		value := f.Default
		if scenarios.Structured(f.Key) {
			continue
		}
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
	if len(s.QPS) != 2 || s.QPS[1].String() != "2500" || len(s.Arms(scenarios.Spans)) != 2 ||
		s.Duration != time.Second ||
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
	got = nil
	for _, c := range decode(t, least+"spans: [none, sdk]\ninstrument: [none, registered, compiled]").Cells() {
		got = append(got, c.String())
	}
	want = []string{"instrument=none/qps=1000", "instrument=registered/spans=none/qps=1000",
		"instrument=registered/spans=sdk/qps=1000", "instrument=compiled/qps=1000"}
	if diff := cmp.Diff(want, got, alike); diff != "" {
		t.Errorf("handlers in a plain map have no spans: cells -want +got:\n%s", diff)
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

// Few visits make more calls than Most says, and none of them by much less than the mean.
func TestAVisitMakesAtMostAsManyCallsAsItSays(t *testing.T) {
	for _, process := range schedule.Processes() {
		t.Run(process, func(t *testing.T) {
			s, err := scenarios.Decode("x.yaml", fmt.Appendf(nil, "arrivals: %s\nqps: [3, 300]\nduration: "+
				"1s\nwarmup: 1s\n",
				process))
			if err != nil {
				t.Fatal(err)
			}
			for _, l := range s.Levels() {
				most, err := s.Most(l)
				if err != nil || most < 2*s.Calls(l) {
					t.Fatalf("%d, %v", most, err)
				}
				for seed := range uint64(20) {
					warm, err := s.WarmupOf(l, seed+1)
					calls, _, errCalls := s.Schedule(l, seed)
					if err := errors.Join(err, errCalls); err != nil {
						t.Fatal(err)
					}
					if n := count(warm) + count(calls); n > most {
						t.Errorf("%v makes %d calls, at most %d", l, n, most)
					}
				}
			}
		})
	}
}

// count returns the number of calls of a schedule.
func count(a schedule.Arrivals) (n uint64) {
	for i := a.From(0); ; n++ {
		if _, ok := i.Next(); !ok {
			return n
		}
	}
}
