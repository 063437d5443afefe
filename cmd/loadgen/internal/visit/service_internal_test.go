package visit

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/loadgen-go/loadgen/bench/grpctarget"
	"github.com/loadgen-go/loadgen/bench/httptarget"
	"github.com/loadgen-go/loadgen/scenarios"
)

// serviceRequest returns a request for a visit of the service of a scenario, of which text are more lines.
func serviceRequest(t *testing.T, url, text string) *Request {
	t.Helper()
	s, err := scenarios.Decode("s.yaml", []byte("target: http\nhttp: {url: \""+url+"\", connections: 2, headers: "+
		"{X-Seed: '{{int 1 1000000}}'}}\nqps: 500\nduration: 200ms\nquantile: none\n"+text))
	if err != nil {
		t.Fatal(err)
	}
	return &Request{Scenario: s, Cell: s.Cells()[0], Seed: 7}
}

func TestAServiceIsVisited(t *testing.T) {
	var served atomic.Uint64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		served.Add(1)
		_, _ = io.WriteString(w, "hello")
	}))
	defer server.Close()
	v, err := Do(t.Context(), serviceRequest(t, server.URL, "warmup: 20ms\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if v.Record.Done == 0 || v.Record.Failed > 0 || v.Warmup+v.Record.Done != served.Load() {
		t.Errorf("%d calls of the warm-up, %d done, %d failed, and the service served %d", v.Warmup, v.Record.Done,
			v.Record.Failed, served.Load())
	}
	if c := v.Connections; c == nil || c.Opened != 2 || c.Failed != 0 || c.Connect.Count() != 2 {
		t.Errorf("connections %+v", c)
	}
	units := map[string]bool{}
	for _, m := range v.Measurements() {
		units[m.Unit] = true
	}
	for unit, want := range map[string]bool{"client-cpu-ns/op": true, "cpu-ns/op": false, "B/op": false,
		"allocs/op": false, "gc-cycles": false, "peak-RSS-bytes": false, "p50-latency-ns": true} {
		if units[unit] != want {
			t.Errorf("measured in %s: %v", unit, units[unit])
		}
	}
}

// The requests of a round are the same for all of its visits, and other ones in another round.
func TestTheSeedOfTheRoundDecidesTheRequests(t *testing.T) {
	seen := make(chan string, 1000)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		seen <- r.Header.Get("X-Seed")
	}))
	defer server.Close()
	first := func(seed uint64) map[string]bool {
		req := serviceRequest(t, server.URL, "warmup: 0\n")
		req.Seed = seed
		v, err := Do(t.Context(), req, nil)
		if err != nil {
			t.Fatal(err)
		}
		values := map[string]bool{}
		for range v.Record.Done {
			values[<-seen] = true
		}
		return values
	}
	shared := func(a, b map[string]bool) (n int) {
		for value := range a {
			if b[value] {
				n++
			}
		}
		return n
	}
	one, again, other := first(7), first(7), first(8)
	if n := shared(one, again); n < min(len(one), len(again)) {
		t.Errorf("one seed: %d of %d and %d values are the same", n, len(one), len(again))
	}
	if n := shared(one, other); n > len(one)/10 {
		t.Errorf("two seeds: %d of %d and %d values are the same", n, len(one), len(other))
	}
}

func TestAServiceThatCannotBeCalledIsAnErrorThatSaysWhatToDo(t *testing.T) {
	closed := httptest.NewServer(nil)
	closed.Close()
	plain := httptest.NewServer(nil)
	defer plain.Close()
	secure := httptest.NewTLSServer(nil)
	secure.Config.ErrorLog = nil
	defer secure.Close()
	for _, c := range []struct{ name, url, more, want string }{
		{"refused", closed.URL, "", "start the service, or correct the host and the port of the URL"},
		{"no such host", "http://no.such.host.invalid/", "", "correct the host of the URL"},
		{"an unknown authority", secure.URL, "", "--insecure"},
		{"https to http", strings.Replace(plain.URL, "http", "https", 1), "",
			"check that the port is one for https://"},
		{"too many workers", plain.URL, "workers: 3\n", "workers is 3, and the connections to " + plain.URL +
			" carry 2 calls at once"},
	} {
		t.Run(c.name, func(t *testing.T) {
			v, err := Do(t.Context(), serviceRequest(t, c.url, c.more), nil)
			if v != nil || err == nil || !strings.Contains(err.Error(), c.want) ||
				!strings.Contains(err.Error(), c.url) {
				t.Errorf("visit %v, error %v\nwant %q", v, err, c.want)
			}
		})
	}
}

