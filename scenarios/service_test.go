package scenarios_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/loadgen-go/loadgen/scenarios"
)

const shopArms = `
target: http
http: {url: "http://127.0.0.1:{{port}}/items"}
service:
  build: ./cmd/shop
  args: ["--listen=127.0.0.1:{{port}}"]
  env: {GOMEMLIMIT: 256MiB, DEBUG: ~, WORKERS: 3}
  ready: {httpGet: /healthz, timeout: 5s}
  stop: {signal: INT, grace: 2s}
  cpus: auto
  idle: 0s
  sidecars:
  - {name: db, command: [postgres, -p, "{{port db}}"], ready: {tcp: true}, per: run}
arms:
- {name: none, env: {TRACING: off}, otlp: none}
- {name: all, env: {TRACING: on, OTEL_EXPORTER_OTLP_ENDPOINT: "{{otlp}}", DEBUG: 1}, args: [-v], otlp: some}
- {name: base, revision: main}
- {name: other, command: [./other, a]}
compare: all vs none
qps: [200, 1k]
duration: 10s
quantile: none
`

func TestArmsOfAServiceAreDecodedAndSurviveJSON(t *testing.T) {
	s, err := scenarios.Decode("shop.yaml", []byte(shopArms))
	if err != nil {
		t.Fatal(err)
	}
	var read scenarios.Scenario
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &read); err != nil {
		t.Fatal(err)
	}
	again, err := json.Marshal(&read)
	if err != nil || string(again) != string(text) {
		t.Errorf("%s, %v\nwant %s", again, err, text)
	}
	for name, s := range map[string]*scenarios.Scenario{"from YAML": s, "from JSON": &read} {
		t.Run(name, func(t *testing.T) { checkShop(t, s) })
	}
}

// checkShop checks the scenario shopArms.
func checkShop(t *testing.T, s *scenarios.Scenario) {
	t.Helper()
	want := &scenarios.Service{
		Build: "./cmd/shop", Args: []string{"--listen=127.0.0.1:{{port}}"},
		Env:   map[string]*string{"GOMEMLIMIT": new("256MiB"), "DEBUG": nil, "WORKERS": new("3")},
		Ready: scenarios.Ready{HTTPGet: "/healthz", Timeout: new(5 * time.Second)},
		Stop:  scenarios.Stop{Signal: "INT", Grace: new(2 * time.Second)},
		CPUs:  scenarios.CPUs{Choice: "auto"}, Idle: new(time.Duration(0)),
		Sidecars: []scenarios.Sidecar{{Name: "db", Command: []string{"postgres", "-p", "{{port db}}"},
			Ready: scenarios.Ready{TCP: true}, Per: scenarios.PerRun}},
	}
	if diff := cmp.Diff(want, s.Service); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	var cells []string
	for _, c := range s.Cells() {
		cells = append(cells, c.String())
	}
	if diff := cmp.Diff([]string{"arm=none/qps=200", "arm=all/qps=200", "arm=base/qps=200", "arm=other/qps=200",
		"arm=none/qps=1000", "arm=all/qps=1000", "arm=base/qps=1000", "arm=other/qps=1000"}, cells); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if all := s.Comparisons(); len(all) != 2 || all[0].Dimension != scenarios.ServiceArm ||
		all[0].CellA.String() != "arm=all/qps=200" || all[0].CellB.String() != "arm=none/qps=200" {
		t.Errorf("comparisons %v", all)
	}
	all := s.ServiceOf(s.ArmOf(s.Cells()[1]))
	if diff := cmp.Diff([]string{"--listen=127.0.0.1:{{port}}", "-v"}, all.Args); diff != "" {
		t.Errorf("arguments of all: -want +got\n%s", diff)
	}
	if diff := cmp.Diff(map[string]*string{"GOMEMLIMIT": new("256MiB"), "DEBUG": new("1"), "WORKERS": new("3"),
		"TRACING": new("on"), "OTEL_EXPORTER_OTLP_ENDPOINT": new("{{otlp}}")}, all.Env); diff != "" {
		t.Errorf("environment of all: -want +got\n%s", diff)
	}
	if other := s.ServiceOf(s.ArmOf(s.Cells()[3])); other.Build != "" || other.Command[0] != "./other" {
		t.Errorf("other starts %q, %v", other.Build, other.Command)
	}
	if s.ServiceOf(scenarios.Arm{}).Env["TRACING"] != nil {
		t.Error("the environment of an arm is in that of the service")
	}
}

