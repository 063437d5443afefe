package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.opentelemetry.io/collector/otelcol"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
)

// at returns an instant some ms after the start of the traces of the tests.
func at(ms int) time.Time { return time.UnixMilli(1_700_000_000_000 + int64(ms)) }

// traced returns the tree of a request from 0 to 10 ms with children, each NAME, from and to in ms.
func traced(t *testing.T, children ...span) *tree {
	t.Helper()
	spans := append([]span{{id: "1", parent: "caller", name: "GET /items", start: at(0), end: at(10)}}, children...)
	tree, problems := newTree(spans, "caller")
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return tree
}

func childOf(name string, from, to int) span {
	return span{id: name, parent: "1", name: name, start: at(from), end: at(to)}
}

func TestTheBottleneckIsTheSpanWithTheMostTimeOfItsOwn(t *testing.T) {
	for _, row := range []struct {
		name     string
		children []span
		want     string
	}{
		{"a child", []span{childOf("encode items", 3, 10), childOf("select items", 1, 3)},
			"encode items 70 %, select items 20 %, the request itself 10 %"},
		{"the request", []span{childOf("select items", 8, 10)}, "the request itself 80 %, select items 20 %"},
		{"children that overlap", []span{childOf("a", 0, 8), childOf("b", 4, 10)},
			"a 57 %, b 43 %, the request itself 0 %"},
		{"no child", nil, "the request itself 100 %"},
	} {
		t.Run(row.name, func(t *testing.T) {
			tree := traced(t, row.children...)
			b := bottleneck{Arm: sdk, Trace: "ab", Name: tree.root.name, Took: tree.root.took(),
				Parts: partsOf(tree.selfTimes())}
			want := "sdk, slowest trace ab, GET /items, 10ms:\n    " + row.want
			if got := b.String(); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

func TestATraceMustHaveOneSpanOfTheRequest(t *testing.T) {
	root := span{id: "1", parent: "caller", name: "GET /items", start: at(0), end: at(10)}
	grandchild := span{id: "b", parent: "a", name: "b", start: at(1), end: at(2)}
	twin := root
	twin.id = "2"
	for want, spans := range map[string][]span{
		"no span is a child of the caller":                       {childOf("a", 1, 2)},
		"are both children of the caller":                        {root, twin},
		`"b" is a child of "a"`:                                  {root, grandchild},
		`"a" is not inside its parent: 0s to 11ms of 10ms`:       {root, childOf("a", 0, 11)},
		`"a" is not inside its parent: -300ms to -290ms of 10ms`: {root, childOf("a", -300, -290)},
		`"a" is not inside its parent: 252ms to 261ms of 10ms`:   {root, childOf("a", 252, 261)},
	} {
		_, problems := newTree(spans, "caller")
		if !strings.Contains(fmt.Sprint(problems), want) {
			t.Errorf("%v: want %s", problems, want)
		}
	}
	inside := childOf("a", 0, 10)
	inside.end = inside.end.Add(rounding)
	traced(t, inside)
	// The parent read the wall clock, was held up for 100 ms, and read the monotonic clock: it seems to begin early.
	traced(t, childOf("a", 100, 110))
}

func TestADifferenceInAnyPropertyIsReported(t *testing.T) {
	with := func(change func(*span)) *tree {
		s := childOf("a", 1, 2)
		s.attributes = map[string]string{"x": "string:1", "network.peer.port": "int64:1"}
		change(&s)
		return traced(t, s)
	}
	same := with(func(*span) {})
	for want, change := range map[string]func(*span){
		`name of "a": "a" against "c"`:            func(s *span) { s.name = "c" },
		`kind of "a": "" against "client"`:        func(s *span) { s.kind = "client" },
		`status of "a": "" against "Error"`:       func(s *span) { s.status = "Error" },
		`message of "a": "" against "m"`:          func(s *span) { s.message = "m" },
		`scope of "a": "" against "s"`:            func(s *span) { s.scope = "s" },
		`tracestate of "a": "" against "t"`:       func(s *span) { s.state = "t" },
		`events of "a": "" against "e"`:           func(s *span) { s.events = []string{"e"} },
		`attribute x of "a": "string:1" against`:  func(s *span) { s.attributes["x"] = "int64:1" },
		`attribute y of "a": "" against "bool:t"`: func(s *span) { s.attributes["y"] = "bool:t" },
	} {
		list, compared := differences(same, with(change))
		if len(list) != 1 || !strings.Contains(list[0], want) || compared < 8 {
			t.Errorf("%q: want %s", list, want)
		}
	}
	list, _ := differences(same, with(func(s *span) { s.attributes["network.peer.port"] = "int64:2"; s.id = "z" }))
	if len(list) != 0 {
		t.Errorf("what may differ is reported: %q", list)
	}
	if list, _ := differences(same, traced(t)); len(list) != 1 || list[0] != "2 spans against 1" {
		t.Errorf("%q", list)
	}
}

func TestLoadsWithOneSeedSendTheSameInTracesOfTheirOwn(t *testing.T) {
	requests := func(stream string, seed uint64) (list []string) {
		l, err := newLoad("http://x", stream, seed, 1000, time.Second)
		if err != nil {
			t.Fatal(err)
		}
		for n := range l.calls {
			c := call{kind: n % len(kinds)}
			r, err := l.request(t.Context(), &c, uint64(n))
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, r.URL.String()+" "+r.Header.Get("Traceparent"))
		}
		return list
	}
	a, b := requests("a", 1), requests("b", 1)
	if diff := cmp.Diff(a, requests("a", 1)); diff != "" {
		t.Error(diff)
	}
	if a[0] == requests("a", 2)[0] {
		t.Error("another seed sends the same")
	}
	traces := map[string]bool{}
	for i := range a {
		urlA, idA, _ := strings.Cut(a[i], " ")
		urlB, idB, _ := strings.Cut(b[i], " ")
		if urlA != urlB {
			t.Errorf("call %d is %s and %s", i, urlA, urlB)
		}
		traces[idA], traces[idB] = true, true
		if !regexp.MustCompile("^00-[1-9a-f][0-9a-f]{31}-[1-9a-f][0-9a-f]{15}-01$").MatchString(idA) {
			t.Errorf("%s is no traceparent that Jaeger prints as it is", idA)
		}
	}
	if len(traces) != 2*len(a) || math.Abs(float64(len(a))*spansPerRequest()-1000) > spansPerRequest() {
		t.Errorf("%d traces of %d requests with %.2f spans: want 1000 spans a second", len(traces), len(a),
			spansPerRequest())
	}
}

func TestRatiosCompareTheSameCallsOfARound(t *testing.T) {
	passageOf := func(visit string, slow time.Duration) *passage {
		l := &load{length: 10 * time.Second, calls: make([]call, 10)}
		for i := range l.calls {
			l.calls[i] = call{status: 200, latency: time.Hour} // before and after the outage
			if i >= 2 && i < 8 {
				l.calls[i].latency = slow
			}
		}
		return &passage{visit: visit, arm: pooled, load: l}
	}
	got := ratios([]*passage{passageOf("read", time.Hour), passageOf("calm 1", 2*time.Millisecond),
		passageOf("outage 1", 6*time.Millisecond), passageOf("outage 2", 5*time.Millisecond),
		passageOf("calm 2", 5*time.Millisecond)}, 2*time.Second, 6*time.Second)
	want := ratio{Arm: pooled, Calm: 3500 * time.Microsecond, Outage: 5500 * time.Microsecond, Ratio: 2, Least: 1,
		Most: 3}
	one, two := want, want
	one.Percentile, two.Percentile = "p50", "p99"
	if diff := cmp.Diff([]ratio{one, two}, got, cmpopts.EquateApprox(0, 1e-9)); diff != "" {
		t.Error(diff)
	}
	if want.warns() || !(ratio{Least: 2.1}).warns() {
		t.Error("a warning is due if all rounds have more than twice the latency, and only then")
	}
}

// Only the exporter of pooled spans has a queue with room for the spans of an outage, if it is not too long.
func TestOnlySpansThatHadRoomInTheQueueMustBeKept(t *testing.T) {
	const room = queueBytes / spanBytes
	for _, row := range []struct {
		arm            string
		started, saved int
		problems       int
	}{
		{pooled, room, room, 0}, {pooled, room, room - 1, 1}, {pooled, room + 1, room, 0}, {sdk, room, room - 1, 0},
	} {
		p := &passage{arm: row.arm, account: account{Started: row.started}, hops: hops{saved: row.saved}}
		if got := kept([]*passage{p}); len(got) != row.problems {
			t.Errorf("%+v: %q", row, got)
		}
	}
}

// The collector says what is wrong with the article's configuration.
func TestTheCollectorRefusesTheArticlesConfiguration(t *testing.T) {
	_, err := startCollector(t.Context(), collectorSettings([]string{"file:testdata/article-otelcol.yaml"}))
	if err == nil || !strings.Contains(err.Error(), `unknown type: "jaeger"`) {
		t.Errorf("%v", err)
	}
}

// The repaired configuration is valid as it stands, and sends spans to Jaeger's port for OTLP.
func TestTheRepairedConfigurationSendsSpans(t *testing.T) {
	const repaired = "file:testdata/article-otelcol-repaired.yaml"
	c, err := otelcol.NewCollector(collectorSettings([]string{repaired}))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.DryRun(t.Context()); err != nil {
		t.Errorf("it is not valid: %v", err)
	}
	got := make(chan string, 1)
	jaeger := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body bytes.Buffer
		request := ptraceotlp.NewExportRequest()
		_, err := body.ReadFrom(r.Body)
		if err = errors.Join(err, request.UnmarshalProto(unzip(t, r, body.Bytes()))); err != nil {
			t.Error(err)
		}
		got <- fmt.Sprint(r.URL.Path, " ", request.Traces().SpanCount())
	}))
	defer jaeger.Close()
	address, err := freeAddresses(1)
	if err != nil {
		t.Fatal(err)
	}
	stop, err := startCollector(t.Context(), collectorSettings([]string{repaired,
		"yaml:receivers::otlp::protocols::http::endpoint: " + address[0],
		"yaml:exporters::otlp_http::endpoint: " + jaeger.URL,
		"yaml:service::telemetry: {metrics: {level: none}, logs: {level: error}}"}))
	if err != nil {
		t.Fatal(err)
	}
	sendSpan(t, "http://"+address[0])
	if err := stop(); err != nil {
		t.Error(err)
	}
	if line := <-got; line != "/v1/traces 1" {
		t.Errorf("Jaeger got %s", line)
	}
}

