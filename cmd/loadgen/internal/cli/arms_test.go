package cli

import (
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/scenarios"
)

// asService is the value of asCommand that makes the test binary a service.
const asService = "service"

// serveTests is a service on PORT, whose environment says what is odd about it.
func serveTests() {
	if os.Getenv("IGNORE_TERM") != "" {
		signal.Ignore(syscall.SIGTERM)
	}
	if os.Getenv("EXIT") != "" {
		fmt.Println("no database")
		os.Exit(7)
	}
	var calls atomic.Int64
	crash, _ := strconv.Atoi(os.Getenv("CRASH_AFTER"))
	http.HandleFunc("/x", func(w http.ResponseWriter, r *http.Request) {
		if n := calls.Add(1); crash > 0 && n >= int64(crash) {
			fmt.Println("out of luck")
			os.Exit(7)
		}
		if calls.Load() == 10 && os.Getenv("END_SIDECAR") != "" {
			_, _ = http.Get(os.Getenv("END_SIDECAR")) // a sidecar that exits does not answer
		}
		if sidecar := os.Getenv("CALLS"); sidecar != "" {
			if response, err := http.Get("http://127.0.0.1:" + sidecar + "/x"); err == nil {
				_ = response.Body.Close()
			}
		}
		if to := os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT"); to != "" {
			const span = `{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"call"}]}]}]}`
			response, err := http.Post(to+"/v1/traces", "application/json", strings.NewReader(span))
			if err != nil {
				fmt.Println(err)
				os.Exit(8)
			}
			_ = response.Body.Close()
		}
		if status, err := strconv.Atoi(os.Getenv("STATUS")); err == nil {
			w.WriteHeader(status)
		}
	})
	http.HandleFunc("/end", func(http.ResponseWriter, *http.Request) { os.Exit(9) })
	var asked atomic.Int64
	http.HandleFunc("/heap", func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1) > 3 { // three questions are asked before the load
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		fmt.Fprint(w, `{"memstats": {"TotalAlloc": 1, "Mallocs": 1, "NumGC": 1, "PauseTotalNs": 1}}`)
	})
	if os.Getenv("GRPC") != "" {
		fmt.Println(serveGRPC("127.0.0.1:" + os.Getenv("PORT")))
		os.Exit(1)
	}
	fmt.Println(http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), nil))
	os.Exit(1)
}

// serviceOfTests are the arguments that load a service that is the test binary, in few short visits.
func serviceOfTests(t *testing.T, args ...string) []string {
	t.Helper()
	return append([]string{"run", "http://127.0.0.1:{{port}}/x", "--service", "{{loadgen}}", "--qps", "200",
		"--duration",
		"100ms", "--warmup", "20ms", "--rounds", "1", "--connections", "2", "--seed", "1"}, args...)
}

// armOf returns an arm of the service of the tests with settings.
func armOf(name, settings string) string {
	return strings.TrimSpace(fmt.Sprintf("%s:%s=%s %s", name, asCommand, asService, settings))
}

func TestArmsOfAServiceAreStartedAndCompared(t *testing.T) {
	t.Parallel()
	out := filepath.Join(t.TempDir(), "run")
	code, stdout, stderr := execute(t, serviceOfTests(t, "-o", out, "--arm", armOf("off", ""),
		"--arm", armOf("on", "OTEL_EXPORTER_OTLP_ENDPOINT={{otlp}}"), "--compare", "on vs off")...)
	if code != exitOK {
		t.Fatalf("exit %d\n%s\n%s", code, stdout, stderr)
	}
	run, err := results.Read(out)
	if err != nil || len(run.Visits) != 2 {
		t.Fatalf("%v, %+v", err, run)
	}
	for _, v := range run.Visits {
		arm := v.Cell.Value(scenarios.ServiceArm)
		if v.Error != "" || v.Service == nil || v.Service.CPU == nil || *v.Service.CPU <= 0 ||
			v.Service.Startup <= 0 ||
			v.Service.LateCPU == nil || v.Service.Exit != "signal: terminated" {
			t.Fatalf("%s: %+v", arm, v)
		}
		calls := v.Warmup + v.Record.Done
		switch exports := v.Service.Exports; {
		case v.Service.Calls != calls || v.Record.Failed > 0:
			t.Errorf("%s: %d calls of the service, %d of the load, %d failed", arm, v.Service.Calls, calls,
				v.Record.Failed)
		case arm == "off" && exports != nil:
			t.Errorf("off exported %+v", exports)
		case arm == "on" && (exports == nil || exports.Traces.Items != calls):
			t.Errorf("on exported %+v in %d calls", exports, calls)
		}
		log, err := os.ReadFile(filepath.Join(out, "logs", fmt.Sprintf("arm=%s_qps=200_round-1.log", arm)))
		if err != nil {
			t.Errorf("%s: %v, %q", arm, err, log)
		}
	}
	if c := run.Scenario.Comparisons(); len(c) != 1 || c[0].String() != "on vs off" {
		t.Errorf("compares %v", c)
	}
	i := slices.IndexFunc(run.Inputs, func(in results.Input) bool { return in.Kind == results.Program })
	if i < 0 {
		t.Errorf("inputs %+v", run.Inputs)
	}
	_, all, _ := execute(t, "show", "--all", out)
	if !strings.Contains(all, "Services, besides their load") || !strings.Contains(all, "spans/op") {
		t.Errorf("no services in\n%s", all)
	}
}