// A scenario of a service compares estimators only if it names some, as the URL of a service does.
func TestAServiceHasNoEstimatorsUnlessItNamesThem(t *testing.T) {
	for name, c := range map[string]struct{ field, want string }{
		"none named": {"", "[]"}, "two": {"quantile: [exact, hdr]\n", "[exact hdr]"}, "none": {"quantile: none\n",
			"[]"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := scenarios.Decode("x.yaml", []byte("target: http\nhttp: {url: http://a/}\nqps: 1\nduration: 1s\n"+
				c.field))
			if err != nil {
				t.Fatal(err)
			}
			if got := fmt.Sprint(s.Arms(scenarios.Quantile)); got != c.want {
				t.Errorf("estimators %s, want %s", got, c.want)
			}
		})
	}
}

func TestAServiceWithoutArmsIsOneCell(t *testing.T) {
	s, err := scenarios.Decode("x.yaml", []byte("target: http\nhttp: {url: 'http://127.0.0.1:{{port}}/'}\n"+
		"service: {command: ./shop}\nqps: 1\nduration: 1s\n"))
	if err != nil {
		t.Fatal(err)
	}
	if cells := s.Cells(); len(cells) != 1 || cells[0].String() != "target=http/qps=1" || len(s.Comparisons()) > 0 {
		t.Errorf("cells %v, comparisons %v", cells, s.Comparisons())
	}
	if got := s.Service.Command; len(got) != 1 || got[0] != "./shop" || s.Service.IdleTime() != time.Second {
		t.Errorf("command %q, idle %v", got, s.Service.IdleTime())
	}
}

func TestWhatIsWrongWithAServiceThatIsStarted(t *testing.T) {
	const called = "target: http\nhttp: {url: 'http://127.0.0.1:{{port}}/'}\nqps: 1\nduration: 1s\n"
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"not called": {"qps: 1\nduration: 1s\nservice: {command: a}\n",
			[]string{"x.yaml:3:1: service is started and not called: want target: http, and a field http whose url"}},
		"arms of nothing": {strings.Replace(called, "{{port}}", "80", 1) + "arms: [{name: a}]\n",
			[]string{"x.yaml:5:1: arms are variants of a service that is started: want a field service beside them"}},
		"a port of nothing": {"target: http\nhttp: {url: 'http://127.0.0.1:{{port}}/'}\nqps: 1\nduration: 1s\n",
			[]string{`x.yaml:2:1: http: url`}},
		"fields": {called + "service: {comand: a, env: [a], stop: {grace: 5}}\n", []string{
			`x.yaml:5:11: unknown field "service.comand" (did you mean command?): want one of build, command, `,
			`x.yaml:5:27: service.env is not a mapping: want names with their values`,
			`x.yaml:5:46: service.stop.grace: "5" is not valid: want a duration such as 500ms or 5s`}},
		"values": {called + "service: {command: a, ready: {tcp: true, httpGet: /}, stop: {signal: STOP, grace: " +
			"-1s},\n" +
			"  cpus: all, idle: -1s, sidecars: [{name: db, per: week, ready: {logLine: '('}}, " +
			"{name: db, command: [db], per: run}]}\n", []string{
			"x.yaml:5:1: service.ready has 2 of httpGet, tcp, grpc and logLine: want one",
			`x.yaml:5:1: service.stop.signal: "STOP": want one of [TERM INT `,
			"x.yaml:5:1: service.stop.grace: -1s: want more than 0",
			`x.yaml:5:1: service.cpus: "all": want auto or none, or service and generator with their processors`,
			"x.yaml:5:1: service.idle: -1s: want 0 for no time without load, or more",
			"x.yaml:5:1: service.sidecars db.ready.logLine: error parsing regexp: ",
			"x.yaml:5:1: service.sidecars db.command is missing: want a program and its arguments",
			`x.yaml:5:1: service.sidecars db.per: "week": want visit or run`,
			"x.yaml:5:1: service.sidecars db: two have this name: want a name for each"}},
		"no time": {called + "service: {command: a, ready: {timeout: 0s}, stop: {grace: 0s}}\n", []string{
			"x.yaml:5:1: service.ready.timeout: 0s: want more than 0, up to 24h0m0s",
			"x.yaml:5:1: service.stop.grace: 0s: want more than 0, up to 24h0m0s; without a grace, want signal: "}},
		"too much time": {called + "service: {command: a, idle: 2562047h, ready: {timeout: 25h}, " +
			"stop: {grace: 25h}}\n",
			[]string{"x.yaml:5:1: service.ready.timeout: 25h0m0s: want more than 0, up to 24h0m0s",
				"x.yaml:5:1: service.stop.grace: 25h0m0s: want more than 0, up to 24h0m0s",
				"x.yaml:5:1: service.idle: 2562047h0m0s: want 0 for no time without load, or more, up to 24h0m0s"}},
		"arms": {called + "service: {args: [a]}\narms: [{name: a b, command: x}, " +
			"{name: c, command: x, build: ./y},\n" +
			"  {name: c, build: ./y, otlp: all}, {name: d}, {name: e, command: x, revision: main}]\n", []string{
			`x.yaml:6:1: arm a b: arms[0]: its name is "a b": want letters, digits, . _ and -`,
			"x.yaml:6:1: arm c: it has both build and command: want one of them",
			"x.yaml:6:1: arm c: it is given twice: want a name for each arm",
			`x.yaml:6:1: arm c: otlp: "all": want none or some`,
			"x.yaml:6:1: arm d: nothing says how to start the service: want command, or build with a Go package",
			"x.yaml:6:1: arm e: revision main needs a program that is built: want build with a Go package"}},
		"an unknown arm": {called + "service: {command: a}\narms: [{name: on}, {name: off}]\ncompare: on vs of\n",
			[]string{`x.yaml:7:1: compare: "of" is not an arm of this scenario (did you mean on or off?): ` +
				"want on, off; to measure it, declare it in arms"}},
		"arms that cannot be read": {called + "service: {command: a}\narms: [{name: on}, {nme: off}]\n" +
			"compare: off vs on\n", []string{`x.yaml:6:21: unknown field "arms[1].nme" (did you mean name?): `}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := scenarios.Decode("x.yaml", []byte(c.text))
			checkProblems(t, err, c.want)
		})
	}
}

