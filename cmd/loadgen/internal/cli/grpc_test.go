package cli

import (
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection"

	"github.com/loadgen-go/loadgen/results"
)

// newGRPC returns a server of gRPC that tells its own health, and its schema by reflection if that is wanted. It knows
// the health of nothing else: a call about another service ends with NotFound.
func newGRPC(reflects bool) *grpc.Server {
	s := grpc.NewServer()
	healthpb.RegisterHealthServer(s, health.NewServer())
	if reflects {
		reflection.Register(s)
	}
	return s
}

// serveGRPC serves at an address until that fails.
func serveGRPC(address string) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	return newGRPC(true).Serve(listener)
}

// startGRPC starts a server, and returns its address. It stops with the test.
func startGRPC(t *testing.T, network, address string, reflects bool) string {
	t.Helper()
	listener, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	s := newGRPC(reflects)
	go func() { _ = s.Serve(listener) }() // it ends when the test stops it
	t.Cleanup(s.Stop)
	return listener.Addr().String()
}

const check = "grpc.health.v1.Health/Check"

func TestAURLOfGRPCIsATarget(t *testing.T) {
	address := startGRPC(t, "tcp", "127.0.0.1:0", true)
	out := filepath.Join(t.TempDir(), "out")
	code, stdout, stderr := execute(t, append(strings.Fields("run grpc://"+address+"/"+check+" --connections 2 "+
		"--streams 3 -H X-Id:{{uuid}} -o "+out+shortly), "-d", `{"service": ""}`)...)
	if code != exitOK {
		t.Fatalf("exit %d\n%s\n%s", code, stdout, stderr)
	}
	if text := strings.Join(strings.Fields(stdout), " "); !strings.Contains(text, "client CPU") ||
		strings.Contains(text, "spans") {
		t.Errorf("the answer is not about a service:\n%s", stdout)
	}
	run, err := results.Read(out)
	if err != nil {
		t.Fatal(err)
	}
	if want := strings.ReplaceAll(address, ":", "-") + "-grpc.health.v1.Health-Check"; run.Scenario.Name != want {
		t.Errorf("it is called %s, want %s", run.Scenario.Name, want)
	}
	if v := run.Visits[0]; v.Record.Failed > 0 || v.Record.Done == 0 || v.Connections == nil ||
		v.Connections.Opened != 2 || v.Streams != nil || v.Record.Workers != 6 {
		t.Errorf("%d done, %d failed, connections %+v, streams %+v, %d workers", v.Record.Done, v.Record.Failed,
			v.Connections, v.Streams, v.Record.Workers)
	}
	bench, err := os.ReadFile(filepath.Join(out, results.BenchFile))
	for _, want := range []string{"\nprotocol: grpc\n", "/target=grpc/qps=400-", " client-cpu-ns/op", "pkg: " +
		results.Module} {
		if err != nil || !strings.Contains(string(bench), want) {
			t.Errorf("%v: %q is not in\n%s", err, want, bench)
		}
	}
	t.Run("again", func(t *testing.T) {
		code, stdout, stderr := execute(t, "plan", out)
		text := strings.Join(strings.Fields(stdout), " ")
		if code != exitOK || !strings.Contains(text, "service grpc://"+address+"/"+check+", 1 kind of request, "+
			"2 connections") {
			t.Errorf("exit %d\n%s\n%s", code, stdout, stderr)
		}
	})
}

