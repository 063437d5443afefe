package report_test

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/loadgen-go/loadgen/bench/grpctarget"
	"github.com/loadgen-go/loadgen/bench/httptarget"
	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/golden"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/report"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/terminal"
	"github.com/loadgen-go/loadgen/quantile"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/results/comparison"
)

var place = report.Place{Program: "loadgen", Run: "results/made-up-20260102T030405Z"}

// brief returns what a run shows on a screen.
func brief(t *testing.T, run *results.Run, s *terminal.Screen) string {
	t.Helper()
	contests, err := comparison.OfRun(run, comparison.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return s.Symbols(report.Brief(run, contests, place, s, false))
}

// spoil gives the visits with these numbers, counted from 0, a reason not to be valid.
func spoil(run *results.Run, reason, detail string, visits ...int) {
	for _, i := range visits {
		run.Visits[i].Verdict = append(run.Visits[i].Verdict, record.Reason{Name: reason, Detail: detail})
	}
}

// own is a scenario of a user's function.
const own = `
name: look-up
spans: none
quantile: none
qps: [1000, 10k]
duration: 500ms
rounds: 6
arrivals: constant
seed: 7
`

func TestBriefSaysTheAnswerInDoubtNextAndMore(t *testing.T) {
	everyVisit := func(run *results.Run) (all []int) {
		for i := range run.Visits {
			all = append(all, i)
		}
		return all
	}
	for name, row := range map[string]struct {
		scenario string
		change   func(*results.Run)
		columns  string
		lines    int // at most
	}{
		"compared":      {question, nil, "80", 26},
		"compared-wide": {question, nil, "120", 26},
		"own":           {own, nil, "80", 16},
		"own-wide":      {own, nil, "120", 16},
		"one-rate":      {strings.Replace(question, "[1000, 10k]", "10k", 1), nil, "80", 26},
		"not-valid": {own, func(run *results.Run) {
			spoil(run, record.NoisyMachine, "31% of the CPU was used by others: close other programs",
				everyVisit(run)...)
			spoil(run, record.GeneratorLimited, "calls began late: close other programs", 0, 1, 2)
		}, "80", 16},
		"not-valid-compared": {question, func(run *results.Run) {
			spoil(run, record.NoisyMachine, "31% of the CPU was used by others: close other programs",
				everyVisit(run)...)
		}, "80", 22},
		"doubtful": {question, func(run *results.Run) {
			spoil(run, record.NoisyMachine, "31% of the CPU was used by others: close other programs", 0, 1)
			spoil(run, record.ArrivalsOff, "gaps: calls came in clumps: close other programs", 1)
			run.Visits[3].Log = "a word\nand more"
		}, "80", 27},
		"partial": {question, func(run *results.Run) {
			run.Status, run.Visits = results.Partial, run.Visits[:14]
		}, "80", 27},
		"failed": {question, func(run *results.Run) {
			r := run.Visits[0].Record
			r.Done, r.Failed = r.Done-7, 7
			r.Failures = []record.Failure{{Kind: "timeout", Count: 7}}
		}, "80", 30},
		"nothing": {question, func(run *results.Run) { run.Visits, run.Status = nil, results.Partial }, "80", 10},
	} {
		t.Run(name, func(t *testing.T) {
			run := made(t, row.scenario)
			if row.change != nil {
				row.change(run)
			}
			s := screen(row.columns)
			text := brief(t, run, s)
			golden.Check(t, "brief-"+name+".txt", text)
			checkWidth(t, text, s.Width)
			if n := strings.Count(text, "\n"); n > row.lines {
				t.Errorf("%d lines, want at most %d", n, row.lines)
			}
		})
	}
}

// checkWidth checks that no line of a text is wider than width, but for commands, which are not broken.
func checkWidth(t *testing.T, text string, width int) {
	t.Helper()
	for line := range strings.Lines(text) {
		command := strings.Contains(line, place.Run) && width < 80
		if w := format.Width(strings.TrimSuffix(line, "\n")); w > width && !command {
			t.Errorf("%d columns, want at most %d: %s", w, width, line)
		}
	}
}

func TestBriefFitsTheScreenWhateverIsRun(t *testing.T) {
	long := strings.Repeat("a-name-that-is-long-", 3)
	for name, scenario := range map[string]string{
		"eight rates": strings.Replace(question, "[1000, 10k]", "[1k, 2k, 3k, 4k, 5k, 6k, 7k, 8k]", 1),
		"a long name": strings.Replace(question, "made-up", long[:50], 1),
		"many arms": strings.Replace(question, "spans: [none, sdk, pooled]",
			"spans: [none, noop, sdk, pooled, pooled-off, pooled-value]\nmetrics: [none, otel, own]", 1),
		"one round":  strings.Replace(question, "rounds: 6", "rounds: 1", 1),
		"few calls":  strings.Replace(question, "[1000, 10k]", "[10, 20]", 1),
		"slow calls": own + "closed: true\nworkers: 1\n",
		"one arm, twenty rates": strings.Replace(own, "[1000, 10k]",
			"[1k,2k,3k,4k,5k,6k,7k,8k,9k,10k,11k,12k,13k,14k,15k,16k,17k,18k,19k,20k]", 1),
	} {
		t.Run(name, func(t *testing.T) {
			if strings.Contains(scenario, "closed") {
				scenario = strings.Replace(scenario, "qps: [1000, 10k]\n", "", 1)
			}
			run := made(t, scenario)
			for _, columns := range []string{"60", "80", "140"} {
				s := screen(columns)
				checkWidth(t, brief(t, run, s), s.Width)
			}
		})
	}
}

func TestColourAddsNothingButColour(t *testing.T) {
	run := made(t, question)
	spoil(run, record.NoisyMachine, "31% of the CPU was used by others: close other programs", 0, 1)
	coloured := terminal.New(&bytes.Buffer{}, terminal.Options{Colour: "always"}, func(string) string { return "" })
	text := brief(t, run, coloured)
	golden.Check(t, "brief-colour.txt", text)
	for _, code := range []string{"\x1b[0m", "\x1b[1m", "\x1b[2m", "\x1b[31m", "\x1b[32m", "\x1b[33m"} {
		if !strings.Contains(text, code) {
			t.Errorf("no %q", code)
		}
		text = strings.ReplaceAll(text, code, "")
	}
	if plain := brief(t, run, screen("80")); text != plain {
		t.Errorf("without colour it is\n%s\nwant\n%s", text, plain)
	}
}

func TestANextStepCanBePasted(t *testing.T) {
	run := made(t, question)
	run.Scenario.Name = "made-up"
	contests, err := comparison.OfRun(run, comparison.Options{})
	if err != nil {
		t.Fatal(err)
	}
	at := report.Place{Program: "loadgen", Run: "results/it's here"}
	next := report.AnswerOf(run, contests, at).Next
	if len(next) == 0 {
		t.Fatal("nothing to do next")
	}
	if got, want := next[0].Line(), `loadgen run 'results/it'\''s here'`; !strings.HasPrefix(got, want) {
		t.Errorf("%s, want it to begin with %s", got, want)
	}
	for _, step := range next {
		if step.Why == "" {
			t.Errorf("%s: no reason", fmt.Sprint(step.Command))
		}
	}
}

// The columns of a service are its rate, latency and errors, and the CPU time of the client.
func TestBriefOfAService(t *testing.T) {
	for _, c := range []struct{ target, fields, takes string }{
		{"http", `{url: "http://127.0.0.1:8080/items"}`, "http://127.0.0.1:8080/items takes "},
		{"grpc", `{address: "127.0.0.1:9090", method: shop.Orders/Create}`,
			"127.0.0.1:9090/shop.Orders/Create takes "},
	} {
		t.Run(c.target, func(t *testing.T) {
			run := made(t, fmt.Sprintf(`
name: items
target: %s
%[1]s: %s
quantile: none
qps: [1000, 10k]
duration: 500ms
rounds: 6
seed: 7
`, c.target, c.fields))
			for _, v := range run.Visits {
				v.Streams = streamsOfTests(c.target)
				v.Connections, v.Cost.CPU = &httptarget.Connections{Opened: 16}, 20*time.Millisecond
				phases := record.NewPhases()
				for range v.Record.Done {
					phases.Write.Add(11 * time.Microsecond)
					phases.Wait.Add(13 * time.Microsecond)
					phases.Read.Add(17 * time.Microsecond)
				}
				v.Record.Phases = &phases
			}
			got := brief(t, run, screen("80"))
			for _, want := range []string{"calls/s", "p50", "p99.9", "failed,", "client CPU",
				c.takes, "The CPU of the client is "} {
				if !strings.Contains(strings.Join(strings.Fields(got), " "), want) {
					t.Errorf("%q is not in\n%s", want, got)
				}
			}
			for _, other := range []string{"B/op", "allocs", "spans", "service"} {
				if strings.Contains(got, other) {
					t.Errorf("%q is in\n%s", other, got)
				}
			}
			for _, step := range report.AnswerOf(run, nil, report.Place{Program: "loadgen", Run: "RUN"}).Next {
				if strings.Contains(strings.Join(step.Command, " "), "--compare main") {
					t.Error("a service cannot be built from another revision, and the next step is to compare it " +
						"with main")
				}
			}
			if all := text(t, run); !strings.Contains(all, "What the runtime of the client and the machine did") {
				t.Errorf("the runtime is not said to be the client's in\n%s", all)
			}
			if all := text(t, run); !strings.Contains(all, "Connections of 12 visits: 192 opened, 0 failed") {
				t.Errorf("no connections in\n%s", all)
			} else if got := strings.Join(strings.Fields(all), " "); strings.Contains(got, "Streams of 12 visits: 36 "+
				"messages sent, 24 received. Between two messages received passed 1,000 us at p50, 1,000 us at p99 "+
				"and at most 1,000 us.") != (c.target == "grpc") {
				t.Errorf("messages of streams:\n%s", all)
			} else if !partsOfService.MatchString(all) {
				t.Errorf("no parts of the service time in\n%s", all)
			}
		})
	}
}

// partsOfService matches the line of a service at the higher rate in the table of the parts of service time.
var partsOfService = regexp.MustCompile(`\n\S+ at 10,000/s +[0-9.]+ +[0-9.]+ +11.0 +11.0 +13.0 +13.0 +17.0 +17.0\n`)

// After a run without a visit nothing is known that a longer run or more rounds would settle.
func TestTheNextStepAfterNoVisitIsTheRunAgain(t *testing.T) {
	run := made(t, own)
	for i, v := range run.Visits {
		run.Visits[i] = &results.Visit{Round: v.Round, Order: v.Order, Cell: v.Cell, Error: "service-gone: it ended"}
	}
	next := report.AnswerOf(run, nil, report.Place{Program: "loadgen", Run: "RUN"}).Next
	if len(next) != 1 || next[0].Line() != "loadgen run RUN" {
		t.Errorf("%+v: want the run again, and nothing else", next)
	}
}

// Bytes and allocations may be read of a run that is not valid, if the service that it started tells them.
func TestWhatMayBeReadOfServicesThatWereStarted(t *testing.T) {
	const bytes, calls = "B/op and allocs/op may still be read", "The numbers of calls and of errors may still be read"
	for name, c := range map[string]struct {
		service *results.Service
		want    string
	}{
		"it runs already": {nil, calls},
		"it tells what it allocated": {&results.Service{ServiceCost: results.ServiceCost{Bytes: new(uint64(1))}},
			bytes},
		"it does not": {&results.Service{}, calls},
	} {
		t.Run(name, func(t *testing.T) {
			run := made(t, "name: items\ntarget: http\nhttp: {url: 'http://127.0.0.1:8080/items'}\nquantile: none\n"+
				"qps: 1000\nduration: 500ms\nrounds: 6\nseed: 7\n")
			for i, v := range run.Visits {
				v.Connections, v.Service = &httptarget.Connections{}, c.service
				spoil(run, record.NoisyMachine, "31% of the CPU was used by others: close them", i)
			}
			if got := strings.Join(strings.Fields(brief(t, run, screen("80"))), " "); !strings.Contains(got, c.want) {
				t.Errorf("%q is not in\n%s", c.want, got)
			}
		})
	}
}

// streamsOfTests returns messages of streams of gRPC, a millisecond apart, or nil for another target.
func streamsOfTests(target string) *grpctarget.Streams {
	if target != "grpc" {
		return nil
	}
	s := &grpctarget.Streams{Sent: 3, Received: 2, Gaps: quantile.NewHDR()}
	s.Gaps.Add(time.Millisecond)
	return s
}