// Arms of a service may be called as those of a dimension that it does not have.
func TestArmsOfAServiceAreNotThoseOfOtherDimensions(t *testing.T) {
	s, err := scenarios.Load("service-spans", scenarios.Setting{Key: scenarios.ServiceArms, Where: "--arm",
		Apply: func(s *scenarios.Scenario) error {
			s.ServiceArms = []scenarios.Arm{s.ServiceArms[0], s.ServiceArms[2]}
			return nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	if got := s.Compare; len(got) != 1 || got[0].String() != "pooled vs none" {
		t.Errorf("compares %v", got)
	}
	if all := s.Comparisons(); len(all) != 1 || all[0].Dimension != scenarios.ServiceArm {
		t.Errorf("comparisons %v", all)
	}
}

func TestASettingCanChangeTheArms(t *testing.T) {
	s, err := scenarios.Decode("shop.yaml", []byte(shopArms), scenarios.Setting{Key: scenarios.ServiceArms,
		Where: "--arm", Apply: func(s *scenarios.Scenario) error {
			s.ServiceArms = []scenarios.Arm{s.ServiceArms[1], {Name: "new"}}
			return nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	if got := s.Arms(scenarios.ServiceArm); !cmp.Equal(got, []string{"all", "new"}) {
		t.Errorf("arms %v", got)
	}
	if got := s.Compare; len(got) != 1 || got[0].String() != "new vs all" {
		t.Errorf("compares %v: the file's comparison names an arm that is left out", got)
	}
}

func TestASettingWithAnErrorIsTheOnlyError(t *testing.T) {
	_, err := scenarios.Decode("shop.yaml", []byte(shopArms), scenarios.Setting{Key: scenarios.ServiceArms,
		Where: "--arm", Apply: func(s *scenarios.Scenario) error {
			s.ServiceArms = nil
			return errors.New("no such arm")
		}})
	if want := "--arm: no such arm"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s alone: the arms that compare names are unknown", err, want)
	}
}