// The sample service runs wherever the program does. Its arms export the same spans, or none.
func TestServiceSpansRunsAnywhere(t *testing.T) {
	t.Parallel()
	cmd, stdout, stderr := command(t, "run", "service-spans", "--qps", "300", "--duration", "200ms", "--warmup",
		"50ms",
		"--rounds", "1", "--seed", "7", "-o", "out")
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s\n%s", err, stdout, stderr)
	}
	run, err := results.Read(filepath.Join(cmd.Dir, "out"))
	if err != nil || len(run.Visits) != 3 {
		t.Fatalf("%v, %+v", err, run)
	}
	spans := map[string]uint64{}
	for _, v := range run.Visits {
		arm := v.Cell.Value(scenarios.ServiceArm)
		if !v.Usable() || v.Record.Failed > 0 || v.Doubted(results.UnexpectedExports) ||
			v.Doubted(results.NotStopped) ||
			v.Service.Exports == nil || v.Service.Exports.Rejected > 0 || v.Service.Allocs == nil {
			t.Fatalf("%s: %+v", arm, v)
		}
		spans[arm] = v.Service.Exports.Traces.Items
	}
	// A call has 2 spans, or 3 if it lists items or makes an order.
	calls := run.Visits[0].Service.Calls
	if spans["none"] != 0 || spans["sdk"] != spans["pooled"] || spans["sdk"] < 2*calls || spans["sdk"] > 3*calls {
		t.Errorf("spans %v of %d calls", spans, calls)
	}
	if doubts := results.ArmDoubts(run); len(doubts) > 0 && doubts[0].Name == results.ArmWithoutEffect {
		t.Errorf("doubts %+v", doubts)
	}
}

// A sidecar of all visits belongs to what is measured as a sidecar of one visit does: without it, the numbers are of
// another service.
func TestASidecarThatEndsEndsTheRun(t *testing.T) {
	for _, per := range []string{"run", "visit"} {
		t.Run(per, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "run")
			code, stdout, stderr := execute(t, "run", "-o", out, scenario(t, fmt.Sprintf(`target: http
http: {url: "http://127.0.0.1:{{port}}/x", connections: 2}
service:
  command: "{{loadgen}}"
  env: {%[1]s: %[2]s, CALLS: "{{port db}}"}
  idle: 0s
  sidecars:
  - {name: db, command: ["{{loadgen}}"], env: {%[1]s: %[2]s, CRASH_AFTER: 5}, per: %[3]s}
qps: 200
duration: 100ms
warmup: 20ms
rounds: 3
seed: 1
quantile: none
`, asCommand, asService, per)))
			if code != exitUnusable {
				t.Errorf("exit %d\n%s\n%s", code, stdout, stderr)
			}
			run, err := results.Read(out)
			if err != nil || len(run.Visits) == 0 || per == "run" && len(run.Visits) != 1 {
				t.Fatalf("%v, %+v\n%s", err, run, stderr)
			}
			log, err := os.ReadFile(filepath.Join(out, "logs", "target=http_qps=200_round-1_db.log"))
			if per == "visit" && !strings.Contains(string(log), "out of luck") {
				t.Errorf("the log of the sidecar: %q, %v", log, err)
			}
			v := run.Visits[0]
			if v.Record == nil || v.Record.Offered == 0 {
				t.Errorf("the calls until then were lost: %+v", v)
			}
			for _, want := range []string{"service-gone: sidecar db: it ended by itself: exit status 7",
				"out of luck"} {
				if !strings.Contains(v.Error, want) {
					t.Errorf("%q is not in %q", want, v.Error)
				}
				if per == "run" && !strings.Contains(flat(stderr), want) {
					t.Errorf("%q is not in\n%s", want, stderr)
				}
			}
		})
	}
}

