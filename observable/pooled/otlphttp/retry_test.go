package otlphttp_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/loadgen-go/loadgen/observable/pooled/otlphttp"
)

func TestWhatIsRetriedAndWhen(t *testing.T) {
	const none = 0
	for _, tc := range []struct {
		name     string
		reply    reply
		retry    bool
		min, max time.Duration
	}{
		{"no connection", reply{}, true, time.Second / 2, time.Second},
		{"no answer in time", reply{status: -1}, true, 10*time.Second + time.Second/2, 11 * time.Second},
		{"too many requests", reply{status: 429}, true, time.Second / 2, time.Second},
		{"bad gateway", reply{status: 502}, true, time.Second / 2, time.Second},
		{"seconds asked for", reply{status: 503, after: "20"}, true, 20 * time.Second, 20 * time.Second},
		{"a date asked for", reply{status: 504, after: "Sat, 01 Jan 2000 00:00:45 GMT"}, true, 45 * time.Second,
			45 * time.Second},
		{"a date that has passed", reply{status: 503, after: "Fri, 31 Dec 1999 00:00:45 GMT"}, true, time.Second / 2,
			time.Second},
		{"days asked for", reply{status: 503, after: "999999"}, true, 5 * time.Minute, 5 * time.Minute},
		{"bad request", reply{status: 400}, false, none, none},
		{"internal error", reply{status: 500}, false, none, none},
		{"redirected", reply{status: 302}, false, none, none},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ep := &endpoint{script: []reply{tc.reply}}
				e := start(t, otlphttp.Options{Transport: ep})
				if err := e.Export(never, encoded("x", 2), 2); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Hour)
				want := otlphttp.Counts{Given: 2, Refused: 2}
				if tc.retry {
					want = otlphttp.Counts{Given: 2, Sent: 2}
				}
				if c := e.Counts(); c != want || len(ep.attempts) == 2 != tc.retry {
					t.Errorf("%+v after %d attempts, want %+v", c, len(ep.attempts), want)
				}
				if tc.retry {
					if d := ep.attempts[1].Sub(ep.attempts[0]); d < tc.min || d > tc.max {
						t.Errorf("tried again after %v, want %v to %v", d, tc.min, tc.max)
					}
				}
				if err := e.Shutdown(never); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// waits returns the times between consecutive attempts.
func (e *endpoint) waits() (all []time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for i := 1; i < len(e.attempts); i++ {
		all = append(all, e.attempts[i].Sub(e.attempts[i-1]))
	}
	return all
}

// fail forgets the previous attempts and makes the next n fail.
func (e *endpoint) fail(n int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.script, e.attempts = make([]reply, n), nil
}

func TestARedirectThatRepeatsTheRequestIsFollowed(t *testing.T) {
	for _, tc := range []struct {
		name   string
		script []reply
		want   otlphttp.Counts
	}{
		{"temporary", []reply{{status: 307}}, otlphttp.Counts{Given: 2, Sent: 2}},
		{"permanent", []reply{{status: 308}}, otlphttp.Counts{Given: 2, Sent: 2}},
		{"in a circle", slices.Repeat([]reply{{status: 308}}, 20), otlphttp.Counts{Given: 2, Refused: 2}},
		{"as a GET", []reply{{status: 303}}, otlphttp.Counts{Given: 2, Refused: 2}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ep := &endpoint{script: tc.script}
				e := start(t, otlphttp.Options{Transport: ep})
				if err := e.Export(never, encoded("x", 2), 2); err != nil {
					t.Fatal(err)
				}
				err := e.Shutdown(never)
				if c := e.Counts(); c != tc.want || (err != nil) != (tc.want.Refused > 0) {
					t.Errorf("%+v, want %+v; Shutdown = %v", c, tc.want, err)
				}
			})
		})
	}
}

func TestALongAnswerCountsWhatItRejects(t *testing.T) {
	for _, tc := range []struct {
		name    string
		message int // size in bytes
		want    otlphttp.Counts
	}{
		{"70 KiB", 70 << 10, otlphttp.Counts{Given: 5, Sent: 2, Refused: 3}},
		// the number of rejected spans is unknown
		{"more than is read", 5 << 20, otlphttp.Counts{Given: 5, Refused: 5}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := start(t, otlphttp.Options{Transport: &endpoint{
					script: []reply{{status: 200, rejected: 3, message: strings.Repeat("x", tc.message)}}}})
				if err := e.Export(never, encoded("x", 5), 5); err != nil {
					t.Fatal(err)
				}
				if err := e.Shutdown(never); e.Counts() != tc.want || err == nil {
					t.Errorf("%+v, want %+v; Shutdown = %v", e.Counts(), tc.want, err)
				}
			})
		})
	}
}

