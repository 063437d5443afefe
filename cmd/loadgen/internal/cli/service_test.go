package cli

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/loadgen-go/loadgen/results"
)

// A notingShop is a service that notes what it was asked.
type notingShop struct {
	*httptest.Server
	mu   sync.Mutex
	seen map[string]int // protocol, method, path, type and body
}

func newShop(t *testing.T) *notingShop {
	t.Helper()
	s := &notingShop{seen: map[string]int{}}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.mu.Lock()
		s.seen[strings.Join([]string{r.Proto, r.Method, r.URL.Path, r.Header.Get("Content-Type"), string(body)},
			" ")]++
		s.mu.Unlock()
		switch {
		case r.URL.Path == "/missing":
			w.WriteHeader(http.StatusNotFound)
		case r.Method == http.MethodPost:
			w.WriteHeader(http.StatusCreated)
		}
		_, _ = io.WriteString(w, "hello")
	}))
	s.Config.Protocols = new(http.Protocols)
	s.Config.Protocols.SetHTTP1(true)
	s.Config.Protocols.SetUnencryptedHTTP2(true)
	s.Start()
	t.Cleanup(s.Close)
	return s
}

// only returns the only thing that the service was asked.
func (s *notingShop) only(t *testing.T) (asked string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for asked = range s.seen {
	}
	if len(s.seen) != 1 {
		t.Errorf("asked for %v", s.seen)
	}
	return asked
}

const shortly = " --qps 400 --duration 200ms --warmup 20ms --rounds 1"

func TestAURLIsATarget(t *testing.T) {
	for _, c := range []struct{ name, path, flags, want string }{
		{"GET", "/path", "", "HTTP/1.1 GET /path  "},
		{"all flags", "/orders", "-X POST -d @order.json -H Content-Type:application/json --http h2c --expect 201 " +
			"--connections 4", `HTTP/2.0 POST /orders application/json {"id": "{{uuid}}"}`},
		{"POST with a body", "/orders", "-d hello", "HTTP/1.1 POST /orders  hello"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newShop(t)
			cmd, stdout, stderr := command(t, strings.Fields("run "+s.URL+c.path+" --out out "+c.flags+shortly)...)
			order := filepath.Join(cmd.Dir, "order.json")
			if err := os.WriteFile(order, []byte(`{"id": "{{uuid}}"}`), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := cmd.Run(); err != nil {
				t.Fatalf("%v\n%s\n%s", err, stdout, stderr)
			}
			if got := s.only(t); got != c.want {
				t.Errorf("asked for %q, want %q", got, c.want)
			}
			run, err := results.Read(filepath.Join(cmd.Dir, "out"))
			if err != nil {
				t.Fatal(err)
			}
			host := strings.NewReplacer("http://", "", ":", "-").Replace(s.URL)
			if want := host + strings.ReplaceAll(c.path, "/", "-"); run.Scenario.Name != want {
				t.Errorf("it is called %s, want %s", run.Scenario.Name, want)
			}
			v := run.Visits[0]
			if v.Record.Failed > 0 || v.Record.Done == 0 || v.Connections == nil || v.Connections.Opened == 0 {
				t.Errorf("%d done, %d failed, connections %+v", v.Record.Done, v.Record.Failed, v.Connections)
			}
			bench, err := os.ReadFile(filepath.Join(cmd.Dir, "out", results.BenchFile))
			if err != nil || !strings.Contains(string(bench), "/target=http/qps=400-") ||
				!strings.Contains(string(bench), " client-cpu-ns/op") ||
				strings.Count(string(bench), " B/op") > 1 { // its declaration
				t.Errorf("%v\n%s", err, bench)
			}
		})
	}
}

func TestARunOfAServiceIsShownAndRunAgain(t *testing.T) {
	s := newShop(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "shop.yaml")
	text := "target: http\nhttp:\n  url: " + s.URL + "\n  timeout: {total: 2s}\n  requests:\n" +
		"  - {name: list, path: /items}\n  - {name: lost, path: /missing}\n" +
		"qps: 400\nduration: 200ms\nwarmup: 0\nrounds: 1\nquantile: none\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	first, second := filepath.Join(dir, "first"), filepath.Join(dir, "second")
	for _, c := range []struct {
		name, args string
		want       []string
	}{
		{"run", "run " + file + " --no-verify --out " + first, []string{"calls/s", "client CPU", "failed"}},
		{"again", "run " + first + " --no-verify --out " + second, []string{"client CPU"}},
		{"show", "show --all " + second, []string{"client-cpu-ns/op", "Connections of 1 visit: 16 opened, 0 failed;",
			"status 404"}},
		{"report", "report " + second + " -o " + filepath.Join(dir, "page.html"), nil},
		{"show as JSON", "show --format json " + second, []string{`"client-cpu-ns/op"`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, stdout, stderr := execute(t, strings.Fields(c.args)...)
			if code != exitOK {
				t.Fatalf("exit %d\n%s\n%s", code, stdout, stderr)
			}
			for _, want := range c.want {
				if !strings.Contains(stdout, want) {
					t.Errorf("%q is not in\n%s", want, stdout)
				}
			}
			for _, column := range []string{"B/op", "spans"} {
				if c.name != "show as JSON" && strings.Contains(stdout, column) {
					t.Errorf("%q is in\n%s", column, stdout)
				}
			}
		})
	}
	run, err := results.Read(second)
	if err != nil || run.Scenario.HTTP == nil || len(run.Scenario.HTTP.Requests) != 2 {
		text, _ := json.Marshal(run.Scenario)
		t.Errorf("%v, %s", err, text)
	}
}

