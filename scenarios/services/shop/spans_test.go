package shop_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	coltrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// A collector receives spans over HTTP.
type collector struct {
	*httptest.Server
	mu       sync.Mutex
	spans    []received
	requests int
	status   int // of the answers; 0 is 200
}

// A received is a span with what it was sent with.
type received struct {
	span     *tracepb.Span
	scope    string
	resource []string
}

// collect starts a collector, to which the services of the test export.
func collect(t *testing.T) *collector {
	t.Helper()
	c := &collector{}
	c.Server = httptest.NewServer(http.HandlerFunc(c.serve))
	t.Cleanup(c.Close)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", c.URL)
	return c
}

func (c *collector) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var request coltrace.ExportTraceServiceRequest
	if err == nil {
		err = proto.Unmarshal(body, &request)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests++
	if err != nil || r.URL.Path != "/v1/traces" {
		http.Error(w, fmt.Sprint(r.URL.Path, err), http.StatusBadRequest)
		return
	}
	if c.status != 0 {
		w.WriteHeader(c.status)
		return
	}
	for _, rs := range request.ResourceSpans {
		for _, ss := range rs.ScopeSpans {
			for _, s := range ss.Spans {
				c.spans = append(c.spans, received{s, ss.Scope.Name, texts(rs.Resource.Attributes)})
			}
		}
	}
}

// texts returns attributes as sorted texts. Those that differ from one process to the next are left out.
func texts(attributes []*commonpb.KeyValue) (list []string) {
	for _, a := range attributes {
		if a.Key != "service.instance.id" && a.Key != "exception.stacktrace" {
			list = append(list, fmt.Sprintf("%s=%v", a.Key, a.Value))
		}
	}
	slices.Sort(list)
	return list
}

// A described is what must be the same of a span, however it was made.
type described struct {
	Trace, Parent, Name, Scope string // Parent is the name of the span, or its id if it is of another service
	Kind                       string
	Attributes, Resource       []string
	Status                     string
	Events                     []string
	Flags                      uint32
	State                      string
}

// described returns the spans that were received, sorted.
func (c *collector) described() (list []described) {
	c.mu.Lock()
	defer c.mu.Unlock()
	names := map[string]string{}
	for _, r := range c.spans {
		names[string(r.span.SpanId)] = r.span.Name
	}
	for _, r := range c.spans {
		s := r.span
		d := described{Trace: fmt.Sprintf("%x", s.TraceId), Parent: names[string(s.ParentSpanId)], Name: s.Name,
			Scope: r.scope, Kind: s.Kind.String(), Attributes: texts(s.Attributes), Resource: r.resource,
			Status: s.Status.String(), Flags: s.Flags, State: s.TraceState}
		if d.Parent == "" {
			d.Parent = fmt.Sprintf("%x", s.ParentSpanId)
		}
		for _, e := range s.Events {
			d.Events = append(d.Events, fmt.Sprint(e.Name, texts(e.Attributes)))
		}
		list = append(list, d)
	}
	slices.SortFunc(list, func(a, b described) int {
		return strings.Compare(a.Trace+a.Kind+a.Name, b.Trace+b.Kind+b.Name)
	})
	return list
}

// traffic has every route, with its answers and its refusals, and the spans that it makes.
var traffic = []struct {
	r     request
	spans []string // the last one is of the request
}{
	{request{"GET", "/items?limit=3", ""}, []string{"encode items", "select items", "GET /items"}},
	{request{"GET", "/items?limit=many", ""}, []string{"select items", "GET /items"}},
	{request{"GET", "/items/5", ""}, []string{"find item", "GET /items/{id}"}},
	{request{"GET", "/items/5000", ""}, []string{"find item", "GET /items/{id}"}},
	{request{"POST", "/orders", goodOrder}, []string{"place order", "read order", "POST /orders"}},
	{request{"POST", "/orders", "{}"}, []string{"read order", "POST /orders"}},
	{request{"GET", "/orders/1", ""}, []string{"find order", "GET /orders/{id}"}},
	{request{"GET", "/healthz", ""}, nil},
	{request{"GET", "/debug/pprof/heap", ""}, nil},
}

// sendTraffic sends the traffic, each request in a trace of its own.
func sendTraffic(t *testing.T, s *running) {
	t.Helper()
	for i, row := range traffic {
		header := http.Header{
			"Traceparent": {fmt.Sprintf("00-%032x-%016x-01", i+1, i+0x100)},
			"Tracestate":  {"vendor=1"},
			"User-Agent":  {"a test"},
		}
		if status, _, body := s.send(t, row.r, header); status >= 500 {
			t.Fatalf("%v: status %d\n%s", row.r, status, body)
		}
	}
}

func TestBothWaysOfMakingSpansExportTheSame(t *testing.T) {
	exported := map[string][]described{}
	for _, way := range []string{"sdk", "pooled"} {
		c := collect(t)
		s := start(t, way)
		sendTraffic(t, s)
		if err := s.stop(); err != nil {
			t.Fatal(err)
		}
		exported[way] = c.described()
		n := len(exported[way])
		account := fmt.Sprintf("\nshop: spans: %d started, %d ended, %d exported, 0 failed, 0 dropped\n", n, n, n)
		if log := s.log.String(); strings.Count(log, "\n") != 2 || !strings.HasSuffix(log, account) {
			t.Errorf("%s: the log is\n%s\nwant the account\n%s", way, log, account)
		}
	}
	if diff := cmp.Diff(exported["sdk"], exported["pooled"]); diff != "" {
		t.Errorf("sdk - pooled +\n%s", diff)
	}
	checkTraffic(t, exported["pooled"])
}