func TestTheFirstAnswersOfGRPCAreChecked(t *testing.T) {
	address := startGRPC(t, "tcp", "127.0.0.1:0", true)
	bare := startGRPC(t, "tcp", "127.0.0.1:0", false)
	dir, err := os.MkdirTemp("", "loadgen") // the paths of sockets are short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket := startGRPC(t, "unix", filepath.Join(dir, "s"), true)
	proto, message := filepath.Join(dir, "health.proto"), filepath.Join(dir, "message.json")
	const schema = `syntax = "proto3"; package grpc.health.v1; message HealthCheckRequest { string service = 1; }
message HealthCheckResponse { int32 status = 1; }
service Health { rpc Check(HealthCheckRequest) returns (HealthCheckResponse); }`
	for name, text := range map[string]string{proto: schema, message: `{"service": "@none"}`} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	url := "grpc://" + address + "/" + check
	for _, c := range []struct {
		name, args string
		code       int
		want       string
	}{
		{"plan", "plan " + url, exitOK, "request code sent received bytes us " + check + " OK 1 1 2 "},
		{"a service that is not known", "plan " + url + ` -d {"service":"none"}`, exitUnusable,
			"not as expected: rpc error: code = NotFound desc = unknown service"},
		{"run", "run " + url + ` -d {"service":"none"}` + shortly, exitUnusable, "NotFound"},
		{"a file", "plan " + url + " --expect NotFound -d @" + message, exitOK, check + " NotFound 1 0 0"},
		{"an expected code", "plan " + url + ` --expect NOT_FOUND -d {"service":"none"}`, exitOK, check +
			" NotFound 1 0 0"},
		{"a code that does not come", "plan " + url + " --expect NotFound", exitUnusable,
			"the call ended with OK: want NotFound"},
		{"a method that is not there", "plan " + url + "s", exitUnusable, `has no method "Checks" (did you mean ` +
			`Check?): want one of Check, List, Watch`},
		{"a service that is not there", "plan grpc://" + address + "/Health/Check", exitUnusable,
			"(did you mean grpc.health.v1.Health?)"},
		{"a field that is not there", "plan " + url + ` -d {"servise":""}`, exitUnusable,
			`message[0]: (line 1:2): unknown field "servise" (did you mean service?): want JSON of a ` +
				"grpc.health.v1.HealthCheckRequest"},
		{"no reflection", "plan grpc://" + bare + "/" + check, exitUnusable, "the server has no reflection"},
		{"what to do without reflection", "plan grpc://" + bare + "/" + check, exitUnusable,
			"on the command line, these are --proto FILE and --protoset FILE"},
		{"a schema", "plan grpc://" + bare + "/" + check + " --proto " + proto, exitOK, "code"},
		{"a schema and its directory", "plan grpc://" + bare + "/" + check + " --proto health.proto --import " + dir,
			exitOK, check + " OK 1 1 2"},
		{"a schema that is missing", "plan grpc://" + bare + "/" + check + " --protoset none", exitUnusable,
			"schema.protoset: open none"},
		{"a socket", "plan unix://" + socket + "/" + check, exitOK, "unix://" + socket + "/" + check + ", 1 kind"},
		{"a socket beside a URL", "plan grpc://shop:80/" + check + " --unix-socket " + socket, exitOK, " OK "},
		{"no socket", "plan unix:///nosuch/" + check, exitUnusable, "start the service, or correct the path"},
		{"a socket, and no method", "plan unix://" + socket + "/" + check + "s", exitUnusable, "did you mean Check?"},
		{"TLS to a server without", "plan grpcs://" + address + "/" + check, exitUnusable,
			"check that the port is one for grpcs://"},
		{"what it takes", "plan " + url + " --connections 2 --max-connections 5 --no-verify", exitOK,
			"2 to 5 connections, protocol grpc open files 37 of"},
		{"many workers", "plan " + url + " --workers 50 --connections 1 --streams 10", exitUnusable,
			"carry 10 calls at once"},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, stdout, stderr := execute(t, strings.Fields(c.args)...)
			text := strings.Join(strings.Fields(stdout+stderr), " ")
			if code != c.code || !strings.Contains(text, c.want) {
				t.Errorf("exit %d\n%s\n%s\nwant %d and %q", code, stdout, stderr, c.code, c.want)
			}
		})
	}
}

