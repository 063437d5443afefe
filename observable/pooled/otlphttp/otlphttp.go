// Package otlphttp sends the spans of package pooled to an OpenTelemetry collector, as OTLP over
// HTTP, and loses no span silently.
//
// An [Exporter] keeps spans in a bounded queue in memory until the endpoint has accepted them.
// While the endpoint is down, the queue fills, and one request after the other is tried at growing
// intervals. When the endpoint is back, the queue drains in large requests. So an outage loses
// nothing that fits into the queue. The provider puts its spans into the queue. If the queue is
// full, the provider waits for room while the endpoint accepts spans, but not while it is down.
//
// Every span is in exactly one of four counts: sent, refused by the endpoint, dropped by the
// exporter, or waiting.
//
// Retries follow the OTLP specification, "OTLP/HTTP Response": failed connections and the statuses
// 429, 502, 503 and 504 are retried, after Retry-After or an exponential backoff with jitter. If
// the response to a request is lost, the request is sent again, so the endpoint may get a span
// twice.
package otlphttp

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/loadgen-go/loadgen/observable/pooled"
)

// Options are the settings of an [Exporter]. The zero value sends to a collector on this host.
// [Environment] returns the options that the OTEL_EXPORTER_OTLP_* variables set.
type Options struct {
	// Endpoint is the complete URL; "" is http://localhost:4318/v1/traces.
	Endpoint string
	// Headers are sent with every request.
	Headers map[string]string
	// Compression is "gzip" or "none"; "" is "none".
	Compression string
	// Timeout is the longest time that one attempt may take; 0 is 10 s.
	Timeout time.Duration
	// QueueBytes bounds the size of the encoded spans that wait or are being sent; 0 is 16 MiB.
	// If the queue is full, Export waits for room. While the endpoint is down, spans that do
	// not fit are dropped and Export returns an error. So the oldest spans of an outage are
	// kept. An empty queue accepts a request of any size.
	QueueBytes int
	// RequestBytes bounds the size of a request, before compression; 0 is 1 MiB. Waiting
	// requests are merged up to this size. A larger one is sent alone.
	RequestBytes int
	// MinBackoff and MaxBackoff bound the wait after a failed attempt; 0 is 1 s and 30 s. The
	// wait is MinBackoff after the first failure, doubles with each further one, and stays at
	// MaxBackoff. Each wait is shortened by a random part of at most half.
	MinBackoff, MaxBackoff time.Duration
	// MaxAge is how long spans may wait before they are dropped; 0 keeps them until they are
	// sent or the exporter is shut down.
	MaxAge time.Duration
	// Transport makes the requests; nil is a new transport with the settings of
	// http.DefaultTransport.
	Transport http.RoundTripper
}

func (o *Options) check() (*url.URL, error) {
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf("otlphttp: "+format, args...)) }
	u, err := parseEndpoint(o.Endpoint)
	if err != nil {
		wrong("Endpoint is %w", err)
	}
	if !validCompression(o.Compression) {
		wrong(`Compression is %q: want "gzip" or "none"`, o.Compression)
	}
	for name, value := range o.Headers {
		if !validHeader(name, value) {
			wrong("Headers has %q: its name or value is not valid in HTTP", name)
		}
	}
	for _, f := range []struct {
		name  string
		value time.Duration
	}{{"Timeout", o.Timeout}, {"MinBackoff", o.MinBackoff}, {"MaxBackoff", o.MaxBackoff}, {"MaxAge", o.MaxAge}} {
		if f.value < 0 {
			wrong("%s is %v: want a positive duration, or 0 for the default", f.name, f.value)
		}
	}
	if o.QueueBytes < 0 {
		wrong("QueueBytes is %d: want a positive number, or 0 for 16 MiB", o.QueueBytes)
	}
	if o.RequestBytes < 0 {
		wrong("RequestBytes is %d: want a positive number, or 0 for 1 MiB", o.RequestBytes)
	}
	o.fill()
	if o.MinBackoff > o.MaxBackoff {
		wrong("MinBackoff is %v: want at most MaxBackoff, %v", o.MinBackoff, o.MaxBackoff)
	}
	return u, errors.Join(errs...)
}

