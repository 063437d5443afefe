package otlphttp_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel"
	coltrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/loadgen-go/loadgen/internal/property"
	"github.com/loadgen-go/loadgen/observable/pooled/otlphttp"
)

func init() { otel.SetErrorHandler(otel.ErrorHandlerFunc(func(error) {})) }

// encoded returns a request with n spans called name.
func encoded(name string, n int) []byte {
	ss := &tracepb.ScopeSpans{}
	for range n {
		ss.Spans = append(ss.Spans, &tracepb.Span{Name: name})
	}
	b, err := proto.Marshal(&coltrace.ExportTraceServiceRequest{
		ResourceSpans: []*tracepb.ResourceSpans{{ScopeSpans: []*tracepb.ScopeSpans{ss}}}})
	if err != nil {
		panic(err)
	}
	return b
}

// A reply is the reply of a fake endpoint to one attempt.
type reply struct {
	status   int // 0 breaks the connection, -1 never answers, late answers even if the caller has left
	after    string
	rejected int64
	message  string
}

var taken = reply{status: 200}

const late = -2

// An endpoint replies as its script says, and then accepts everything.
type endpoint struct {
	mu       sync.Mutex
	script   []reply
	poison   string // requests with a span of this name are refused
	attempts []time.Time
	headers  http.Header
	sizes    []int          // number of spans of each request
	accepted map[string]int // by name, spans of requests answered with 200, without the rejected ones
	total    int
}

func (e *endpoint) RoundTrip(req *http.Request) (*http.Response, error) {
	e.mu.Lock()
	r := taken
	if len(e.script) > 0 {
		r, e.script = e.script[0], e.script[1:]
	}
	e.attempts = append(e.attempts, time.Now())
	e.headers = req.Header
	names := spanNames(req)
	e.sizes = append(e.sizes, len(names))
	if e.poison != "" && strings.Contains(strings.Join(names, " "), e.poison) {
		r = reply{status: 400, message: "poison"}
	}
	if r.status == 200 {
		if e.accepted == nil {
			e.accepted = map[string]int{}
		}
		for _, name := range names {
			e.accepted[name]++
		}
		e.total += len(names) - int(min(max(r.rejected, 0), int64(len(names))))
	}
	e.mu.Unlock()
	switch r.status {
	case 0:
		return nil, errors.New("connection refused")
	case -1:
		<-req.Context().Done()
		return nil, req.Context().Err()
	case late:
		time.Sleep(time.Hour)
		return taken.response(), nil
	}
	return r.response(), nil
}