func TestWhatIsWrongWithAURLOfGRPCIsAnError(t *testing.T) {
	const url = "plan grpc://127.0.0.1:1/shop.Orders/Create "
	for _, c := range []struct{ name, args, want string }{
		{"no method", "plan grpc://127.0.0.1:1", "grpc://127.0.0.1:1 has no method: want it after the address, such " +
			"as grpc://127.0.0.1:1/shop.Orders/Create"},
		{"no method of a socket", "plan unix:///run/s", "unix:///run/s has no method"},
		{"a name alone", "plan grpc://127.0.0.1:1/Create", `method is "Create": want the full name of a method`},
		{"no port", "plan grpc://a/shop.Orders/Create", "want host:port"},
		{"a user", "plan grpc://me@a:1/shop.Orders/Create", "want grpc://a:1/shop.Orders/Create, and metadata"},
		{"a port of no service", "plan grpc://127.0.0.1:{{port}}/shop.Orders/Create", "want --service beside it"},
		{"refused", url, "start the service, or correct the host and the port of the URL"},
		{"no such host", "plan grpc://no.such.host.invalid:1/a.B/C", "--resolve (grpc.resolve)"},
		{"a method of HTTP", url + "-X POST", "--method: it applies to HTTP only: the method of a call of gRPC"},
		{"a protocol", url + "--http 2", "--http: it applies to HTTP only: gRPC is always HTTP/2"},
		{"reuse", url + "--reuse never", "--reuse: it applies to HTTP only"},
		{"redirects", url + "--redirects 3", "--redirects: it applies to HTTP only"},
		{"a schema of HTTP", "plan http://a/ --proto a.proto", "--proto: it applies to gRPC only: want a URL such " +
			"as grpc://"},
		{"streams of HTTP/1.1", "plan http://a/ --streams 3", "--streams: it applies to HTTP/2, and the protocol is"},
		{"streams", url + "--streams 0", "--streams: 0 is out of range"},
		{"a code", url + "--expect NotFond", `"NotFond" (did you mean NotFound?): want one of OK,`},
		{"two codes", url + "--expect OK,NotFound", "a call of gRPC ends with one"},
		{"a certificate without TLS", url + "--insecure", "want grpcs://"},
		{"another host", url + "--resolve b:127.0.0.1", `resolve has "b", and only`},
		{"metadata", url + "-H te:x", "metadata.te follows from the protocol"},
		{"two schemas", url + "--proto a.proto --protoset b", "schema has several sources"},
		{"imports of nothing", url + "--import b", "schema has import without proto"},
		{"spans", url + "--spans sdk", "want no field spans with target grpc"},
		{"no scheme", "plan 127.0.0.1:1/shop.Orders/Create", "did you mean the service at " +
			"grpc://127.0.0.1:1/shop.Orders/Create?"},
		{"the target alone", "plan --target grpc", "want a field grpc with its address and method, or a URL"},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, stdout, stderr := execute(t, strings.Fields(c.args)...)
			text := strings.Join(strings.Fields(stdout+stderr), " ")
			if code != exitUnusable || !strings.Contains(text, c.want) {
				t.Errorf("exit %d\n%s\n%s\nwant %q", code, stdout, stderr, c.want)
			}
		})
	}
}

func TestThePlanAsJSONHasTheFirstAnswersOfGRPC(t *testing.T) {
	address := startGRPC(t, "tcp", "127.0.0.1:0", true)
	answer := func(t *testing.T, code int, url, message string, more ...string) plannedAnswer {
		t.Helper()
		got, stdout, stderr := execute(t, append([]string{"plan", url, "-d", message, "--format", "json"}, more...)...)
		var d planDocument
		if err := json.Unmarshal([]byte(stdout), &d); err != nil || got != code || len(d.Answers) != 1 {
			t.Fatalf("exit %d, %v\n%s\n%s", got, err, stdout, stderr)
		}
		return d.Answers[0]
	}
	url := "grpc://" + address + "/" + check
	t.Run("OK", func(t *testing.T) {
		a := answer(t, exitOK, url, "{}")
		if a.Request != check || a.Method != check || a.URL != "grpc://"+address || a.Status != nil || a.Code == nil ||
			*a.Code != "OK" || *a.Sent != 1 || *a.Received != 1 || *a.Bytes != 2 || a.Took <= 0 || a.Error != nil {
			t.Errorf("%+v", a)
		}
	})
	t.Run("NotFound", func(t *testing.T) {
		a := answer(t, exitUnusable, url, `{"service": "x"}`)
		if a.Code == nil || *a.Code != "NotFound" || *a.Received != 0 || a.Error == nil {
			t.Errorf("%+v", a)
		}
	})
	t.Run("its keys are described", func(t *testing.T) {
		text, err := json.Marshal(answer(t, exitOK, url, "{}"))
		if err != nil {
			t.Fatal(err)
		}
		var keys map[string]any
		if err := json.Unmarshal(text, &keys); err != nil {
			t.Fatal(err)
		}
		for key := range keys {
			if !strings.Contains(answersPage(t), "`"+key+"`") {
				t.Errorf("results/README.md does not describe %q", key)
			}
		}
	})
}

