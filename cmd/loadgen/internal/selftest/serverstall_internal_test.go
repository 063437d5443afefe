package selftest

import (
	"context"
	"errors"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/bench/httptarget"
	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/terminal"
	"github.com/loadgen-go/loadgen/quantile"
	"github.com/loadgen-go/loadgen/results"
)

// asServer makes the test binary the server.
const asServer = "serve-the-checks"

func TestMain(m *testing.M) {
	if slices.Equal(os.Args[1:], []string{asServer}) {
		if err := Serve(context.Background()); err != nil {
			panic(err)
		}
		return
	}
	os.Exit(m.Run())
}

// longStall is the load of the checks that are not quick.
var longStall = stall{perSecond: 1000, duration: 10 * time.Second, from: 4 * time.Second, length: time.Second,
	service: ms, unlimited: true}

// simulated returns what a generator reports and the server sees of a load, if calls take service at the server and
// each of the connections carries one at a time.
func simulated(s *serverStall, service time.Duration) (*record.Record, *sighting) {
	r := &record.Record{Offered: s.calls(), Done: s.calls(), Latency: quantile.NewHDR(), Service: quantile.NewHDR()}
	saw := &sighting{Calls: s.calls()}
	free := make([]time.Duration, s.connections*s.streams)
	from, to := s.from, s.from+s.length+excess
	for i := range s.calls() {
		slices.Sort(free)
		sent := max(due(i, s.perSecond), free[0])
		begun, ended := sent, sent+service
		if begun < to && ended > from { // the server has not answered when it stops
			begun, ended = to, to+service
		}
		free[0] = ended
		r.Latency.Add(ended - due(i, s.perSecond))
		r.Service.Add(ended - sent)
		saw.Begun = append(saw.Begun, begun)
	}
	return r, saw
}

// failures returns the figures that failed, and those of them that a busy machine cannot make fail.
func failures(o *Outcome) (all, wrong []string) {
	for _, f := range o.Findings {
		if !f.Passed {
			all = append(all, f.What)
			if !f.Timing {
				wrong = append(wrong, f.What)
			}
		}
	}
	return all, wrong
}

func TestTheStallOfAServerIsJudgedByArithmetic(t *testing.T) {
	many := serverStall{stall: longStall, connections: 64, streams: 1}
	few := serverStall{stall: longStall, connections: 2, streams: 1, fewWait: true}
	streams := serverStall{stall: longStall, connections: 4, streams: 16}
	percentiles := []string{"latency p95", "latency p99", "latency p99.9", "latency max"}
	for _, row := range []struct {
		name       string
		s          serverStall
		service    time.Duration
		forge      func(*record.Record, *sighting)
		all, wrong []string // the figures that fail
	}{
		{"64 connections", many, ms / 5, nil, nil, nil},
		{"64 connections, a server with little to spare", many, 40 * ms, nil, nil, nil},
		{"2 connections", few, ms / 5, nil, nil, nil},
		{"streams", streams, ms / 5, nil, nil, nil},
		{"latency counts from when a call is sent", few, ms / 5, func(r *record.Record, _ *sighting) {
			r.Latency = r.Service
		}, percentiles[:3], percentiles[:3]},
		{"long latencies are 20 ms too short", few, ms / 5, func(r *record.Record, _ *sighting) {
			r.Latency = shiftedBy(r.Latency, -20*ms)
		}, percentiles[1:], percentiles[1:]},
		{"latencies are 100 ms too long", few, ms / 5, func(r *record.Record, _ *sighting) {
			r.Latency = shiftedBy(r.Latency, 100*ms)
		}, percentiles, nil},
		{"a call is left out", many, ms / 5, func(_ *record.Record, saw *sighting) { saw.Calls-- },
			[]string{"calls the server saw"}, []string{"calls the server saw"}},
		{"a call is not done", many, ms / 5, func(r *record.Record, saw *sighting) { r.Done--; saw.Calls-- },
			[]string{"calls done"}, []string{"calls done"}},
		{"calls wait at the server", few, ms / 5, func(r *record.Record, _ *sighting) { r.Service = r.Latency },
			[]string{"service time p99"}, nil},
		{"a server that does not catch up", few, 2 * ms, nil, []string{"latency"}, nil},
		{"no stop", many, ms / 5, func(_ *record.Record, saw *sighting) {
			for i := range saw.Begun {
				saw.Begun[i] = due(uint64(i), 1000)
			}
		}, []string{"stop by the server's clock"}, nil},
		{"nothing was seen", many, ms / 5, func(_ *record.Record, saw *sighting) { *saw = sighting{} },
			[]string{"calls the server saw", "latency"}, []string{"calls the server saw"}},
		{"nothing was done", many, ms / 5, func(r *record.Record, saw *sighting) {
			r.Done, r.Latency, r.Service = 0, quantile.NewHDR(), quantile.NewHDR()
		}, slices.Concat([]string{"calls done", "calls the server saw"}, percentiles),
			slices.Concat([]string{"calls done", "calls the server saw"}, percentiles)},
	} {
		t.Run(row.name, func(t *testing.T) {
			r, saw := simulated(&row.s, row.service)
			if row.forge != nil {
				row.forge(r, saw)
			}
			o := row.s.judge(r, 0, saw)
			all, wrong := failures(&o)
			if !slices.Equal(all, row.all) || !slices.Equal(wrong, row.wrong) {
				t.Errorf("%q failed, want %q; %q are no timing, want %q", all, row.all, wrong, row.wrong)
				for _, f := range o.Findings {
					t.Log(f.sentence())
				}
			}
		})
	}
}

