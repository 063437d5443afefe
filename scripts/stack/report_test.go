package main

import (
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// found is a result with something of everything.
var found = document{
	Schema: 1, Seed: 7, Rate: 2000, Took: 45.9,
	Hops: []row{
		(&passage{visit: "read", arm: sdk, load: &load{calls: make([]call, 40)},
			account: account{100, 100, 100, 0, 0}, hops: hops{accepted: 100, sent: 100, saved: 100}}).row(),
		(&passage{visit: "outage 1", arm: sdk, load: &load{calls: make([]call, 80)},
			account: account{200, 200, 50, 140, 10}, hops: hops{accepted: 50, sent: 50, saved: 45}}).row(),
	},
	Traces: 40, Spans: 100, Properties: 700, Counts: 26,
	Bottlenecks: []bottleneck{{pooled, "ab", "POST /orders", 10 * time.Millisecond,
		[]part{{"place order", 9 * time.Millisecond, .9}, {"POST /orders", time.Millisecond, .1}}}},
	Latency: []ratio{{pooled, "p50", time.Millisecond, 3 * time.Millisecond, 3, 2.5, 3.5},
		{pooled, "p99", time.Millisecond, 3 * time.Millisecond, 3, 1.5, 4.5}},
	Problems: []string{"outage 1, sdk: the store saved 45, but the collector sent 50"},
}

func TestTheReport(t *testing.T) {
	want, err := os.ReadFile("testdata/report.txt")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(found.text())); diff != "" {
		t.Errorf("want - got +\n%s", diff)
	}
	fine := found
	fine.Problems = nil
	if text := string(fine.text()); !strings.HasSuffix(text, "\nEverything adds up (seed 7, 45.9 s).\n") {
		t.Error(text)
	}
}

// Lists are never null in JSON.
func TestTheReportAsJSON(t *testing.T) {
	r := &result{options: &options{format: "json", seed: 7}}
	var out strings.Builder
	if err := r.print(&out); err != nil {
		t.Fatal(err)
	}
	var d document
	err := json.Unmarshal([]byte(out.String()), &d)
	if err != nil || d.Seed != 7 || strings.Contains(out.String(), "null") {
		t.Errorf("%v\n%s", err, &out)
	}
}

func TestTheExamplesOfTheHelpAreValid(t *testing.T) {
	_, examples, _ := strings.Cut(usage, "Examples:\n")
	examples, _, _ = strings.Cut(examples, "\n\n")
	n := 0
	for line := range strings.Lines(examples) {
		line, _, _ = strings.Cut(line, "#")
		line, _, _ = strings.Cut(line, "|")
		args, ok := strings.CutPrefix(strings.TrimSpace(line), "scripts/stack/run")
		if !ok {
			t.Errorf("%q does not run the script", line)
		}
		if _, err := parse(strings.Fields(args), os.Stderr); err != nil {
			t.Errorf("%s: %v", line, err)
		}
		n++
	}
	if n < 3 {
		t.Errorf("%d examples", n)
	}
}

// A span that is counted twice, or not at all, is found at the hop where it happened.
func TestEachHopIsAudited(t *testing.T) {
	calls := []call{{kind: 0, status: 200}, {kind: 1, status: 200}} // 3 and 2 spans
	for want, change := range map[string]func(*passage){
		"":                                       func(*passage) {},
		"started 4, but the requests make 5":     func(p *passage) { p.account.Started, p.account.Ended = 4, 5 },
		"ended 6, but started 5":                 func(p *passage) { p.account.Ended, p.account.Dropped = 6, 2 },
		"dropped 6, but ended 5":                 func(p *passage) { p.account.Failed = 1 },
		"accepted 5, but the service exported 4": func(p *passage) { p.hops = hops{accepted: 5, sent: 5, saved: 5} },
		"refused 1, but should refuse 0":         func(p *passage) { p.hops.refused = 1 },
		"send 3, but accepted 4":                 func(p *passage) { p.hops.sent, p.hops.saved = 3, 3 },
		"saved 3, but the collector sent 4":      func(p *passage) { p.hops.saved = 3 },
		"1 requests: a call was not made":        func(p *passage) { p.load.calls = append(p.load.calls, call{}) },
		"1 requests: item: refused": func(p *passage) {
			p.load.calls = append(p.load.calls, call{kind: 1, err: errors.New("refused")})
		},
	} {
		p := &passage{visit: "read", arm: sdk, load: &load{calls: slices.Clone(calls)},
			account: account{5, 5, 4, 0, 1}, hops: hops{accepted: 4, sent: 4, saved: 4}}
		change(p)
		if got := strings.Join(p.audit(), "\n"); !strings.Contains(got, want) || (got == "") != (want == "") {
			t.Errorf("%q: want %q", got, want)
		}
	}
}

func TestCountsOfPrometheusThatDifferAreReported(t *testing.T) {
	p := &passage{visit: "read", arm: sdk}
	a, b := answerKey{"GET", "/items", 200}, answerKey{"GET", "/items", 400}
	got := unequal(p, "requests", map[answerKey]int{a: 3, b: 1}, map[answerKey]int{a: 2, b: 1})
	want := []string{
		"read, sdk: prometheus has 3 requests {method:GET route:/items status:200}, but the generator sent 2",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got := unequal(p, "requests", nil, map[answerKey]int{a: 2}); len(got) != 1 {
		t.Errorf("a count that is missing: %q", got)
	}
}
