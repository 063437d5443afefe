package scenarios_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/loadgen-go/loadgen/scenarios"
)

// setting returns the setting of a flag.
func setting(key, value string) scenarios.Setting {
	return scenarios.Setting{Key: key, Value: value, Where: "--" + key}
}

const withFull = "qps: 1k\nduration: 1s\nwarmup: 100ms\nrounds: 6\nfull: {duration: 15s, warmup: 1s, rounds: 10}\n"

func TestTheFullFormReplacesWhatNoFlagGives(t *testing.T) {
	type form struct {
		Duration, Warmup time.Duration
		Rounds           int
		Full             bool
	}
	for _, row := range []struct {
		name, text string
		settings   []scenarios.Setting
		want       form
	}{
		{"not asked for", withFull, nil, form{time.Second, 100 * time.Millisecond, 6, false}},
		{"refused", withFull, []scenarios.Setting{setting("full", "false")},
			form{time.Second, 100 * time.Millisecond, 6, false}},
		{"asked for", withFull, []scenarios.Setting{setting("full", "true")},
			form{15 * time.Second, time.Second, 10, true}},
		{"with a flag", withFull, []scenarios.Setting{setting("full", "true"), setting("rounds", "3")},
			form{15 * time.Second, time.Second, 3, false}},
		{"of a part", "qps: 1k\nduration: 1s\nfull: {rounds: 10}", []scenarios.Setting{setting("full", "true")},
			form{time.Second, 100 * time.Millisecond, 10, true}},
		{"of a load, which has its own duration", withFull, []scenarios.Setting{setting("full", "true"),
			setting("load", "const:1k/s@3s")}, form{0, time.Second, 10, true}},
	} {
		t.Run(row.name, func(t *testing.T) {
			s, err := scenarios.Decode("test.yaml", []byte(row.text), row.settings...)
			if err != nil {
				t.Fatal(err)
			}
			if got := (form{s.Duration, s.Warmup, s.Rounds, s.IsFull()}); got != row.want {
				t.Errorf("%+v: want %+v", got, row.want)
			}
			text, err := json.Marshal(s)
			if err != nil {
				t.Fatal(err)
			}
			again, err := scenarios.Decode("again.json", text)
			if err != nil {
				t.Fatal(err)
			}
			if again.Duration != s.Duration || again.Rounds != s.Rounds || cmp.Diff(again.Full, s.Full) != "" {
				t.Errorf("the JSON of it is another scenario: %s", text)
			}
		})
	}
}

func TestWhatIsWrongWithAFullFormIsAnError(t *testing.T) {
	for _, row := range []struct {
		name, text string
		settings   []scenarios.Setting
		want       string
	}{
		{"none", "qps: 1k\nduration: 1s", []scenarios.Setting{setting("full", "true")},
			"--full: this scenario has no full form: want --duration and --rounds"},
		{"no flag but a word", withFull, []scenarios.Setting{setting("full", "yes, please")},
			`--full: "yes, please" is not valid: want true or false`},
		{"another field", "qps: 1k\nduration: 1s\nfull: {qps: 5k}", nil,
			`test.yaml:3:8: unknown field "full.qps": want one of duration, warmup, rounds`},
		{"a scalar", "qps: 1k\nduration: 1s\nfull: true", []scenarios.Setting{setting("full", "true")},
			"test.yaml:3:7: full is not a mapping: want fields such as duration, warmup, rounds"},
		{"no duration", "qps: 1k\nduration: 1s\nfull: {duration: 0s}", nil,
			"test.yaml:3:1: full.duration: 0s is out of range: want a duration such as 500ms or 10s"},
		{"a long warm-up", "qps: 1k\nduration: 1s\nfull: {warmup: 48h}", nil,
			"test.yaml:3:1: full.warmup: 48h0m0s is out of range: want a duration, 0 to 24h"},
		{"no rounds", "qps: 1k\nduration: 1s\nfull: {rounds: 0}", nil,
			"test.yaml:3:1: full.rounds: 0 is out of range: want 1 to 1000"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := scenarios.Decode("test.yaml", []byte(row.text), row.settings...)
			if err == nil || !strings.Contains(err.Error(), row.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%v: want %q alone", err, row.want)
			}
		})
	}
}