func (r reply) response() *http.Response {
	resp := &http.Response{StatusCode: r.status, Status: fmt.Sprintf("%d %s", r.status, http.StatusText(r.status)),
		Header: http.Header{}}
	if r.after != "" {
		resp.Header.Set("Retry-After", r.after)
	}
	var body []byte
	switch {
	case r.status/100 == 3:
		resp.Header.Set("Location", "/elsewhere")
	case r.status == 200:
		body, _ = proto.Marshal(&coltrace.ExportTraceServiceResponse{
			PartialSuccess: &coltrace.ExportTracePartialSuccess{RejectedSpans: r.rejected, ErrorMessage: r.message}})
		resp.Header.Set("Content-Type", "application/x-protobuf")
	case r.message != "": // a google.rpc.Status, whose field 2 is the same as in the message above
		body, _ = proto.Marshal(&coltrace.ExportTracePartialSuccess{ErrorMessage: r.message})
		resp.Header.Set("Content-Type", "application/x-protobuf")
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp
}

func spanNames(req *http.Request) (names []string) {
	body, err := io.ReadAll(req.Body)
	if err == nil && req.Header.Get("Content-Encoding") == "gzip" {
		var r *gzip.Reader
		if r, err = gzip.NewReader(bytes.NewReader(body)); err == nil {
			body, err = io.ReadAll(r)
		}
	}
	var m coltrace.ExportTraceServiceRequest
	if err = errors.Join(err, proto.Unmarshal(body, &m)); err != nil {
		return []string{err.Error()}
	}
	for _, rs := range m.ResourceSpans {
		for _, ss := range rs.ScopeSpans {
			for _, s := range ss.Spans {
				names = append(names, s.Name)
			}
		}
	}
	return names
}

func start(t *testing.T, opts otlphttp.Options) *otlphttp.Exporter {
	t.Helper()
	e, err := otlphttp.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func within(d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	context.AfterFunc(ctx, cancel)
	return ctx
}

var never = context.Background()

func sum(c otlphttp.Counts) uint64 { return c.Sent + c.Refused + c.Dropped + c.Waiting }

// A plan is what the property test does with an exporter.
type plan struct {
	opts     otlphttp.Options
	steps    []step
	settled  bool          // call Shutdown when the sender is idle
	patience time.Duration // time that Shutdown may take
}

type step struct {
	give, spans int // number of requests, and of spans in each
	sleep       time.Duration
	flush       time.Duration
}

func TestEverySpanIsInExactlyOneCount(t *testing.T) {
	replies := rapid.SampledFrom([]reply{
		taken, taken, {status: 200, rejected: 1, message: "one"}, {status: 200, rejected: 1000}, {status: 200,
			rejected: -5}, {status: 200, message: "a warning"},
		{status: 400}, {status: 404, message: "where?"}, {status: 302}, {status: 429}, {status: 502}, {status: 503,
			after: "7"}, {status: 504, after: "soon"}, {}, {status: -1},
	})
	steps := rapid.Custom(func(t *rapid.T) step {
		ms := rapid.SampledFrom([]time.Duration{0, 0, 10 * time.Millisecond, time.Second, time.Minute})
		return step{rapid.IntRange(0, 4).Draw(t, "give"), rapid.IntRange(0, 5).Draw(t, "spans"), ms.Draw(t, "sleep"),
			ms.Draw(t, "flush")}
	})
	property.Check(t, func(rt *rapid.T) {
		ep := &endpoint{script: rapid.SliceOfN(replies, 0, 30).Draw(rt, "replies")}
		p := plan{steps: rapid.SliceOfN(steps, 1, 10).Draw(rt, "steps"), opts: otlphttp.Options{
			Transport:    ep,
			QueueBytes:   rapid.SampledFrom([]int{1, 40, 200, 0}).Draw(rt, "QueueBytes"),
			RequestBytes: rapid.SampledFrom([]int{1, 60, 0}).Draw(rt, "RequestBytes"),
			MaxAge:       rapid.SampledFrom([]time.Duration{0, 5 * time.Second}).Draw(rt, "MaxAge"),
			Compression:  rapid.SampledFrom([]string{"", "gzip"}).Draw(rt, "Compression"),
		}}
		p.patience = rapid.SampledFrom([]time.Duration{0, time.Second, time.Hour}).Draw(rt, "patience")
		p.settled = rapid.Bool().Draw(rt, "settled")
		var err error
		synctest.Test(t, func(t *testing.T) { err = p.obey(start(t, p.opts), ep) })
		if err != nil {
			rt.Fatal(err)
		}
	})
}

// obey executes p and returns everything that is wrong with the counts.
func (p *plan) obey(e *otlphttp.Exporter, ep *endpoint) error {
	var given uint64
	var errs []error
	check := func() otlphttp.Counts {
		c := e.Counts()
		if c.Given != given || sum(c) != given {
			errs = append(errs, fmt.Errorf("after %d spans: %+v", given, c))
		}
		return c
	}
	for _, s := range p.steps {
		for range s.give {
			given += uint64(s.spans)
			before := e.Counts().Dropped
			err := e.Export(never, encoded("x", s.spans), s.spans)
			// With MaxAge the sender may drop other spans meanwhile.
			if dropped := e.Counts().Dropped - before; dropped > 0 && err == nil && p.opts.MaxAge == 0 {
				errs = append(errs, fmt.Errorf("%d spans dropped without an error", dropped))
			}
		}
		check()
		time.Sleep(s.sleep)
		if s.flush > 0 && e.ForceFlush(within(s.flush)) == nil && check().Waiting > 0 {
			errs = append(errs, errors.New("spans wait after a ForceFlush that succeeded"))
		}
		check()
	}
	if p.settled {
		synctest.Wait()
	}
	before := e.Counts()
	err := e.Shutdown(within(p.patience))
	synctest.Wait() // for the end of a cancelled attempt
	after := check()
	if lost := after.Refused + after.Dropped - before.Refused - before.Dropped; p.settled && lost > 0 && err == nil {
		errs = append(errs, fmt.Errorf("Shutdown lost %d spans without an error", lost))
	}
	// The endpoint may have accepted spans that Shutdown gave up before the reply came.
	unknown := uint64(0)
	if errors.Is(err, context.DeadlineExceeded) {
		unknown = after.Dropped - before.Dropped
	}
	if took := uint64(ep.total); after.Waiting != 0 || took < after.Sent || took > after.Sent+unknown {
		errs = append(errs, fmt.Errorf("after Shutdown: %+v, of which %d unknown, the endpoint accepted %d",
			after, unknown, took))
	}
	return errors.Join(errs...)
}

func TestAnOutageLosesNothingThatTheQueueHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ep := &endpoint{script: make([]reply, 40)} // down for a long time
		e := start(t, otlphttp.Options{Transport: ep})
		for i := range 100 {
			if err := e.Export(never, encoded(fmt.Sprint(i), 3), 3); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		if c := e.Counts(); c.Waiting != 300 {
			t.Errorf("during the outage: %+v", c)
		}
		if err := e.ForceFlush(within(time.Hour)); err != nil {
			t.Error(err)
		}
		if c := e.Counts(); c.Sent != 300 || len(ep.accepted) != 100 {
			t.Errorf("after the outage: %+v, %d names", c, len(ep.accepted))
		}
		if last := ep.sizes[len(ep.sizes)-1]; last != 300 {
			t.Errorf("the queue drained in requests of %v spans: want one request", ep.sizes)
		}
		if err := e.Shutdown(never); err != nil {
			t.Error(err)
		}
	})
}

func TestAFullQueueDropsTheNewestAndSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		body := encoded("old", 1)
		ep := &endpoint{script: []reply{{}, {}, {}}}
		e := start(t, otlphttp.Options{Transport: ep, QueueBytes: 2 * len(body)})
		for range 2 {
			if err := e.Export(never, body, 1); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		err := e.Export(never, encoded("new", 1), 1)
		if err == nil || !strings.Contains(err.Error(), "1 spans were dropped") ||
			!strings.Contains(err.Error(), "connection refused") {
			t.Errorf("Export into a full queue = %v", err)
		}
		if err := e.Export(never, nil, -1); err != nil || e.Counts().Given != 3 {
			t.Errorf("Export of -1 spans = %v, %+v", err, e.Counts())
		}
		_ = e.ForceFlush(within(time.Hour))
		if err := e.Export(never, body, 1); err != nil {
			t.Errorf("Export into an emptied queue = %v", err)
		}
		if err := e.Shutdown(never); err != nil {
			t.Error(err)
		}
		if err := e.Export(never, body, 1); err == nil {
			t.Error("Export after Shutdown succeeded")
		}
		if c := e.Counts(); c.Sent != 3 || c.Dropped != 2 || ep.accepted["old"] != 3 {
			t.Errorf("%+v, the endpoint accepted %v", c, ep.accepted)
		}
	})
}

// The endpoint accepts everything, but replies after an hour.
func TestAFullQueueIsWaitedForWhileTheEndpointTakesSpans(t *testing.T) {
	body := encoded("x", 1)
	for _, tc := range []struct {
		name  string
		reply reply
		ctx   context.Context
		end   func(*otlphttp.Exporter) // called while Export waits
		took  time.Duration
		want  string // part of the error; "" is no error
		sent  uint64
	}{
		{"until there is room", reply{status: late}, never, nil, time.Hour, "", 3},
		{"until the endpoint fails", reply{status: -1}, never, nil, 2 * time.Hour,
			"the last attempt to send failed: Post", 2},
		{"until the context ends", reply{status: late}, nil, nil, time.Minute,
			"no room was made in time: context deadline exceeded", 2},
		{"until Shutdown", reply{status: late}, never, func(e *otlphttp.Exporter) { _ = e.Shutdown(never) }, 0,
			"was shut down", 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ep := &endpoint{script: []reply{tc.reply}}
				e := start(t, otlphttp.Options{Transport: ep, QueueBytes: 2*len(body) + 1, RequestBytes: 1,
					Timeout: 2 * time.Hour})
				for range 2 {
					if err := e.Export(never, body, 1); err != nil {
						t.Fatal(err)
					}
				}
				if tc.ctx == nil {
					tc.ctx = within(time.Minute)
				}
				if tc.end != nil {
					go func() { synctest.Wait(); tc.end(e) }()
				}
				begun := time.Now()
				err := e.Export(tc.ctx, body, 1)
				if took := time.Since(begun); took != tc.took || (err == nil) != (tc.want == "") || err != nil &&
					!strings.Contains(err.Error(), tc.want) {
					t.Errorf("Export = %v after %v, want %q after %v", err, took, tc.want, tc.took)
				}
				if c := e.Counts(); sum(c) != 3 {
					t.Errorf("%+v", c)
				}
				_ = e.Shutdown(never)
				synctest.Wait()
				if c := e.Counts(); c.Sent != tc.sent || c.Sent+c.Dropped != 3 {
					t.Errorf("%+v, want %d sent", c, tc.sent)
				}
			})
		})
	}
}