func TestFlags(t *testing.T) {
	for _, row := range []struct{ args, want string }{
		{"-rate 0", "-rate is 0: want 10 to 50000 spans per second"},
		{"-rate NaN", "-rate is NaN"},
		{"-only write", `there is no part "write": want read or outage`},
		{"-outage 1ms -rounds 0", "-outage is 1ms: want 500ms to 10m0s\n-rounds is 0: want 1 to 100"},
		{"-format xml", `-format is "xml": want text or json`},
		{"now", `unexpected arguments ["now"]`},
		{"-speed 3", "-speed (-h explains the flags)"},
	} {
		var out, errs bytes.Buffer
		if code := command(t.Context(), strings.Fields(row.args), &out, &errs); code != codeBroken ||
			!strings.Contains(errs.String(), row.want) {
			t.Errorf("%s: %d, %s", row.args, code, &errs)
		}
	}
	var out, errs bytes.Buffer
	if code := command(t.Context(), []string{"-h"}, &out, &errs); code != codeFine || out.String() != usage {
		t.Errorf("%d, %s%s", code, &out, &errs)
	}
}

func TestAMissingPrometheusIsAnErrorThatSaysWhatToInstall(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("PATH", dir)
	t.Setenv("TMPDIR", dir)
	var out, errs bytes.Buffer
	code := command(t.Context(), nil, &out, &errs)
	if code != codeBroken || !strings.Contains(errs.String(), "apt-get install prometheus") {
		t.Errorf("%d, %s", code, &errs)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("it leaves %v, %v", left, err)
	}
}

func TestAnInterruptBeforeTheStartExitsWith130(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	stop()
	var out, errs bytes.Buffer
	if code := command(ctx, nil, &out, &errs); code != codeInterrupted {
		t.Errorf("%d, %s", code, &errs)
	}
}

// The README has the versions that go.mod has.
func TestTheREADMEHasTheVersions(t *testing.T) {
	page, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	for file, module := range map[string]string{
		"go.mod":        `go.opentelemetry.io/collector/otelcol (\S+)`,
		"jaeger/go.mod": `github.com/jaegertracing/jaeger (\S+)`,
	} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		found := regexp.MustCompile(module).FindSubmatch(text)
		if found == nil || !bytes.Contains(page, found[1]) {
			t.Errorf("the README does not have the version of %s: %q", module, found)
		}
	}
}