// The response to a request in protobuf must be protobuf, but some endpoints send something else.
func TestAnAnswerInJSONCountsWhatItRejects(t *testing.T) {
	for _, tc := range []struct {
		name, contentType, body string
		want                    otlphttp.Counts
	}{
		{"a string", "application/json", `{"partialSuccess":{"rejectedSpans":"3","errorMessage":"too old"}}`,
			otlphttp.Counts{Given: 5, Sent: 2, Refused: 3}},
		{"a number", "Application/JSON; charset=utf-8", `{"partialSuccess":{"rejectedSpans":3}}`,
			otlphttp.Counts{Given: 5, Sent: 2, Refused: 3}},
		{"none rejected", "application/json", `{"partialSuccess":{}}`, otlphttp.Counts{Given: 5, Sent: 5}},
		{"null", "application/json", `{"partialSuccess":null}`, otlphttp.Counts{Given: 5, Sent: 5}},
		{"nothing", "application/json", ``, otlphttp.Counts{Given: 5, Sent: 5}},
		{"cut short", "application/json", `{"partialSuccess":{"rejectedSpans":"3"`,
			otlphttp.Counts{Given: 5, Refused: 5}},
		{"not a number", "application/json", `{"partialSuccess":{"rejectedSpans":1.5}}`,
			otlphttp.Counts{Given: 5, Refused: 5}},
		{"another type", "text/plain", `ok`, otlphttp.Counts{Given: 5, Sent: 5}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := start(t, otlphttp.Options{Transport: transport(func(*http.Request) (*http.Response, error) {
					return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {tc.contentType}},
						Body: io.NopCloser(strings.NewReader(tc.body))}, nil
				})})
				if err := e.Export(never, encoded("x", 5), 5); err != nil {
					t.Fatal(err)
				}
				if err := e.Shutdown(never); e.Counts() != tc.want || (err != nil) != (tc.want.Refused > 0) {
					t.Errorf("%+v, want %+v; Shutdown = %v", e.Counts(), tc.want, err)
				}
			})
		})
	}
}

// A transport is an http.RoundTripper that calls a function.
type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

func TestABackoffDoublesUpToItsBoundLessARandomPartOfAtMostHalf(t *testing.T) {
	const failures, ms = 60, time.Millisecond
	for _, tc := range []struct {
		name              string
		opts              otlphttp.Options
		shortest, longest time.Duration
	}{
		{"by default", otlphttp.Options{}, time.Second, 30 * time.Second},
		{"that doubles past its bound", otlphttp.Options{MinBackoff: 10 * ms, MaxBackoff: 35 * ms}, 10 * ms, 35 * ms},
		{"that is constant", otlphttp.Options{MinBackoff: time.Minute}, time.Minute, time.Minute},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ep := &endpoint{}
				tc.opts.Transport = ep
				e := start(t, tc.opts)
				for range 2 { // the second outage must begin like the first
					ep.fail(failures)
					if err := e.Export(never, encoded("x", 1), 1); err != nil {
						t.Fatal(err)
					}
					time.Sleep(24 * time.Hour)
					waits := ep.waits()
					if len(waits) != failures {
						t.Fatalf("%d attempts were repeated, want %d", len(waits), failures)
					}
					want, longest := tc.shortest, []time.Duration(nil)
					for i, d := range waits {
						if d > want || d < want/2 {
							t.Errorf("attempt %d came after %v, want %v to %v", i+2, d, want/2, want)
						}
						if want == tc.longest {
							longest = append(longest, d)
						}
						want = min(2*want, tc.longest)
					}
					// The probability that all random parts are in the same half is below 10^-14.
					if spread := slices.Max(longest) - slices.Min(longest); spread < tc.longest/4 {
						t.Errorf("%d waits differ by %v, want a random part of up to %v", len(longest), spread,
							tc.longest/2)
					}
				}
				if err := e.Shutdown(never); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestAFlushCutsABackoffShortButNotAWaitThatWasAskedFor(t *testing.T) {
	for _, tc := range []struct {
		name, after string
		want        uint64
	}{{"a backoff", "", 1}, {"asked for", "60", 0}} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ep := &endpoint{script: []reply{{status: 503, after: tc.after}}}
				e := start(t, otlphttp.Options{Transport: ep, MinBackoff: time.Hour})
				if err := e.Export(never, encoded("x", 1), 1); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				err := e.ForceFlush(within(time.Second))
				if got := e.Counts().Sent; got != tc.want || (err == nil) != (tc.want == 1) {
					t.Errorf("ForceFlush = %v, sent %d, want %d", err, got, tc.want)
				}
				if err != nil && (!errors.Is(err, context.DeadlineExceeded) ||
					!strings.Contains(err.Error(), "503 Service Unavailable")) {
					t.Errorf("ForceFlush = %v: want the deadline and the cause", err)
				}
				if err := e.Shutdown(never); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// A flush hurries the requests that it waits for, but not later ones.
func TestAFlushThatIsOverLeavesTheNextBackoffAlone(t *testing.T) {
	for _, tc := range []struct {
		name   string
		before time.Duration // time before Export
		reply  reply
	}{
		{"when nothing waited", time.Hour, taken},
		{"when the attempt under way succeeded", 0, reply{status: late}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ep := &endpoint{script: []reply{tc.reply}}
				e := start(t, otlphttp.Options{Transport: ep, Timeout: 2 * time.Hour})
				if err := e.Export(never, encoded("x", 1), 1); err != nil {
					t.Fatal(err)
				}
				time.Sleep(tc.before)
				synctest.Wait()
				if err := e.ForceFlush(never); err != nil {
					t.Fatal(err)
				}
				ep.fail(1)
				if err := e.Export(never, encoded("x", 1), 1); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Hour)
				if waits := ep.waits(); len(waits) != 1 || waits[0] < time.Second/2 || waits[0] > time.Second {
					t.Errorf("the failed attempt was repeated after %v, want 500ms to 1s", waits)
				}
				if err := e.Shutdown(never); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestWhatIsTooOldIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ep := &endpoint{script: make([]reply, 1000)}
		e := start(t, otlphttp.Options{Transport: ep, MaxAge: time.Minute})
		if err := e.Export(never, encoded("x", 2), 2); err != nil {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Second)
		if c := e.Counts(); c.Waiting != 2 {
			t.Errorf("before MaxAge: %+v", c)
		}
		time.Sleep(50 * time.Second)
		if c := e.Counts(); c.Dropped != 2 {
			t.Errorf("after MaxAge: %+v", c)
		}
		if err := e.Shutdown(never); err != nil {
			t.Error(err)
		}
	})
}