func TestTheCapacityOfAServiceIsFound(t *testing.T) {
	s := newShop(t)
	code, stdout, stderr := execute(t, "capacity", s.URL+"/items", "--slo", "p50<10s", "--from", "300", "--probe",
		"100ms", "--warmup", "0", "--budget", "400ms", "--connections", "2")
	if code != exitNotValid || s.only(t) != "HTTP/1.1 GET /items  " { // its budget is small
		t.Errorf("exit %d\n%s\n%s", code, stdout, stderr)
	}
}

func TestWhatIsWrongWithAServiceIsAnError(t *testing.T) {
	closed := httptest.NewServer(nil)
	closed.Close()
	for _, c := range []struct{ name, args, want string }{
		{"refused", "run " + closed.URL + "/" + shortly, "start the service, or correct the host and the port"},
		{"flags of a service without one", "run span-reuse -X POST --insecure", "--method, --insecure is about a " +
			"service: want a URL instead of a scenario, or a scenario with target: http"},
		{"no host", "plan http:///path", `url is "http:///path": want http:// or https:// and a host`},
		{"a fragment", "plan http://a/#b", "want it without the part after #"},
		{"a protocol", "plan http://a/ --http h3", `--http: "h3" is unknown: want one of auto, http/1.1, h2, h2c`},
		{"h2 without TLS", "plan http://a/ --http h2", "want protocol h2c, or https://"},
		{"a header", "plan http://a/ -H nonsense", `--header: "nonsense" is no header: want one such as`},
		{"a status", "plan http://a/ --expect 200,ok", `--expect: "ok" is no status`},
		{"connections", "plan http://a/ --connections 0", "--connections: 0 is out of range"},
		{"no file", "plan http://a/ -d @none.json", "none.json"},
		{"an empty body", "plan http://a/ --data=", "--data: it is empty"},
		{"insecure without TLS", "plan http://a/ --insecure", "want https://"},
		{"spans", "plan http://a/ --spans sdk", "--spans: it applies to calls in this process"},
		{"a revision", "run http://a/ --compare HEAD", "needs a service that loadgen builds and starts"},
		{"no scheme", "plan 127.0.0.1:80/path",
			"The URL of a service begins with its scheme: http://127.0.0.1:80/path"},
		{"the target alone", "plan --target http", "want a field http with its url, or a URL"},
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

// Plan and run send one request of each kind first, and reject answers that are not as expected.
func TestTheFirstAnswersOfAServiceAreChecked(t *testing.T) {
	const lost = "/missing to GET is not as expected: status 404"
	for _, c := range []struct {
		name, args string
		code, sent int
		want       []string
	}{
		{"plan", "plan URL/items", exitOK, 1, []string{"The first answer to each kind of request", "GET", "200"}},
		{"plan, an error", "plan URL/missing", exitUnusable, 1, []string{"404", lost, "--no-verify"}},
		{"plan, unverified", "plan URL/missing --no-verify", exitOK, 0, nil},
		{"plan as JSON", "plan URL/missing --format json", exitUnusable, 1, []string{lost}},
		{"an expected error", "plan URL/missing --expect 404", exitOK, 1, []string{"404"}},
		{"run", "run URL/missing" + shortly, exitUnusable, 1, []string{lost}},
		{"capacity", "capacity URL/missing --slo p99<1s", exitUnusable, 1, []string{lost}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newShop(t)
			code, stdout, stderr := execute(t, strings.Fields(strings.Replace(c.args, "URL", s.URL, 1))...)
			text := strings.Join(strings.Fields(stdout+stderr), " ")
			if code != c.code {
				t.Errorf("exit %d, want %d\n%s\n%s", code, c.code, stdout, stderr)
			}
			for _, want := range c.want {
				if !strings.Contains(text, want) {
					t.Errorf("%q is not in\n%s\n%s", want, stdout, stderr)
				}
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			sent := 0
			for _, n := range s.seen {
				sent += n
			}
			if sent != c.sent {
				t.Errorf("%d requests were sent, want %d", sent, c.sent)
			}
		})
	}
}

func TestAUnixSocketIsATarget(t *testing.T) {
	dir, err := os.MkdirTemp("", "loadgen") // the paths of sockets are short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	path := filepath.Join(dir, "s")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Skip(err)
	}
	s := newShop(t)
	go func() { _ = http.Serve(listener, s.Config.Handler) }()
	defer listener.Close()
	code, stdout, stderr := execute(t, strings.Fields("run http://shop/items --unix-socket "+path+shortly)...)
	if code != exitOK || s.only(t) != "HTTP/1.1 GET /items  " {
		t.Errorf("exit %d\n%s\n%s", code, stdout, stderr)
	}
}