func TestServicesThatFail(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		args []string
		code int
		want []string // in standard error, or in the output
	}{
		"one that ends at once": {[]string{"--arm", armOf("a", "EXIT=1")}, exitUnusable,
			[]string{"service a: it ended by itself: exit status 7", "no database"}},
		"an answer that is not expected": {[]string{"--arm", armOf("a", ""), "--arm", armOf("b", "STATUS=500")},
			exitUnusable, []string{"arm b to GET is not as expected: ", "500", "--no-verify"}},
		"one that crashes in mid-load": {[]string{"--arm", armOf("a", ""), "--arm", armOf("b", "CRASH_AFTER=12")},
			exitUnusable, []string{"1 of 2 visits could not be measured: service-gone: service b: it ended by " +
				"itself: exit status 7;"}},
		"one that does not stop": {[]string{"--strict", "--arm", armOf("a", "IGNORE_TERM=1"), "--config", "stop"},
			exitNotValid, []string{"not-stopped"}},
		"exports of which nothing is expected": {[]string{"--strict", "--arm",
			armOf("a", "OTEL_EXPORTER_OTLP_ENDPOINT={{otlp}}"), "--config", "none"}, exitNotValid,
			[]string{"unexpected-exports"}},
		"arms without effect": {[]string{"--strict", "--arm", armOf("a", "OTEL_EXPORTER_OTLP_ENDPOINT={{otlp}}"),
			"--arm",
			armOf("b", "OTEL_EXPORTER_OTLP_ENDPOINT={{otlp}} OTEL_SDK_DISABLED=true")}, exitNotValid,
			[]string{"arm-without-effect: b vs a"}},
	} {
		t.Run(name, func(t *testing.T) {
			args := serviceOfTests(t, c.args...)
			if i := slices.Index(args, "--config"); i >= 0 { // what only a file says
				args = append(args[:i], args[i+2:]...)
				text := "target: http\nhttp: {url: 'http://127.0.0.1:{{port}}/x'}\n" +
					"service: {command: '{{loadgen}}', " +
					"idle: 0s, stop: {grace: 50ms}}\nqps: 200\nduration: 100ms\nrounds: 1\nquantile: none\n"
				if c.args[len(c.args)-1] == "none" {
					text += "arms: [{name: a, otlp: none, env: {" + asCommand + ": " + asService +
						", OTEL_EXPORTER_OTLP_ENDPOINT: '{{otlp}}'}}]\n"
					args = slices.DeleteFunc(args, func(a string) bool {
						return a == "--arm" ||
							strings.HasPrefix(a, "a:")
					})
				}
				args[1] = scenario(t, text)
				args = slices.DeleteFunc(args, func(a string) bool { return a == "--service" || a == "{{loadgen}}" })
			}
			code, stdout, stderr := execute(t, args...)
			if code != c.code {
				t.Errorf("exit %d, want %d\n%s\n%s", code, c.code, stdout, stderr)
			}
			for _, want := range c.want {
				if !strings.Contains(flat(stdout+stderr), want) {
					t.Errorf("%q is not in\n%s\n%s", want, stdout, stderr)
				}
			}
			if strings.Contains(stderr, "exit 2:") {
				t.Errorf("the exit code is no part of a message:\n%s", stderr)
			}
			if name == "one that ends at once" && strings.Contains(stderr, "--"+noVerify) {
				t.Errorf("without its check it would not start either:\n%s", stderr)
			}
		})
	}
}

// flat returns a text in one line.
func flat(text string) string { return strings.Join(strings.Fields(text), " ") }

func TestAVisitThatCrashedKeepsItsCalls(t *testing.T) {
	t.Parallel()
	out := filepath.Join(t.TempDir(), "run")
	execute(t, serviceOfTests(t, "-o", out, "--no-verify", "--arm", armOf("a", "CRASH_AFTER=15"))...)
	run, err := results.Read(out)
	if err != nil || len(run.Visits) != 1 {
		t.Fatalf("%v, %+v", err, run)
	}
	v := run.Visits[0]
	if v.Usable() || v.Record == nil || v.Record.Offered == 0 || v.Service == nil ||
		v.Service.Exit != "exit status 7" ||
		!strings.HasPrefix(v.Error, "service-gone: service a: it ended by itself: exit status 7") ||
		!strings.Contains(v.Error, "out of luck") {
		t.Errorf("%+v", v)
	}
}