func TestAClosedLoopBesideRatesIsTheFirstLevel(t *testing.T) {
	text := "qps: [1k, 2k]\nduration: 1s\nclosed: also\nspans: [sdk, pooled]\n"
	levels := func(settings ...scenarios.Setting) string {
		t.Helper()
		s, err := scenarios.Decode("test.yaml", []byte(text), settings...)
		if err != nil {
			t.Fatal(err)
		}
		data, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		again, err := scenarios.Decode("again.json", data)
		if err != nil {
			t.Fatal(err)
		}
		names := make([][]string, 2)
		for i, s := range []*scenarios.Scenario{s, again} {
			for _, l := range s.Levels() {
				names[i] = append(names[i], l.Name())
				if (s.Calls(l) == 0) != l.Closed() {
					t.Errorf("%v: %d calls", l, s.Calls(l))
				}
			}
		}
		if cmp.Diff(names[0], names[1]) != "" {
			t.Errorf("%v, and of its JSON %v", names[0], names[1])
		}
		return strings.Join(names[0], " ")
	}
	for _, row := range []struct {
		name, want string
		settings   []scenarios.Setting
	}{
		{"as it stands", "loop=closed qps=1000 qps=2000", nil},
		{"with other rates", "loop=closed qps=5000", []scenarios.Setting{setting("qps", "5k")}},
		{"with a load", "load=const:1k@3s", []scenarios.Setting{setting("load", "const:1k/s@3s")}},
		{"closed alone", "loop=closed", []scenarios.Setting{setting("closed", "true")}},
		{"rates alone", "qps=1000 qps=2000", []scenarios.Setting{setting("closed", "false")}},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := levels(row.settings...); got != row.want {
				t.Errorf("%s: want %s", got, row.want)
			}
		})
	}
	for _, row := range [][2]string{
		{"duration: 1s\nclosed: also", "qps is missing"},
		{"load: const:1k/s@3s\nclosed: also", "closed cannot be combined with load"},
		{"qps: 1k\nduration: 1s\nclosed: both", `"both" is not valid: want true or false, or also`},
	} {
		_, err := scenarios.Decode("test.yaml", []byte(row[0]))
		if err == nil || !strings.Contains(err.Error(), row[1]) {
			t.Errorf("%q: %v: want %q", row[0], err, row[1])
		}
	}
}

func TestTheScenarioOfTheSpecificationIsWhatItAsksFor(t *testing.T) {
	s, err := scenarios.Load("otel-spec", setting("full", "true"))
	if err != nil {
		t.Fatal(err)
	}
	if s.Duration < 15*time.Second || s.Rounds < 10 || s.Arms(scenarios.Target)[0] != scenarios.SpanTarget {
		t.Errorf("%d rounds of %v: want 10 of 15 s", s.Rounds, s.Duration)
	}
	var cells []string
	for _, c := range s.Cells() {
		cells = append(cells, s.NameOf(c)+" "+c.Level.Name())
	}
	want := []string{"sdk/otlp-batch loop=closed", "sdk/otlp-simple loop=closed", "pooled/otlp-batch loop=closed",
		"pooled/otlp-simple loop=closed", "sdk/otlp-batch qps=10000", "sdk/otlp-simple qps=10000",
		"pooled/otlp-batch qps=10000", "pooled/otlp-simple qps=10000"}
	if diff := cmp.Diff(want, cells); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	short, err := scenarios.Load("otel-spec")
	if err != nil || short.Wall() > 2*time.Minute || short.FullForm().Wall() != s.Wall() {
		t.Errorf("%v, %v: the short form takes %v", s, err, short.Wall())
	}
}
