package cli

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/sockets"
	"github.com/loadgen-go/loadgen/results"
)

// testLimits is the environment variable with the limits of the machine for the processes of a test, in JSON.
const testLimits = "LOADGEN_TEST_LIMITS"

// limitsOfTests returns the limits of the test, or those of a large machine.
func limitsOfTests() (l sockets.Limits) {
	text := os.Getenv(testLimits)
	if text == "" {
		return sockets.Limits{Descriptors: 1 << 20, Ports: 28_232, Held: time.Minute, HeldLoopback: time.Second}
	}
	if err := json.Unmarshal([]byte(text), &l); err != nil {
		panic(err)
	}
	return l
}

// withLimits replaces the limits of the machine.
func withLimits(t *testing.T, l sockets.Limits) {
	t.Helper()
	text, err := json.Marshal(l)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(testLimits, string(text))
}

// What the connections of a run take is planned, and a run that cannot have it is refused, also with --no-verify.
func TestARunThatThePortsOrDescriptorsCannotGiveIsRefused(t *testing.T) {
	linux := sockets.Limits{Descriptors: 1024, Ports: 28_232, Held: time.Minute, HeldLoopback: time.Minute}
	unknown := sockets.Limits{}
	loopback := linux
	loopback.HeldLoopback = time.Second
	const minute, remote = " --qps 600 --duration 60s --rounds 1 --warmup 0", " --no-verify --resolve " +
		"shop.test:10.0.0.1"
	for _, c := range []struct {
		name, args string
		limits     sockets.Limits
		code       int
		want       string
	}{
		{"new connections", "plan http://shop.test/ --reuse never" + minute + remote, linux, exitUnusable,
			"this machine has 28,232 for the address of the service (net.ipv4.ip_local_port_range), each of which " +
				"stays taken for 1m0s after loadgen closed its connection (TIME_WAIT): that allows 470 new " +
				"connections a second"},
		{"a run", "run http://shop.test/ --reuse never" + minute + remote, linux, exitUnusable, "28,232"},
		{"ten requests each", "plan http://shop.test/ --reuse 10" + minute + remote, linux, exitOK, "ports 3,690 of"},
		{"a server that closes first", "plan URL/ --reuse never" + minute, linux, exitOK,
			"ports 16 of 28,232 at most: the server is nearly always the first to close a connection"},
		{"a server that is not asked", "plan URL/ --no-verify --reuse never" + minute, linux, exitUnusable, "28,232"},
		{"ports that are free again soon", "plan URL/ --no-verify --reuse never" + minute, loopback, exitOK, "ports " +
			"6"},
		{"a short run", "plan http://shop.test/ --reuse never --qps 600 --duration 5s --rounds 6 --warmup 0" + remote,
			linux,
			exitOK, "of 28,232"},
		{"many short visits", "plan http://shop.test/ --connections 900 --duration 1s --rounds 60 --warmup 0" + remote,
			linux,
			exitUnusable, "use fewer connections (--connections), or longer visits (--duration)"},
		{"descriptors", "plan http://shop.test/ --max-connections 1000" + remote, linux, exitUnusable,
			"takes up to 1,032 descriptors, for 1,000 connections and 32 other files, and a process may have 1,024"},
		{"capacity", "capacity http://shop.test/ --slo p99<1s --connections 1000" + remote, linux, exitUnusable,
			"1,032 descriptors"},
		{"connections that are added", "plan http://shop.test/ --max-connections 64" + remote, linux, exitOK,
			"16 to 64 connections, protocol auto open files 96 of 1,024"},
		{"unknown limits", "plan http://shop.test/ --reuse never --connections 90000" + minute + remote, unknown,
			exitOK,
			"protocol auto estimators"},
		{"a socket", "plan http://shop.test/ --no-verify --unix-socket /s --reuse never" + minute, linux, exitOK,
			"32 for other files estimators"},
		{"a closed loop", "plan http://shop.test/ --reuse never --closed --duration 60s" + remote, linux, exitOK,
			"32 for other files estimators"},
	} {
		t.Run(c.name, func(t *testing.T) {
			withLimits(t, c.limits)
			s := newShop(t)
			code, stdout, stderr := execute(t, strings.Fields(strings.Replace(c.args, "URL", s.URL, 1))...)
			if text := strings.Join(strings.Fields(stdout+stderr), " "); code != c.code || !strings.Contains(text,
				c.want) {
				t.Errorf("exit %d\n%s\n%s\nwant %d and %q", code, stdout, stderr, c.code, c.want)
			}
		})
	}
}

func TestThePlanAsJSONHasTheFirstAnswers(t *testing.T) {
	withLimits(t, sockets.Limits{Descriptors: 20, Ports: 1000, Held: time.Second, HeldLoopback: time.Second})
	s := newShop(t)
	code, stdout, stderr := execute(t, "plan", s.URL+"/missing?a=b", "--format", "json", "--connections", "2")
	var got planDocument
	if err := json.Unmarshal([]byte(stdout), &got); err != nil {
		t.Fatalf("%v\n%s\n%s", err, stdout, stderr)
	}
	if code != exitUnusable || len(got.Answers) != 1 {
		t.Fatalf("exit %d, answers %+v", code, got.Answers)
	}
	a := got.Answers[0]
	if a.Request != "GET" || a.Method != "GET" || a.URL != s.URL+"/missing?a=b" || a.Status == nil ||
		*a.Status != 404 ||
		*a.Bytes != 5 || a.Took <= 0 || a.Error == nil || !strings.Contains(*a.Error, "status 404: want below 400") {
		t.Errorf("answer %+v", a)
	}
	var keys struct{ Answers []map[string]any }
	if err := json.Unmarshal([]byte(stdout), &keys); err != nil {
		t.Fatal(err)
	}
	for key := range keys.Answers[0] {
		if !strings.Contains(answersPage(t), "`"+key+"`") {
			t.Errorf("results/README.md does not describe %q", key)
		}
	}
	found := map[string]bool{}
	for _, c := range got.Checks {
		found[c.Name] = c.Passed
	}
	if passed, ok := found["descriptors"]; !ok || passed || !found["ports"] {
		t.Errorf("checks %v: want descriptors to fail", found)
	}
}

