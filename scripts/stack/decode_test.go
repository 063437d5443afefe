package main

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
)

// sendSpan sends a span to a receiver.
func sendSpan(t *testing.T, url string) {
	t.Helper()
	traces := ptrace.NewTraces()
	s := traces.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	s.SetName("x")
	s.SetTraceID([16]byte{1})
	s.SetSpanID([8]byte{1})
	body, err := ptraceotlp.NewExportRequestFromTraces(traces).MarshalProto()
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.Post(url+"/v1/traces", "application/x-protobuf", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Fatal(response.Status)
	}
}

// unzip returns a body as it was before its compression.
func unzip(t *testing.T, r *http.Request, body []byte) []byte {
	t.Helper()
	if r.Header.Get("Content-Encoding") != "gzip" {
		return body
	}
	z, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// jaegerAnswer is an answer of Jaeger 1.76 to a question for a trace, shortened.
const jaegerAnswer = "testdata/jaeger-trace.json"

func TestDecodeJaeger(t *testing.T) {
	body, err := os.ReadFile(jaegerAnswer)
	if err != nil {
		t.Fatal(err)
	}
	got, err := decodeJaeger(body)
	if err != nil {
		t.Fatal(err)
	}
	want := []span{
		{trace: "f7aee26404eced7c344b5cfc7a97ceba", id: "8aa1b8e1b1a0a5f1", parent: "b1", name: "GET /items/:id",
			kind: "server", scope: "obsgin", state: "stack=1", service: "gin-sdk",
			attributes: map[string]string{"http.response.status_code": "int64:404", "url.path": "string:/items/1001"},
			start:      time.UnixMicro(1795984124000001), end: time.UnixMicro(1795984124000101)},
		{trace: "f7aee26404eced7c344b5cfc7a97ceba", id: "8aa1b8e1b1a0a5f2", parent: "8aa1b8e1b1a0a5f1",
			name: "find item", kind: "internal", status: "Error", message: "there is no item 1001", service: "gin-sdk",
			attributes: map[string]string{"error": "bool:true"},
			events:     []string{"[string:exception]"},
			start:      time.UnixMicro(1795984124000011), end: time.UnixMicro(1795984124000091)},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(span{})); diff != "" {
		t.Error(diff)
	}
	if list, err := decodeJaeger([]byte("<html>")); err == nil {
		t.Errorf("%v", list)
	}
}

func FuzzDecodeJaeger(f *testing.F) {
	body, err := os.ReadFile(jaegerAnswer)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(body)
	f.Add([]byte(`{"data": [{"spans": [{"references": null}]}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		spans, err := decodeJaeger(body)
		if err != nil {
			return
		}
		tree, problems := newTree(spans, "b1")
		if len(problems) == 0 {
			tree.selfTimes()
		}
	})
}

func TestTheAccountOfAServiceIsTheLastInItsLog(t *testing.T) {
	const one = "gin: spans: 5 started, 4 ended, 3 exported, 0 failed, 1 dropped\n"
	a, err := parseAccount("gin: listening\n" + strings.Replace(one, "5", "9", 1) + one)
	if want := (account{5, 4, 3, 0, 1}); err != nil || a != want {
		t.Errorf("%+v, %v", a, err)
	}
	if a, err := parseAccount("gin: listening\n"); err == nil {
		t.Errorf("%+v", a)
	}
}

func TestCutSample(t *testing.T) {
	for line, want := range map[string]int{
		`spans_total{svc="a",result="ok"} 12` + "\n": 12,
		`spans_total{svc="a"} 1.5e+06`:               1_500_000,
		"# HELP spans_total{x} 3":                    -1,
		"spans_total 3":                              -1,
		`spans_total{svc="a"} x`:                     -1,
		"":                                           -1,
	} {
		name, labels, n, ok := cutSample(line)
		if ok != (want >= 0) || ok && (name != "spans_total" || !strings.Contains(labels, `svc="a"`) || n != want) {
			t.Errorf("%s: %s %s %d %v", line, name, labels, n, ok)
		}
	}
}