// Nothing of a service is left when the run is interrupted.
func TestAnInterruptStopsTheService(t *testing.T) {
	cmd, stdout, stderr := command(t, serviceOfTests(t, "--no-verify", "--arm", armOf("a", "MARK_OF_TEST=1"),
		"--rounds",
		"50", "--duration", "10s")...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for markedService(t) == "" {
		time.Sleep(time.Millisecond)
	}
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != exitInterrupted {
		t.Errorf("%v\n%s\n%s", err, stdout, stderr)
	}
	if left := markedService(t); left != "" {
		t.Errorf("process %s is left", left)
	}
}

// markedService returns the number of a process that has the mark of a test in its environment; "" if there is none.
func markedService(t *testing.T) string {
	t.Helper()
	paths, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil || len(paths) == 0 {
		t.Skip("the processes of this system are not in /proc")
	}
	for _, path := range paths {
		if text, err := os.ReadFile(path); err == nil && strings.Contains(string(text), "MARK_OF_TEST=1") {
			return path
		}
	}
	return ""
}

func TestArmsAndServicesOfTheCommandLine(t *testing.T) {
	have := []scenarios.Arm{{Name: "old", Args: []string{"-x"}}}
	for name, c := range map[string]struct {
		arms []string
		have []scenarios.Arm
		want []scenarios.Arm
		err  string
	}{
		"variables and arguments": {arms: []string{"on:TRACING=on X='a b' -v --n 1", "off:"}, want: []scenarios.Arm{
			{Name: "on", Env: map[string]*string{"TRACING": new("on"), "X": new("a b")},
				Args: []string{"-v", "--n", "1"}},
			{Name: "off"}}},
		"a revision": {arms: []string{"base@main", "b2@HEAD~1:X=1"},
			want: []scenarios.Arm{{Name: "base", Revision: "main"},
				{Name: "b2", Revision: "HEAD~1", Env: map[string]*string{"X": new("1")}}}},
		"one of the file": {arms: []string{"old", "new:Y=1"}, have: have,
			want: []scenarios.Arm{have[0], {Name: "new", Env: map[string]*string{"Y": new("1")}}}},
		"none of the file": {arms: []string{"odl"}, have: have, err: `"odl" is no arm of the scenario ` +
			`(did you mean old?): want one of old, or NAME:SETTINGS`},
		"no settings": {arms: []string{"on"}, err: `"on": want NAME:SETTINGS, such as on:TRACING=on, or ` +
			`on: for no settings`},
		"neither":           {arms: []string{"on:TRACING"}, err: `"TRACING" is neither a variable nor an argument`},
		"an open quote":     {arms: []string{"on:X='a"}, err: "quotes"},
		"something to pipe": {arms: []string{"on:X=1 | cat"}, err: "is not run by a shell"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := armsGiven(c.arms, c.have)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Errorf("%v: want %q", err, c.err)
				}
				return
			}
			if diff := cmp.Diff(c.want, got); err != nil || diff != "" {
				t.Errorf("%v: -want +got\n%s", err, diff)
			}
		})
	}
}

func TestServicesThatCannotBeStartedAreRefused(t *testing.T) {
	t.Parallel()
	url := []string{"run", "http://127.0.0.1:{{port}}/", "--qps", "10", "--duration", "1s"}
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"an unknown placeholder": {append(slices.Clone(url), "--service", "./shop {{prot}}"),
			"unknown placeholder {{prot}}: want one of port, port NAME, loadgen, otlp (did you mean port?)"},
		"a shell": {append(slices.Clone(url), "--service", "sh -c './shop'"),
			"write exec before the last command"},
		"no such program":  {append(slices.Clone(url), "--service", "./no-such-shop"), "no-such-shop"},
		"no such package":  {append(slices.Clone(url), "--build", "./no-such-package"), "no-such-package"},
		"an empty command": {append(slices.Clone(url), "--service", ""), "--service"},
		"arms of nothing":  {append(slices.Clone(url), "--arm", "a:X=1"), "want --service beside it"},
		"ready by nothing": {append(slices.Clone(url), "--ready", "/healthz"), "want --service COMMAND"},
		"an odd probe": {append(slices.Clone(url), "--service", "./shop", "--ready", "healthz"),
			"want a path such as /healthz"},
		"a line like nothing": {append(slices.Clone(url), "--service", "./shop", "--ready", "log:"),
			"want log:REGEXP"},
		"no revision": {append(slices.Clone(url), "--build", "./shop", "--arm", "base@:X=1"),
			"there is no revision after base@"},
		"a revision of what is not built": {append(slices.Clone(url), "--service", "./shop", "--arm", "base@main"),
			"revision main needs a program that is built"},
		"a service of the map": {[]string{"run", "span-reuse", "--service", "./shop"}, "started and not called"},
	} {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr := execute(t, c.args...)
			if code != exitUnusable || !strings.Contains(flat(stderr), c.want) {
				t.Errorf("exit %d, want 2 and %q\n%s\n%s", code, c.want, stdout, stderr)
			}
		})
	}
}
