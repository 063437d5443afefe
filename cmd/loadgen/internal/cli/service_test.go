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
		case r.URL.Path == "/moved":
			http.Redirect(w, r, "/items", http.StatusMovedPermanently)
		case r.URL.Path == "/away":
			http.Redirect(w, r, "http://other.test/", http.StatusFound)
		case r.URL.Path == "/slow":
			<-r.Context().Done()
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

// withBlanks returns arguments with blanks in placeholders for underscores.
func withBlanks(args []string) []string {
	for i, arg := range args {
		if strings.Contains(arg, "{{") {
			args[i] = strings.ReplaceAll(arg, "_", " ")
		}
	}
	return args
}

func TestAURLIsATarget(t *testing.T) {
	for _, c := range []struct{ name, path, flags, want string }{
		{"GET", "/path", "", "HTTP/1.1 GET /path  "},
		{"all flags", "/orders", "-X POST -d @order.json -H Content-Type:application/json --http h2c --expect 201 " +
			"--connections 4", `HTTP/2.0 POST /orders application/json {"id": "{{uuid}}"}`},
		{"POST with a body", "/orders", "-d hello", "HTTP/1.1 POST /orders  hello"},
		{"HTTP/2", "/items", "--http 2 --max-connections 3 --reuse never", "HTTP/2.0 GET /items  "},
		{"a placeholder", "/items/{{int_7_7}}", "", "HTTP/1.1 GET /items/7  "},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newShop(t)
			cmd, stdout, stderr := command(t, withBlanks(strings.Fields("run "+s.URL+c.path+" --out out "+c.flags+
				shortly))...)
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
			path := strings.NewReplacer("/", "-", "{{", "-", "}}", "", "_", "-", "--", "-").Replace(c.path)
			if want := host + strings.ReplaceAll(path, "--", "-"); run.Scenario.Name != want {
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
		{"no scheme", "plan 127.0.0.1:80/path", "127.0.0.1:80/path is no scenario and no file: did you mean the " +
			"service at http://127.0.0.1:80/path?"},
		{"no scheme, a name", "plan localhost", "did you mean the service at http://localhost?"},
		{"no scheme, IPv6", "plan [::1]:80?a", "did you mean the service at http://[::1]:80?a?"},
		{"no scheme, a port", "plan :80/x", "did you mean the service at http://localhost:80/x?"},
		{"no scheme, a domain", "plan shop.test/items", "The URL of a service begins with its scheme, as " +
			"http://shop.test/items"},
		{"one slash", "plan http:/a/", `url is "http:/a/": want http:// or https:// and a host`},
		{"another scheme", "plan ftp://a/b", `url is "ftp://a/b": want http:// or https://`},
		{"a port of no service", "plan http://127.0.0.1:{{port}}/", "{{port}} is the port of a service that loadgen " +
			"starts: want --service beside it"},
		{"a large port", "plan http://a:99999/", "want a port from 1 to 65535"},
		{"reuse", "plan http://a/ --reuse often", `--reuse: "often" is not valid: want always, never, or a number`},
		{"the most connections", "plan http://a/ --connections 8 --max-connections 4",
			"--max-connections: 4 is less than the 8 connections that are opened first"},
		{"redirects", "plan http://a/ --redirects -1", "--redirects: -1 is out of range"},
		{"a certificate without its key", "plan https://a/ --cert a.pem", "want both, or neither"},
		{"no certificates", "plan https://a/ --ca none.pem", "none.pem"},
		{"no address", "plan http://a/ --resolve a",
			`--resolve: "a" is no host with its address: want HOST:ADDRESS or`},
		{"the address of another host", "plan http://a/ --resolve b:127.0.0.1", `resolve has "b", and only`},
		{"more workers than connections", "plan http://a/ --no-verify --workers 64",
			"carry 16 calls at once: want at most as many workers, or more connections (--connections"},
		{"no command", "http://a/", "Did you mean this? run http://a/"},
		{"no command and no scheme", "localhost:80", "Did you mean this? run http://localhost:80"},
		{"a placeholder without data", "plan http://a/?x={{row.id}}", "loadgen: http://a: http: " +
			"requests[0].path:1:5: " +
			"row.id needs data: there is none"},
		{"no socket", "plan http://a/ --unix-socket /nosuch", "start the service, or correct the path of its socket"},
		{"a flag of other programs", "run http://a/ --rate 50", "Did you mean this? --qps"},
		{"a letter of other programs", "run http://a/ -c 50", "Did you mean this? --connections"},
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
		{"plan, the way there", "plan URL/items -X PUT", exitOK, 1, []string{"PUT http://127.0.0.1:", "/items",
			"open files",
			"ports"}},
		{"a redirect", "plan URL/moved", exitOK, 1, []string{"warning: http://127.0.0.1:", "/moved answers GET with " +
			"a redirect to /items, and the redirect is what is measured", "301"}},
		{"a redirect that is followed", "plan URL/moved --redirects 1", exitOK, 2, []string{"200"}},
		{"a redirect to another host", "plan URL/away --redirects 1", exitUnusable, 1, []string{"status 302: it " +
			"leads to http://other.test/, and calls stay with the scheme and host of the URL, http://127.0.0.1:"}},
		{"the timeout of a call", "plan URL/slow --timeout 20ms", exitUnusable, 1, []string{"took longer than 20ms"}},
		{"the timeout of a call beyond the default", "plan URL/items --timeout 1h", exitOK, 1, []string{"200"}},
		{"HTTP/2 that the server lacks", "plan URL/items --http 1.1", exitOK, 1, []string{"protocol http/1.1"}},
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