// A request larger than the queue is sent all the same.
func TestAnEmptyQueueTakesARequestOfAnySize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ep := &endpoint{}
		e := start(t, otlphttp.Options{Transport: ep, QueueBytes: 1})
		for range 3 {
			if err := e.Export(never, encoded("x", 5), 5); err != nil {
				t.Error(err)
			}
		}
		if err := e.Shutdown(never); err != nil || ep.accepted["x"] != 15 {
			t.Errorf("Shutdown = %v, the endpoint accepted %v", err, ep.accepted)
		}
	})
}

func TestTheBodyIsNotKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ep := &endpoint{}
		e := start(t, otlphttp.Options{Transport: ep})
		body := encoded("mine", 1)
		if err := e.Export(never, body, 1); err != nil {
			t.Fatal(err)
		}
		clear(body)
		if err := e.Shutdown(never); err != nil || ep.accepted["mine"] != 1 {
			t.Errorf("Shutdown = %v, the endpoint accepted %v", err, ep.accepted)
		}
	})
}

func TestShutdownGivesUpWithItsContextAndCountsTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ep := &endpoint{script: []reply{{status: late}}}
		e := start(t, otlphttp.Options{Transport: ep})
		if err := e.Export(never, encoded("x", 7), 7); err != nil {
			t.Fatal(err)
		}
		if err := e.Shutdown(within(time.Second)); !errors.Is(err, context.DeadlineExceeded) ||
			!strings.Contains(err.Error(), "7 spans were dropped") {
			t.Errorf("Shutdown = %v", err)
		}
		if c := e.Counts(); c.Dropped != 7 || c.Waiting != 0 {
			t.Errorf("%+v", c)
		}
		time.Sleep(2 * time.Hour)
		if c := e.Counts(); c.Dropped != 7 || sum(c) != 7 {
			t.Errorf("after a late reply: %+v", c)
		}
		if err := e.Shutdown(never); err != nil {
			t.Errorf("the second Shutdown = %v", err)
		}
	})
}

func TestARefusedRequestDoesNotSpoilItsNeighbours(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ep := &endpoint{script: []reply{{}}, poison: "3"} // requests pile up after the first failure
		e := start(t, otlphttp.Options{Transport: ep})
		for i := range 6 {
			if err := e.Export(never, encoded(fmt.Sprint(i), 1), 1); err != nil {
				t.Fatal(err)
			}
		}
		err := e.ForceFlush(never)
		if c := e.Counts(); c.Sent != 5 || c.Refused != 1 || err == nil || !strings.Contains(err.Error(), `"poison"`) {
			t.Errorf("%+v, ForceFlush = %v", c, err)
		}
		if err := e.Shutdown(never); err != nil {
			t.Error(err)
		}
	})
}

func TestWaitingRequestsAreMergedUpToABound(t *testing.T) {
	size := len(encoded("x", 1))
	for _, tc := range []struct {
		name  string
		bytes int
		want  []int
	}{
		{"less than one", 1, []int{1, 1, 1, 1, 1, 1}},
		{"two", 2*size + 1, []int{1, 2, 2, 1}},
		{"the default", 0, []int{1, 5}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ep := &endpoint{script: []reply{{}}} // the others pile up after the first failure
				e := start(t, otlphttp.Options{Transport: ep, RequestBytes: tc.bytes})
				for i := range 5 {
					if err := e.Export(never, encoded("x", 1), 1); err != nil {
						t.Fatal(err)
					}
					if i == 0 {
						synctest.Wait()
					}
				}
				if err := e.Shutdown(never); err != nil {
					t.Error(err)
				}
				if !slices.Equal(ep.sizes, tc.want) {
					t.Errorf("sent %v spans, want %v", ep.sizes, tc.want)
				}
			})
		})
	}
}