// shiftedBy returns latencies that differ from others by d, where those are long.
func shiftedBy(h *quantile.HDR, d time.Duration) *quantile.HDR {
	shifted := quantile.NewHDR()
	for i := range uint64(10_000) {
		x := h.Quantile((float64(i) + 0.5) / 10_000)
		if x > 100*ms {
			x += d
		}
		shifted.Add(x)
	}
	return shifted
}

// A fakeServer notes when it was paused and resumed.
type fakeServer struct {
	start           time.Time
	paused, resumed time.Duration
	err             error
}

func (f *fakeServer) Pause() error { f.paused = time.Since(f.start); return f.err }

func (f *fakeServer) Resume() error { f.resumed = time.Since(f.start); return nil }

func TestAServerIsPausedForTheTimeOfTheStallAndNeverLeftSo(t *testing.T) {
	broken := errors.New("broken")
	for _, row := range []struct {
		name            string
		limit           time.Duration // when the context ends
		err, want       error
		paused, resumed time.Duration // 0: never
	}{
		{"to the end", time.Hour, nil, nil, 4 * time.Second, 5005 * ms},
		{"interrupted before", time.Second, nil, context.DeadlineExceeded, 0, 0},
		{"interrupted meanwhile", 4500 * ms, nil, context.DeadlineExceeded, 4 * time.Second, 4500 * ms},
		{"it cannot be paused", time.Hour, broken, broken, 4 * time.Second, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), row.limit)
				defer cancel()
				f := &fakeServer{start: time.Now(), err: row.err}
				err := (&serverStall{stall: longStall}).pause(ctx, f)
				if !errors.Is(err, row.want) || f.paused != row.paused || f.resumed != row.resumed {
					t.Errorf("%v, paused at %v, resumed at %v", err, f.paused, f.resumed)
				}
			})
		})
	}
}

// The server is another process. A busy machine may make what is measured longer, but no percentile is below the one
// computed, and every call is counted.
func TestAServerThatIsStoppedIsMeasured(t *testing.T) {
	if runtime.GOOS != "linux" && runtime.GOOS != "darwin" {
		t.Skip("services are started on Linux and macOS")
	}
	quick := stall{perSecond: 2000, duration: 2 * time.Second, from: 800 * ms, length: 200 * ms, service: ms,
		unlimited: true}
	short := stall{perSecond: 500, duration: 400 * ms, from: 100 * ms, length: 100 * ms, service: ms, unlimited: true}
	for _, s := range []serverStall{
		{name: "2 connections", stall: quick, protocol: httptarget.HTTP1, connections: 2, streams: 1, fewWait: true},
		{name: "h2c", stall: short, protocol: httptarget.H2C, connections: 2, streams: 4},
	} {
		t.Run(s.name, func(t *testing.T) {
			o, err := realTime().stopped(t.Context(), &s, []string{os.Args[0], asServer})
			if err != nil {
				t.Fatal(err)
			}
			_, wrong := failures(&o)
			wrong = slices.DeleteFunc(wrong, func(what string) bool { // a short load has too few calls for those
				return s.stall == short && strings.HasPrefix(what, "latency p99")
			})
			const beside = "counted from the send, p99 would be "
			if len(wrong) > 0 || len(o.Findings) < 3 || !strings.Contains(o.Note, beside) {
				t.Errorf("%q are wrong; %s", wrong, o.Note)
				for _, f := range o.Findings {
					t.Log(f.sentence())
				}
			}
		})
	}
}

func TestACheckOfAServiceThatCannotBeMadeIsAnError(t *testing.T) {
	if runtime.GOOS != "linux" && runtime.GOOS != "darwin" {
		t.Skip("services are started on Linux and macOS")
	}
	s := serverStall{stall: longStall, protocol: httptarget.HTTP1, connections: 1, streams: 1}
	failed := errors.New("the run failed")
	broken := engine{pace: realTime().pace, do: func(_ context.Context, r *bench.Run) (*record.Record, error) {
		r.Began() // the server would be stopped in 4 s
		return nil, failed
	}}
	for _, row := range []struct {
		name    string
		e       engine
		command []string
		want    string
	}{
		{"no program", realTime(), nil, "want Options.Server"},
		{"a program that does not exist", realTime(), []string{"/no/such/program"}, "/no/such/program"},
		{"a program that ends", realTime(), []string{os.Args[0], "-test.run=^$"}, "it ended by itself"},
		{"a run that fails", broken, []string{os.Args[0], asServer}, "the run failed"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if _, err := row.e.stopped(t.Context(), &s, row.command); err == nil ||
				!strings.Contains(err.Error(), row.want) {
				t.Errorf("%v, want %q", err, row.want)
			}
		})
	}
}

// What counts from when a call was sent is shown beside on every screen.
func TestTheReportOfAServiceShowsThePercentileThatCountsFromTheSend(t *testing.T) {
	s := serverStall{stall: longStall, connections: 2, streams: 1, fewWait: true}
	r, saw := simulated(&s, ms/5)
	o := s.judge(r, 0, saw)
	report := NewReport(results.Environment{}, false, 1, []Result{{Group: Service, Name: "2 connections", Passed: true,
		Tries: 1, Findings: o.Findings, Note: o.Note}})
	const want = "\n    1s stop at 1,000/s; counted from the send, p99 would be 200.1µs\n"
	for _, width := range []int{80, 120} {
		if text := report.Text(screen(width, "never"), terminal.Detail{}); !strings.Contains(text, want) ||
			strings.Count(text, "counted from the send") != 1 {
			t.Errorf("%d columns:\n%s\nwant%s", width, text, want)
		}
	}
}
