package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	coltrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	"google.golang.org/protobuf/proto"

	"github.com/loadgen-go/loadgen/internal/promtest"
	"github.com/loadgen-go/loadgen/scenarios"
	"github.com/loadgen-go/loadgen/scenarios/services/shop"
)

// A collector receives spans, and keeps what is the same of them in each run.
type collector struct {
	*httptest.Server
	mu    sync.Mutex
	spans []string
}

// collect starts a collector, to which the services of the test export.
func collect(t *testing.T) *collector {
	t.Helper()
	c := &collector{}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var request coltrace.ExportTraceServiceRequest
		if err = errors.Join(err, proto.Unmarshal(body, &request)); err != nil {
			t.Error(err)
		}
		c.add(&request)
	}))
	t.Cleanup(c.Close)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", c.URL)
	return c
}

// add adds the spans of a request to export, each as a text.
func (c *collector) add(request *coltrace.ExportTraceServiceRequest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, rs := range request.ResourceSpans {
		for _, ss := range rs.ScopeSpans {
			for _, s := range ss.Spans {
				parent := ""
				if s.Kind.String() == "SPAN_KIND_SERVER" { // that of the others is random
					parent = fmt.Sprintf("%x", s.ParentSpanId)
				}
				c.spans = append(c.spans, fmt.Sprintf("%x %s %s %s %s %v", s.TraceId, parent, s.Kind, s.Name,
					s.Status, texts(s.Attributes)))
			}
		}
	}
}

// texts returns attributes as sorted texts. The port of the client is another one in each run, as is that of the
// server.
func texts(attributes []*commonpb.KeyValue) (list []string) {
	for _, a := range attributes {
		if a.Key != "network.peer.port" && a.Key != "server.port" {
			list = append(list, fmt.Sprint(a.Key, "=", a.Value))
		}
	}
	slices.Sort(list)
	return list
}

// taken returns the spans, sorted.
func (c *collector) taken() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	slices.Sort(c.spans)
	return c.spans
}

// A request is one of the traffic of the tests, with its answer.
type request struct {
	method, path, body string
	status             int
}

var traffic = []request{
	{"GET", "/items?limit=3", "", 200},
	{"GET", "/items?limit=many", "", 400},
	{"GET", "/items/5", "", 200},
	{"GET", "/items/5000", "", 404},
	{"POST", "/orders", `{"customer": "ada", "lines": [{"item": 17, "quantity": 2}]}`, 201},
	{"POST", "/orders", "{}", 400},
	{"GET", "/orders/1", "", 200},
	{"GET", "/healthz", "", 200},
	{"GET", "/debug/pprof/", "", 200},
	{"GET", "/debug/pprof/heap?debug=1", "", 200},
	{"DELETE", "/orders/1", "", 405},
	{"GET", "/customers", "", 404},
}

var listening = regexp.MustCompile(`listening on (\S+)\n`)

// serve runs a service, whose Main is given, with spans made in one way, until test returns. test gets its URL.
func serve(t *testing.T, main func(context.Context, []string, io.Writer, io.Writer) error, way string,
	test func(url string)) {
	t.Helper()
	t.Setenv("SPANS", way)
	ctx, cancel := context.WithCancel(t.Context())
	out, in := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := main(ctx, []string{"--listen", "127.0.0.1:0"}, io.Discard, in)
		in.CloseWithError(io.EOF)
		ended <- err
	}()
	var log bytes.Buffer
	for one := make([]byte, 1); !listening.Match(log.Bytes()); {
		n, err := out.Read(one)
		if err != nil {
			t.Fatalf("it ended before it listened: %v\n%s", <-ended, &log)
		}
		log.Write(one[:n])
	}
	go io.Copy(io.Discard, out)
	test("http://" + listening.FindStringSubmatch(log.String())[1])
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// send sends the traffic, each request in a trace of its own, and returns the answers.
func send(t *testing.T, url string) (answers []string) {
	t.Helper()
	for i, r := range traffic {
		sent, err := http.NewRequestWithContext(t.Context(), r.method, url+r.path, strings.NewReader(r.body))
		if err != nil {
			t.Fatal(err)
		}
		sent.Header = http.Header{"Traceparent": {fmt.Sprintf("00-%032x-%016x-01", i+1, i+0x100)},
			"Tracestate": {"vendor=1"}, "User-Agent": {"a test"}}
		answer, err := http.DefaultClient.Do(sent)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil || answer.StatusCode != r.status {
			t.Errorf("%s %s: %d, %v, want %d", r.method, r.path, answer.StatusCode, err, r.status)
		}
		if r.status < 404 && !strings.HasPrefix(r.path, "/debug") { // what the shop answers, and not a router
			h := answer.Header
			answers = append(answers, fmt.Sprint(h["Content-Type"], h["Location"], string(body)))
		}
	}
	return answers
}

func TestTheShopWithGinAnswersLikeTheShop(t *testing.T) {
	var want, got []string
	serve(t, shop.Main, "none", func(url string) { want = send(t, url) })
	serve(t, front.Main, "none", func(url string) { got = send(t, url) })
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("shop - gin +\n%s", diff)
	}
}

