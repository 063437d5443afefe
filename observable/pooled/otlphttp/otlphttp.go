// Package otlphttp sends the spans of package pooled to an OpenTelemetry
// collector, as OTLP over HTTP, and loses none in silence.
//
// An [Exporter] keeps what it is given in a bounded queue in memory until the
// endpoint has taken it. While the endpoint is away the queue fills, and one
// request after the other is tried, ever more seldom; when it is back the queue
// drains, in large requests. So an outage costs nothing that the queue can hold.
// The provider, which hands its spans to the queue, waits for room in it while the
// endpoint takes them, and not while it is away.
//
// Every span is in exactly one of four counts: sent, refused by the endpoint,
// dropped by the exporter, or waiting.
//
// What is retried, and when, is as in the OTLP specification, "OTLP/HTTP
// Response": connections that fail and statuses 429, 502, 503 and 504, after
// Retry-After or an exponential backoff with jitter. A request whose answer is
// lost is sent again, so that the endpoint may see a span twice.
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

// Options set up an [Exporter]. The zero value sends to a collector on this host.
// [Environment] fills in what the OTEL_EXPORTER_OTLP_* variables say.
type Options struct {
	// Endpoint is the whole URL; "" is http://localhost:4318/v1/traces.
	Endpoint string
	// Headers go with every request.
	Headers map[string]string
	// Compression is "gzip", or "none" or "" for none.
	Compression string
	// Timeout is the longest that one attempt may take; 0 is 10 s.
	Timeout time.Duration
	// QueueBytes bounds the encoded spans that wait, those on their way included; 0
	// is 16 MiB. Export waits for room. While the endpoint is away, what does not fit
	// is dropped: the newest, so that an outage is kept from its beginning and the
	// provider is told. An empty queue takes a request of any size.
	QueueBytes int
	// RequestBytes bounds what is sent at once; 0 is 1 MiB. Requests that wait are
	// merged up to here. A larger one is sent alone.
	RequestBytes int
	// MinBackoff and MaxBackoff shape the wait after an attempt that failed; 0 is 1 s
	// and 30 s. It is MinBackoff after the first, doubles with each that follows and
	// stays at MaxBackoff. A random part, of at most half, is taken off every time.
	MinBackoff, MaxBackoff time.Duration
	// MaxAge drops what could not be sent for so long; 0 keeps it until it is sent
	// or the exporter shut down.
	MaxAge time.Duration
	// Transport makes the requests; nil is one of its own, set up as
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
			wrong("Headers has %q, whose name or value HTTP does not allow", name)
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

// fill puts the defaults in the place of zeros.
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

// Counts are the spans that an [Exporter] was given.
// Given = Sent + Refused + Dropped + Waiting, always.
type Counts struct {
	Given   uint64
	Sent    uint64 // taken by the endpoint
	Refused uint64 // by the endpoint, for good, or its answer cannot be read: they may have been
	Dropped uint64 // by the exporter: the queue was full, or they too old, or Shutdown gave up
	Waiting uint64 // for room in the queue, in it or on their way
}

// An Exporter is a [pooled.Exporter] that sends to a collector. [New] starts one,
// Shutdown ends it. It is safe for concurrent use.
type Exporter struct {
	opts   Options
	url    *url.URL
	client *http.Client

	ctx    context.Context // of every attempt
	cancel context.CancelFunc
	wake   chan struct{} // there is work, or no more to come
	hurry  chan struct{} // somebody waits: try now
	done   chan struct{} // closed when the sender has ended

	mu      sync.Mutex
	queue   []request // oldest first
	bytes   int       // in queue
	counts  Counts
	in, out uint64        // requests that entered the queue and left it
	urgent  uint64        // so many of those that entered are waited for
	changed chan struct{} // closed and replaced when out grows, an attempt fails or closed is set
	alone   int           // so many requests are to be sent unmerged
	closed  bool
	last    error // why the latest attempt failed; nil if it did not
	lost    error // why spans were last refused or dropped
}

// A request is what one Export brought.
type request struct {
	body  []byte
	spans int
	since time.Time
}

var _ pooled.Exporter = (*Exporter)(nil)

// New starts an Exporter. The error tells everything that is wrong with opts.
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

// checkRedirect follows what repeats method and body, statuses 307 and 308, as the SDK's
// exporter does. Others would turn the POST into a GET, and its spans would be lost.
func checkRedirect(req *http.Request, via []*http.Request) error {
	if req.Method != http.MethodPost || len(via) >= 10 {
		return http.ErrUseLastResponse
	}
	return nil
}

// Export puts a copy of body into the queue, and does not wait for it to be sent. If
// the queue is full it waits for room, until ctx ends or an attempt to send fails. It fails
// if there is none then or the exporter is shut down: the spans are dropped, and counted.
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

// room reports whether the queue takes a request of size bytes now.
func (e *Exporter) room(size int) bool {
	return len(e.queue) == 0 || size <= e.opts.QueueBytes-e.bytes
}

// refusal returns why a request of size bytes shall not wait for room; nil if it may, or
// there is room.
func (e *Exporter) refusal(ctx context.Context, size int) error {
	if e.closed {
		return errors.New("the exporter was shut down")
	}
	if e.room(size) || e.last == nil && ctx.Err() == nil {
		return nil
	}
	err := fmt.Errorf("a request of %d bytes finds %d waiting of at most %d", size, e.bytes, e.opts.QueueBytes)
	if e.last != nil {
		return fmt.Errorf("%w, since %w", err, e.last)
	}
	return fmt.Errorf("%w, until %w", err, ctx.Err())
}

// drop counts n spans that are not in the queue, or not any more, and says why.
func (e *Exporter) drop(n int, why error) error {
	e.counts.Dropped += uint64(n)
	e.lost = fmt.Errorf("otlphttp: %d spans were dropped: %w", n, why)
	return e.lost
}

// Counts tells what became of the spans so far.
func (e *Exporter) Counts() Counts {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.counts
}

// ForceFlush waits until all that was given before is sent, refused or dropped. It
// cuts a backoff short, once, but not the wait that an endpoint asked for with
// Retry-After. The error is that of ctx, if it ended first, with why the endpoint
// took nothing; or that spans were refused or dropped meanwhile.
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

// Shutdown sends what waits and ends the exporter. Spans that come later are
// dropped. If ctx ends first, what still waits is dropped, and the attempt under
// way cancelled: its spans count as dropped, and the endpoint may have taken them.
// The error is as that of ForceFlush. It may be called more than once; an exporter
// that has ended returns nil.
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

// Watch returns a function that returns why spans were last refused or dropped since, or
// nil if none were. A provider calls it.
func (e *Exporter) Watch() (lost func() error) {
	before := e.Counts()
	return func() error { return e.lostSince(before) }
}

func (e *Exporter) lostSince(before Counts) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.counts.Refused == before.Refused && e.counts.Dropped == before.Dropped {
		return nil
	}
	return e.lost
}

// urge makes the sender try once without a backoff, unless nothing is in the queue.
func (e *Exporter) urge() {
	if e.out < e.in {
		e.urgent = e.in
		kick(e.hurry)
	}
}

// announce wakes all who wait for a change.
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