// checkTraffic checks the spans of the traffic.
func checkTraffic(t *testing.T, list []described) {
	t.Helper()
	got := map[string][]described{}
	for _, d := range list {
		got[d.Trace] = append(got[d.Trace], d)
	}
	for i, row := range traffic {
		spans := got[fmt.Sprintf("%032x", i+1)]
		var names []string
		for _, d := range spans {
			names = append(names, d.Name)
			parent := fmt.Sprintf("%016x", i+0x100)
			if d.Kind == "SPAN_KIND_INTERNAL" {
				parent = row.spans[len(row.spans)-1]
			}
			if d.Parent != parent || d.State != "vendor=1" {
				t.Errorf("%v: the parent of %q is %q, state %q; want %q", row.r, d.Name, d.Parent, d.State, parent)
			}
		}
		if !slices.Equal(names, row.spans) {
			t.Errorf("%v: spans %q, want %q", row.r, names, row.spans)
		}
	}
	want := described{Trace: fmt.Sprintf("%032x", 4), Parent: fmt.Sprintf("%016x", 0x103), Name: "GET /items/{id}",
		Kind: "SPAN_KIND_SERVER", Attributes: []string{
			`http.request.method=string_value:"GET"`, `http.response.status_code=int_value:404`,
			`http.route=string_value:"/items/{id}"`, `network.protocol.version=string_value:"1.1"`,
			`url.path=string_value:"/items/5000"`, `url.scheme=string_value:"http"`,
			`user_agent.original=string_value:"a test"`}}
	at := slices.IndexFunc(list, func(d described) bool { return d.Trace == want.Trace && d.Name == want.Name })
	if at < 0 {
		t.Fatalf("no span %q of trace 4", want.Name)
	}
	found := list[at]
	if !slices.ContainsFunc(found.Resource, func(a string) bool { return a == `service.name=string_value:"shop"` }) {
		t.Errorf("the resource is %q", found.Resource)
	}
	for i := range found.Attributes { // the text format of protobuf has one or two blanks
		found.Attributes[i] = strings.ReplaceAll(found.Attributes[i], ": ", ":")
	}
	want.Scope, want.Resource, want.State, want.Flags = found.Scope, found.Resource, found.State, found.Flags
	sameTexts := cmp.Comparer(func(a, b []string) bool { return slices.Equal(a, b) })
	if diff := cmp.Diff(want, found, sameTexts); diff != "" {
		t.Errorf("want - got +\n%s", diff)
	}
}

func TestWithoutSpansNothingIsExported(t *testing.T) {
	for _, way := range []string{"none", ""} {
		c := collect(t)
		s := start(t, way)
		sendTraffic(t, s)
		if err := s.stop(); err != nil {
			t.Error(err)
		}
		if c.requests != 0 {
			t.Errorf("SPANS=%s: the collector got %d requests", way, c.requests)
		}
		if log := s.log.String(); !strings.HasPrefix(log, "shop: SPANS=none, listening on ") {
			t.Errorf("the log is\n%s", log)
		}
	}
}

func TestTheEnvironmentNamesTheService(t *testing.T) {
	for name, value := range map[string]string{"OTEL_SERVICE_NAME": "mine",
		"OTEL_RESOURCE_ATTRIBUTES": "service.name=mine,k=v"} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(name, value)
			c := collect(t)
			s := start(t, "pooled")
			s.send(t, request{"GET", "/items/1", ""}, nil)
			if err := s.stop(); err != nil {
				t.Error(err)
			}
			if list := c.described(); len(list) != 2 || !slices.ContainsFunc(list[0].Resource,
				func(a string) bool { return a == `service.name=string_value:"mine"` }) {
				t.Errorf("%+v", list)
			}
		})
	}
}

// A collector that refuses everything must not fill the log. What was lost is reported at the end, and the service
// still ends as it was asked to.
func TestALogIsNotFilledWhenSpansCannotBeExported(t *testing.T) {
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "1")
	for _, way := range []string{"sdk", "pooled"} {
		t.Run(way, func(t *testing.T) {
			c := collect(t)
			c.status = http.StatusBadRequest
			s := start(t, way)
			for n := 0; n < 5; { // exports
				s.send(t, request{"GET", "/items/1", ""}, nil)
				c.mu.Lock()
				n = c.requests
				c.mu.Unlock()
			}
			if err := s.stop(); err != nil {
				t.Errorf("%v", err)
			}
			log := s.log.String()
			if n := strings.Count(log, "further errors are not logged"); n != 1 {
				t.Errorf("%d errors are logged\n%s", n, log)
			}
			if n := strings.Count(log, "spans were lost"); n != 1 || strings.Count(log, "\n") > 7 {
				t.Errorf("the end of the log is\n%s", log)
			}
			if !strings.Contains(log, " 0 exported, ") {
				t.Errorf("the account is not that of spans that were all refused:\n%s", log)
			}
		})
	}
}