func TestEachWayOfMakingSpansExportsTheSame(t *testing.T) {
	exported := map[string][]string{}
	for _, way := range front.Ways {
		c := collect(t)
		serve(t, front.Main, way, func(url string) { send(t, url) })
		exported[way] = c.taken()
	}
	if n := len(exported["none"]); n != 0 {
		t.Errorf("none exports %d spans", n)
	}
	// Seven requests with 9 steps, and two that match no route.
	if n := len(exported["pooled"]); n != 18 {
		t.Errorf("pooled exports %d spans:\n%s", n, strings.Join(exported["pooled"], "\n"))
	}
	if diff := cmp.Diff(exported["sdk"], exported["pooled"]); diff != "" {
		t.Errorf("sdk - pooled +\n%s", diff)
	}
	for i, s := range exported["otelgin"] {
		exported["otelgin"][i] = strings.Replace(s, `http.route=string_value:"" `, "", 1) // of those that match none
	}
	if diff := cmp.Diff(exported["otelgin"], exported["sdk"]); diff != "" {
		t.Errorf("otelgin - sdk +\n%s", diff)
	}
}

// Prometheus reads of the service what was sent to it, by route and by status.
func TestMetricsCountTheTraffic(t *testing.T) {
	collect(t)
	t.Setenv("METRICS", "prometheus")
	for way, want := range map[string][]string{
		"otelgin": {
			`http_server_request_duration_seconds_count{http_request_method="GET",http_response_status_code="404",` +
				`http_route="/items/:id",`,
			"spans_started_total 18",
		},
		"sdk":    counted,
		"pooled": counted,
	} {
		serve(t, front.Main, way, func(url string) {
			send(t, url)
			text := fetch(t, url+metricsPath)
			for _, line := range want {
				if !strings.Contains(text, "\n"+line) {
					t.Errorf("%s: no %s in\n%s", way, line, text)
				}
			}
		})
	}
}

// counted are lines of the metrics of the traffic with obsgin, of which the last is not whole.
var counted = []string{
	`handler_calls_total{key="GET /items",outcome="ok"} 2`,
	`handler_calls_total{key="unmatched",outcome="ok"} 2`,
	`handler_in_flight{key="GET /items/:id"} 0`,
	`handler_duration_seconds_count{key="POST /orders"} 2`,
	"spans_ended_total 18",
	"spans_dropped_total 0",
	`http_server_request_duration_seconds_count{http_request_method="POST",http_response_status_code="400",` +
		`http_route="/orders",`,
}

// fetch returns the body of an answer.
func fetch(t *testing.T, url string) string {
	t.Helper()
	answer, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v", url, answer.Status, err)
	}
	return string(body)
}

func TestPromtoolAcceptsTheMetrics(t *testing.T) {
	collect(t)
	t.Setenv("METRICS", "prometheus")
	serve(t, front.Main, "pooled", func(url string) {
		send(t, url)
		promtest.Lint(t, url+metricsPath)
	})
}

func TestAWrongMETRICSIsAnError(t *testing.T) {
	for _, row := range []struct{ value, spans, want string }{
		{"statsd", "sdk", `METRICS is "statsd": want none or prometheus`},
		{"prometheus", "none", "METRICS is prometheus, but SPANS is none, which observes nothing"},
	} {
		t.Setenv("METRICS", row.value)
		t.Setenv("SPANS", row.spans)
		err := front.Main(t.Context(), []string{"--listen", "127.0.0.1:0"}, io.Discard, io.Discard)
		if err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%v: %v", row, err)
		}
	}
}

func TestTheScenarioStartsEachWay(t *testing.T) {
	s, err := scenarios.Load("gin-service.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var ways []string
	for _, a := range s.ServiceArms {
		if a.Name != *a.Env["SPANS"] {
			t.Errorf("the arm %s has SPANS=%s", a.Name, *a.Env["SPANS"])
		}
		ways = append(ways, a.Name)
	}
	if diff := cmp.Diff(front.Ways, ways); diff != "" || s.Service.Build != "./scenarios/services/gin" {
		t.Errorf("%s\nbuild: %s", diff, s.Service.Build)
	}
	page, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, way := range front.Ways {
		if !strings.Contains(string(page), "| `"+way+"` |") {
			t.Errorf("the README does not say what SPANS=%s does", way)
		}
	}
}

// The command of the README starts each way from the top of a clone, and its requests get the answers that they
// expect.
func TestTheScenarioCanBePlannedFromAClone(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds loadgen and the service")
	}
	plan := exec.CommandContext(t.Context(), "go", "run", "./cmd/loadgen", "plan",
		"scenarios/services/gin/gin-service.yaml")
	plan.Dir = "../../.."
	out, err := plan.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, way := range front.Ways {
		for _, request := range []string{"list .* 200", "item .* 200", "order .* 201"} {
			if !regexp.MustCompile("(?m)^" + way + ": " + request + "$").Match(out) {
				t.Errorf("%s: no %s\n%s", way, request, out)
			}
		}
	}
}