func TestWhichServicesAreOnThisMachine(t *testing.T) {
	ofHTTP := func(o httptarget.Options) scenarios.Called { return scenarios.Called{HTTP: &o} }
	ofGRPC := func(o grpctarget.Options) scenarios.Called {
		o.Method = "a.B/C"
		return scenarios.Called{GRPC: &o}
	}
	for _, c := range []struct {
		name   string
		called scenarios.Called
		want   bool
	}{
		{"loopback", ofHTTP(httptarget.Options{URL: "http://127.0.0.2:80/"}), true},
		{"loopback of IPv6", ofHTTP(httptarget.Options{URL: "http://[::1]/"}), true},
		{"localhost", ofHTTP(httptarget.Options{URL: "http://localhost:8080/"}), true},
		{"another address", ofHTTP(httptarget.Options{URL: "http://192.0.2.1/"}), false},
		{"another host", ofHTTP(httptarget.Options{URL: "http://shop.example/"}), false},
		{"a socket", ofHTTP(httptarget.Options{URL: "http://shop.example/", UnixSocket: "/s"}), true},
		{"resolved to here", ofHTTP(httptarget.Options{URL: "http://shop.example:8080/",
			Resolve: map[string]string{"shop.example:8080": net.JoinHostPort("127.0.0.1", "81")}}), true},
		{"resolved to elsewhere", ofHTTP(httptarget.Options{URL: "http://localhost/",
			Resolve: map[string]string{"localhost": "192.0.2.1"}}), false},
		{"gRPC on loopback", ofGRPC(grpctarget.Options{Address: "127.0.0.1:80"}), true},
		{"gRPC elsewhere", ofGRPC(grpctarget.Options{Address: "grpcs://shop.example:80"}), false},
		{"gRPC at a socket", ofGRPC(grpctarget.Options{Address: "unix:///s"}), true},
		{"gRPC resolved to here", ofGRPC(grpctarget.Options{Address: "shop.example:80",
			Resolve: map[string]string{"shop.example": "::1"}}), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			client, err := NewClient(c.called)
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			if got := client.Local(); got != c.want {
				t.Error(got)
			}
		})
	}
}

// The timeout of a scenario replaces the default of its service, and nothing that the service says itself.
func TestTheTimeoutOfACallBoundsACallToAService(t *testing.T) {
	for _, c := range []struct{ call, service, want time.Duration }{
		{0, 0, 0}, {time.Hour, 0, time.Hour}, {time.Hour, time.Second, time.Second}, {0, time.Second, time.Second},
	} {
		s := &scenarios.Scenario{Timeout: c.call,
			HTTP: &httptarget.Options{Timeout: httptarget.Timeout{Total: c.service}}}
		if o := calledWith(s, 7).HTTP; o.Timeout.Total != c.want || o.Seed != 7 || s.HTTP.Seed != 0 {
			t.Errorf("%v and %v: %v, want %v", c.call, c.service, o.Timeout.Total, c.want)
		}
		s = &scenarios.Scenario{Timeout: c.call, GRPC: &grpctarget.Options{Deadline: c.service}}
		if o := calledWith(s, 7).GRPC; o.Deadline != c.want || o.Seed != 7 || s.GRPC.Seed != 0 {
			t.Errorf("gRPC, %v and %v: %v, want %v", c.call, c.service, o.Deadline, c.want)
		}
	}
}