// fill replaces zeros by the defaults.
func (o *Options) fill() {
	o.Timeout = cmp.Or(o.Timeout, 10*time.Second)
	o.QueueBytes = cmp.Or(o.QueueBytes, 16<<20)
	o.RequestBytes = cmp.Or(o.RequestBytes, 1<<20)
	o.MinBackoff = cmp.Or(o.MinBackoff, time.Second)
	o.MaxBackoff = cmp.Or(o.MaxBackoff, max(o.MinBackoff, 30*time.Second))
	if o.Transport == nil {
		o.Transport = newTransport()
	}
}

// Counts counts the spans that an [Exporter] got.
// Given = Sent + Refused + Dropped + Waiting holds at any time.
type Counts struct {
	Given   uint64
	Sent    uint64 // accepted by the endpoint
	Refused uint64 // refused by the endpoint for good, or possibly so, because its response could not be read
	Dropped uint64 // dropped by the exporter: the queue was full, they exceeded MaxAge, or Shutdown gave up
	Waiting uint64 // waiting for room in the queue, in the queue, or being sent
}

// An Exporter is a [pooled.Exporter] that sends spans to a collector. [New] starts it, and
// Shutdown ends it. It is safe for concurrent use.
type Exporter struct {
	opts   Options
	url    *url.URL
	client *http.Client

	ctx    context.Context // parent context of every attempt
	cancel context.CancelFunc
	wake   chan struct{} // signals a new request, or that no more will come
	hurry  chan struct{} // signals that the sender should try now, because a caller waits
	done   chan struct{} // closed when the sender has ended

	mu      sync.Mutex
	queue   []request // oldest first
	bytes   int       // size of the requests in queue
	counts  Counts
	in, out uint64        // requests that entered the queue and left it
	urgent  uint64        // a caller waits until out reaches this number
	changed chan struct{} // closed and replaced when out grows, an attempt fails or closed is set
	alone   int           // number of requests to send unmerged
	closed  bool
	last    error // error of the latest attempt; nil if it succeeded
	lost    error // why spans were refused or dropped, the last time
}

// A request holds the arguments of one call of Export.
type request struct {
	body  []byte
	spans int
	since time.Time
}

var _ pooled.Exporter = (*Exporter)(nil)

// New starts an Exporter. The error lists everything that is wrong with opts.
func New(opts Options) (*Exporter, error) {
	u, err := opts.check()
	if err != nil {
		return nil, err
	}
	e := &Exporter{
		opts: opts,
		url:  u,
		client: &http.Client{
			Transport:     opts.Transport,
			CheckRedirect: checkRedirect,
		},
		wake:  make(chan struct{}, 1),
		hurry: make(chan struct{}, 1),
		done:  make(chan struct{}),

		changed: make(chan struct{}),
	}
	e.ctx, e.cancel = context.WithCancel(context.Background())
	go e.run()
	return e, nil
}

// checkRedirect follows redirects that repeat method and body (statuses 307 and 308), as the SDK's
// exporter does. Other redirects would turn the POST into a GET and lose its spans.
func checkRedirect(req *http.Request, via []*http.Request) error {
	if req.Method != http.MethodPost || len(via) >= 10 {
		return http.ErrUseLastResponse
	}
	return nil
}

// Export puts a copy of body, which holds n spans, into the queue, and does not wait until it is
// sent. If the queue is full, Export waits for room until ctx ends or an attempt to send fails. If
// there is still no room, or the exporter is shut down, it drops and counts the spans and returns
// an error.
func (e *Exporter) Export(ctx context.Context, body []byte, n int) error {
	n = max(n, 0)
	for first := true; ; first = false {
		e.mu.Lock()
		if first {
			e.counts.Given += uint64(n)
			e.counts.Waiting += uint64(n)
		}
		why := e.refusal(ctx, len(body))
		if why != nil {
			e.counts.Waiting -= uint64(n)
			defer e.mu.Unlock()
			return e.drop(n, why)
		}
		if e.room(len(body)) {
			e.queue = append(e.queue, request{append([]byte(nil), body...), n, time.Now()})
			e.bytes += len(body)
			e.in++
			kick(e.wake)
			e.mu.Unlock()
			return nil
		}
		changed := e.changed
		e.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
		}
	}
}