// Rows that are used once are not used again in a visit: not by the first answers, not by the warm-up.
func TestRowsThatAreUsedOnceLast(t *testing.T) {
	dir := t.TempDir()
	var mu sync.Mutex
	twice := 0 // requests with a row that was used before
	scenario := func(rows int) string {
		users, file := filepath.Join(dir, "users.csv"), filepath.Join(dir, "shop.yaml")
		var text strings.Builder
		text.WriteString("id\n")
		for i := range rows {
			fmt.Fprintf(&text, "%d\n", i)
		}
		seen := map[string]bool{}
		s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			row := strings.TrimSuffix(r.URL.Path, "/b")
			if seen[row] {
				twice++
			}
			seen[row] = true
		}))
		t.Cleanup(s.Close)
		yaml := "target: http\nhttp:\n  url: " + s.URL + "\n  data: {users: {csv: " + users + ", pick: unique}}\n" +
			"  requests: [{path: '/{{row.id}}'}, {name: b, path: '/{{row.id}}/b'}]\n" +
			"arrivals: constant\nqps: 100\nduration: 300ms\nwarmup: 200ms\nrounds: 1\nquantile: none\n"
		for name, text := range map[string]string{users: text.String(), file: yaml} {
			if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return file
	}
	t.Run("enough", func(t *testing.T) {
		out := filepath.Join(dir, "out")
		code, stdout, stderr := execute(t, "run", scenario(52), "--out", out)
		run, err := results.Read(out)
		if err != nil || code != exitOK {
			t.Fatalf("exit %d, %v\n%s\n%s", code, err, stdout, stderr)
		}
		if r := run.Visits[0].Record; r.Done != 30 || r.Failed != 0 {
			t.Errorf("%d calls done and %d failed, want 30 and none", r.Done, r.Failed)
		}
		mu.Lock()
		defer mu.Unlock()
		if twice > 0 {
			t.Errorf("%d requests had a row that was used before", twice)
		}
	})
	for _, command := range []string{"plan", "run"} {
		t.Run(command, func(t *testing.T) {
			code, stdout, stderr := execute(t, command, scenario(51), "--no-verify")
			text := strings.Join(strings.Fields(stdout+stderr), " ")
			if code != exitUnusable || !strings.Contains(text, "users.csv has 51 rows, each used once (pick: "+
				"unique), and a visit at qps=100 may need 52: 2 for the first answers, and up to 50 for the calls "+
				"with their warm-up; want") {
				t.Errorf("exit %d\n%s\n%s", code, stdout, stderr)
			}
		})
	}
	t.Run("capacity", func(t *testing.T) {
		code, stdout, stderr := execute(t, "capacity", scenario(40), "--slo", "p99<10s", "--from", "200", "--probe",
			"200ms",
			"--budget", "10s")
		if text := stdout + stderr; code != exitUnusable || !strings.Contains(text, "users.csv has 40 rows") {
			t.Errorf("exit %d\n%s\n%s", code, stdout, stderr)
		}
	})
}

// A certificate that signed itself, a name that is not looked up, a user in the URL: as flags say.
func TestAServiceIsReachedAsFlagsSay(t *testing.T) {
	var mu sync.Mutex
	var host, authorization string
	s := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		host, authorization = r.Host, r.Header.Get("Authorization")
	}))
	defer s.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	if err := os.WriteFile(ca, text, 0o600); err != nil {
		t.Fatal(err)
	}
	address := strings.TrimPrefix(s.URL, "https://")
	for _, c := range []struct {
		name, args               string
		code                     int
		host, authorization, say string
	}{
		{"unknown", "plan " + s.URL, exitUnusable, "", "", "name its certificate authority, or a certificate that " +
			"it signed itself, with --ca (http.tls.ca), or accept any with --insecure"},
		{"insecure", "plan -k " + s.URL, exitOK, address, "", ""},
		{"upper case", "plan -k HTTPS://" + address, exitOK, address, "", ""},
		{"an authority", "plan https://example.com --ca " + ca + " --resolve example.com:" + address, exitOK,
			"example.com", "",
			"protocol auto"},
		{"a port's address", "plan https://example.com --ca " + ca + " --resolve example.com:443:" + address, exitOK,
			"example.com", "", ""},
		{"a user", "plan -k https://me:p%24@" + address + "/?q=1", exitOK, address, "Basic bWU6cCQ=", ""},
		{"a user and a header", "plan -k https://me@" + address + " -H authorization:x", exitOK, address, "x", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			mu.Lock()
			host, authorization = "", ""
			mu.Unlock()
			code, stdout, stderr := execute(t, strings.Fields(c.args)...)
			if out := strings.Join(strings.Fields(stdout+stderr), " "); code != c.code || !strings.Contains(out,
				c.say) ||
				strings.Contains(out, "p%24") {
				t.Errorf("exit %d\n%s\n%s", code, stdout, stderr)
			}
			mu.Lock()
			defer mu.Unlock()
			if host != c.host || authorization != c.authorization {
				t.Errorf("host %q, authorization %q", host, authorization)
			}
		})
	}
}