// Calls that fail are counted by their code, and those of streams by their messages.
func TestCallsOfGRPCAreCountedByCodeAndMessages(t *testing.T) {
	address := startGRPC(t, "tcp", "127.0.0.1:0", true)
	dir := t.TempDir()
	file, out := filepath.Join(dir, "health.yaml"), filepath.Join(dir, "out")
	text := "target: grpc\ngrpc:\n  address: " + address + "\n  requests:\n" +
		"  - {name: lost, method: " + check + ", message: '{\"service\": \"none\"}'}\n" +
		"  - {name: names, method: grpc.reflection.v1.ServerReflection/ServerReflectionInfo, weight: 2,\n" +
		"     message: '{\"listServices\": \"\"}', stream: {send: 3}}\n" +
		"arrivals: constant\nqps: 300\nduration: 200ms\nwarmup: 20ms\nrounds: 1\nquantile: none\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, stdout, stderr := execute(t, "run", file, "--no-verify", "-o", out); code != exitOK {
		t.Fatalf("exit %d\n%s\n%s", code, stdout, stderr)
	}
	run, err := results.Read(out)
	if err != nil {
		t.Fatal(err)
	}
	v := run.Visits[0]
	if all := v.Record.Failures; len(all) != 1 || all[0].Kind != "grpc NotFound" {
		t.Errorf("failures %+v", all)
	}
	s := v.Streams
	if s == nil || s.Sent == 0 || s.Sent != s.Received || s.Sent%3 != 0 || s.Gaps.Count() != s.Received/3*2 {
		t.Fatalf("streams %+v: want as many messages received as sent, and two gaps in three", s)
	}
	code, stdout, stderr := execute(t, "show", "--all", out)
	shown := strings.Join(strings.Fields(stdout), " ")
	for _, want := range []string{"Streams of 1 visit: ", " messages sent, ",
		" received. Between two messages received passed ", " us at p50, ", "grpc NotFound"} {
		if code != exitOK || !strings.Contains(shown, want) {
			t.Errorf("exit %d: %q is not in\n%s\n%s", code, want, stdout, stderr)
		}
	}
}

func TestTheCapacityOfAServiceOfGRPCIsFound(t *testing.T) {
	url := "grpc://" + startGRPC(t, "tcp", "127.0.0.1:0", true) + "/" + check
	code, stdout, stderr := execute(t, "capacity", url, "--slo", "p50<10s", "--from", "300", "--probe", "100ms",
		"--warmup", "0", "--budget", "400ms", "--connections", "2")
	if code != exitNotValid { // its budget is small
		t.Errorf("exit %d\n%s\n%s", code, stdout, stderr)
	}
}

// A service of gRPC that each visit starts is called at its port, as arms.
func TestArmsOfAServiceOfGRPCAreStarted(t *testing.T) {
	out := filepath.Join(t.TempDir(), "run")
	args := serviceOfTests(t, "-o", out, "--ready", "grpc", "--arm", armOf("a", "GRPC=1"), "--arm", armOf("b",
		"GRPC=1 B=1"))
	args[1] = "grpc://127.0.0.1:{{port}}/" + check
	code, stdout, stderr := execute(t, args...)
	run, err := results.Read(out)
	if err != nil || code != exitOK {
		t.Fatalf("exit %d, %v\n%s\n%s", code, err, stdout, stderr)
	}
	arms := map[string]bool{}
	for _, v := range run.Visits {
		arms[v.Cell.Value("arm")] = true
		if v.Error != "" || v.Record.Done == 0 || v.Record.Failed > 0 || v.Service == nil || v.Connections == nil {
			t.Errorf("%+v", v)
		}
	}
	if len(arms) != 2 || run.Scenario.Name != "service-grpc.health.v1.Health-Check" {
		t.Errorf("arms %v of %s", arms, run.Scenario.Name)
	}
}