// room reports whether the queue has room for a request of size bytes.
func (e *Exporter) room(size int) bool {
	return len(e.queue) == 0 || size <= e.opts.QueueBytes-e.bytes
}

// refusal returns why a request of size bytes must not wait for room. It returns nil if the request
// may wait, or if there is room.
func (e *Exporter) refusal(ctx context.Context, size int) error {
	if e.closed {
		return errors.New("the exporter was shut down")
	}
	if e.room(size) || e.last == nil && ctx.Err() == nil {
		return nil
	}
	err := fmt.Errorf("the queue is full: %d bytes do not fit, since %d of %d are in use", size, e.bytes,
		e.opts.QueueBytes)
	if e.last != nil {
		return fmt.Errorf("%w, and the last attempt to send failed: %w", err, e.last)
	}
	return fmt.Errorf("%w, and no room was made in time: %w", err, ctx.Err())
}

// drop counts n spans, which are not in the queue, as dropped, and returns why as an error.
func (e *Exporter) drop(n int, why error) error {
	e.counts.Dropped += uint64(n)
	e.lost = fmt.Errorf("otlphttp: %d spans were dropped: %w", n, why)
	return e.lost
}

// Counts returns the counts so far.
func (e *Exporter) Counts() Counts {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.counts
}

// ForceFlush waits until all spans passed to Export before are sent, refused or dropped. It cuts a
// backoff short, once, but not the wait that an endpoint requested with Retry-After. If ctx ends
// first, the error is the joined errors of ctx and of the last attempt. Otherwise ForceFlush returns
// an error if spans were refused or dropped meanwhile.
func (e *Exporter) ForceFlush(ctx context.Context) error {
	e.mu.Lock()
	before, mark := e.counts, e.in
	e.urge()
	e.mu.Unlock()
	for {
		e.mu.Lock()
		ready, changed := e.out >= mark, e.changed
		e.mu.Unlock()
		if ready {
			return e.lostSince(before)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			e.mu.Lock()
			defer e.mu.Unlock()
			return errors.Join(fmt.Errorf("otlphttp: %d spans still wait: %w", e.counts.Waiting, ctx.Err()), e.last)
		}
	}
}

// Shutdown sends the spans that wait and ends the exporter. Spans that are exported later are
// dropped. If ctx ends first, Shutdown drops all spans that still wait and cancels the running
// attempt. The spans of that attempt count as dropped, although the endpoint may have accepted them.
// Shutdown returns the same errors as ForceFlush. It may be called more than once; for an exporter
// that has ended it returns nil.
func (e *Exporter) Shutdown(ctx context.Context) error {
	e.mu.Lock()
	e.closed = true
	e.announce()
	before := e.counts
	e.urge()
	e.mu.Unlock()
	kick(e.wake)
	select {
	case <-e.done:
	case <-ctx.Done():
		e.mu.Lock()
		if len(e.queue) > 0 {
			_ = e.drop(e.leave(len(e.queue)), fmt.Errorf("Shutdown gave up: %w", errors.Join(ctx.Err(), e.last)))
		}
		e.mu.Unlock()
	}
	e.cancel()
	e.client.CloseIdleConnections()
	return e.lostSince(before)
}

// Watch returns a function that returns why spans have been refused or dropped since the call of
// Watch, or nil if none were. It is called by [pooled.Provider].
func (e *Exporter) Watch() (lost func() error) {
	before := e.Counts()
	return func() error { return e.lostSince(before) }
}

// lostSince returns why spans were refused or dropped since the counts before, or nil.
func (e *Exporter) lostSince(before Counts) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.counts.Refused == before.Refused && e.counts.Dropped == before.Dropped {
		return nil
	}
	return e.lost
}

// urge makes the sender try once without a backoff if the queue is not empty.
func (e *Exporter) urge() {
	if e.out < e.in {
		e.urgent = e.in
		kick(e.hurry)
	}
}

// announce wakes all goroutines that wait for a change.
func (e *Exporter) announce() {
	close(e.changed)
	e.changed = make(chan struct{})
}

func kick(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
