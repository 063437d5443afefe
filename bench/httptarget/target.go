package httptarget

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/bench/dial"
	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/bench/schedule"
	"github.com/loadgen-go/loadgen/bench/template"
	"github.com/loadgen-go/loadgen/internal/problems"
)

// A Target is a service under load. It is safe for concurrent use.
type Target struct {
	options    Options
	base       *url.URL
	dialer     *dial.Dialer
	transports map[string]*http.Transport // by protocol
	pool       pool
	requests   []*request
	byName     map[string]*request
	keys       schedule.Keys
	unique     *template.Table // the shortest table whose rows are used once; nil if there is none
	calls      atomic.Uint64   // made by Call, which is not told their numbers
	first      atomic.Uint64   // the number of the first call of a run
}

var _ bench.Timed = (*Target)(nil)

// New returns a target that has no connections yet. It returns everything that is wrong with the options.
// Calls open connections as they need them; [Target.Open] opens them before the first call.
func New(options Options) (*Target, error) {
	o := options.withDefaults()
	p := problems.New("httptarget")
	o.check(p)
	base, err := url.Parse(o.URL)
	if err != nil || base.Host == "" {
		return nil, p.Err()
	}
	t := &Target{options: o, base: base, byName: map[string]*request{}}
	t.pool = pool{target: t, streams: 1}
	if o.Protocol == H2 || o.Protocol == H2C {
		t.pool.streams = o.Streams
	}
	host, port := address(base)
	if t.dialer, err = newDialer(&o, base.Scheme, host, port); err != nil {
		p.Join(err)
	}
	t.transports = map[string]*http.Transport{}
	for _, protocol := range []string{HTTP1, H2, H2C} {
		t.transports[protocol] = newTransport(protocol)
	}
	t.prepare(p)
	if err := p.Err(); err != nil {
		return nil, err
	}
	return t, nil
}

// prepare prepares the requests, and adds what is wrong with them.
func (t *Target) prepare(p *problems.List) {
	o := &t.options
	tables, err := template.ReadTables(o.Data, o.Seed)
	if err != nil {
		p.Join(err)
		return // every use of the others would be an error too
	}
	cut := &template.Parser{Seed: o.Seed, Vars: o.Vars, Tables: tables}
	var keys []string
	var weights []float64
	for i := range o.Requests {
		r, err := newRequest(o, t.base, i, cut)
		if err != nil {
			p.Join(err)
			continue
		}
		t.requests = append(t.requests, r)
		t.byName[r.name] = r
		keys, weights = append(keys, r.name), append(weights, float64(o.Requests[i].Weight))
	}
	if !p.Empty() {
		return
	}
	if t.keys, err = schedule.Weighted(keys, weights, o.Seed); err != nil {
		p.Join(err)
	}
	t.unique = template.Unique(tables)
}

// Open returns a target whose connections are open. It is [New] and [Target.Open]. The target should be
// closed after use.
func Open(ctx context.Context, options Options) (*Target, error) {
	t, err := New(options)
	if err != nil {
		return nil, err
	}
	if err := t.Open(ctx); err != nil {
		t.Close()
		return nil, err
	}
	return t, nil
}

// Open opens the connections, so that no call has to. It must be called before the first call. If a
// connection cannot be opened, Open returns the reason of the first that failed.
func (t *Target) Open(ctx context.Context) (err error) {
	p := &t.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.lanes) > 0 {
		return errors.New("httptarget: Open was called after a call, or twice: want it once, before the first call")
	}
	n := t.options.Connections
	if t.options.Reuse == 1 {
		return nil // every call opens its own
	}
	defer func(before int) {
		if err != nil {
			p.sockets, p.streams = nil, before
		}
	}(p.streams)
	p.streams = 0
	for range n {
		p.add()
	}
	limits, errs := make([]int, n), make([]error, n)
	var all sync.WaitGroup
	const mostAtOnce = 64
	slots := make(chan struct{}, mostAtOnce)
	for i, s := range p.sockets {
		all.Go(func() {
			slots <- struct{}{}
			limits[i], errs[i] = s.prepare(ctx)
			<-slots
		})
	}
	all.Wait()
	for i, err := range errs {
		if err != nil {
			closeAll(p.sockets)
			return fmt.Errorf("httptarget: connection %d of %d: %w", i+1, n, err)
		}
	}
	p.streams = t.options.Streams
	for _, limit := range limits {
		p.streams = min(p.streams, limit)
	}
	for range p.streams { // neighbours in the list are on different connections
		for _, s := range p.sockets {
			p.addLane(s)
		}
	}
	return nil
}

// closeAll closes the connections of sockets.
func closeAll(sockets []*socket) {
	for _, s := range sockets {
		s.close()
	}
}

// prepare opens the connection of s, and returns the number of calls at once that it takes.
func (s *socket) prepare(ctx context.Context) (streams int, err error) {
	l, err := s.target.dial(ctx, time.Time{})
	if err != nil {
		return 0, err
	}
	s.mu.Lock()
	s.link = l
	s.mu.Unlock()
	if c, ok := l.(*clientLink); ok && c.h2 {
		return c.streams(ctx), nil
	}
	return 1, nil
}

// Close closes all connections. Calls that have not returned fail.
func (t *Target) Close() { t.pool.close() }

// Workers returns the number of calls that the connections of [Target.Open] can make at once, for
// Workers of [bench.Run]. With more workers, calls open connections.
func (t *Target) Workers() int {
	t.pool.mu.Lock()
	defer t.pool.mu.Unlock()
	return t.options.Connections * t.pool.streams
}

// MaxWorkers returns the number of calls that the target can make at once, for MaxWorkers of
// [bench.Run]. Calls beyond it fail.
func (t *Target) MaxWorkers() int {
	t.pool.mu.Lock()
	defer t.pool.mu.Unlock()
	return t.options.MaxConnections * t.pool.streams
}

// Keys returns the keys of the requests, which choose the request of each call by weight, for Keys of
// [bench.Run].
func (t *Target) Keys() schedule.Keys { return t.keys }

// UsedOnce returns the file whose rows are used once that has the fewest rows, and the number of its rows, which is
// the number of calls that it suffices for. File is "" if there is no such file.
func (t *Target) UsedOnce() (file string, rows uint64) { return t.unique.UsedOnce() }

// NumberFrom makes n the number of the first call of a run. The values of templates and the rows of data follow from
// the numbers of calls, so that a run that begins where another ended makes other requests. It must not be called
// during a run.
func (t *Target) NumberFrom(n uint64) { t.first.Store(n) }

// Connections returns the account of the connections so far.
func (t *Target) Connections() Connections { return t.dialer.Connections() }

// Addresses looks up the host, and returns the number of its addresses, over which connections are spread. It is 1 for
// a socket.
func (t *Target) Addresses(ctx context.Context) (int, error) { return t.dialer.Addresses(ctx) }

// Local reports whether the service has a loopback address, or a socket of this machine. It does not look up the host.
func (t *Target) Local() bool { return t.dialer.Local() }

// Request returns the bytes that HTTP/1.1 sends for call n of the request with the given name. (HTTP/2
// sends the same method, path, headers and body in its own encoding.)
func (t *Target) Request(name string, n uint64) ([]byte, error) {
	r, err := t.request(name, n)
	if err != nil {
		return nil, err
	}
	var m message
	m.render(r, n)
	m.renderRaw()
	return m.raw, nil
}

// request returns the request of a call with a key. The key "" chooses it by weight.
func (t *Target) request(key string, n uint64) (*request, error) {
	if err := t.unique.Spent(n); err != nil {
		return nil, fail(record.KindNoRequest, "%w", err)
	}
	if key == "" {
		if len(t.requests) == 1 {
			return t.requests[0], nil
		}
		key = t.keys.Key(n)
	}
	r, ok := t.byName[key]
	if !ok {
		return nil, fail(record.KindNoRequest, "there is no request with the name %q: want Run.Keys to be Target.Keys",
			key)
	}
	return r, nil
}

// Call makes a call. Its number, on which templates depend, is the number of calls that Call made before.
func (t *Target) Call(ctx context.Context, key string) error {
	return t.CallTimed(ctx, key, &bench.Instants{N: t.calls.Add(1) - 1, Begun: time.Now()})
}

// CallTimed makes call at.N of a run, of the request whose name is key.
func (t *Target) CallTimed(ctx context.Context, key string, at *bench.Instants) error {
	return t.call(ctx, key, t.first.Load()+at.N, at, nil)
}

// An Answer is the answer to a request that [Target.Try] made.
type Answer struct {
	Method, URL string        // of the request, before any redirects
	Status      int           // 0 if none came
	Size        int           // of the body, in bytes
	Took        time.Duration // from the request to the end of the body
	Location    string        // where the answer redirects to; "" if it does not
	Closes      bool          // the server closes the connection after the answer, so that it is the first to close it
}

// Try makes call n of the request with the given name, and returns its answer. The error is the error of the
// call, which also fails if the answer is not as expected.
func (t *Target) Try(ctx context.Context, name string, n uint64) (a Answer, err error) {
	err = t.call(ctx, name, n, &bench.Instants{N: n, Begun: time.Now()}, &a)
	return a, err
}

// Names returns the names of the requests, in the order of the options.
func (t *Target) Names() (names []string) {
	for _, r := range t.requests {
		names = append(names, r.name)
	}
	return names
}

// call makes call n, and describes the answer unless a is nil.
func (t *Target) call(ctx context.Context, key string, n uint64, at *bench.Instants, a *Answer) error {
	r, err := t.request(key, n)
	if err != nil {
		return err
	}
	l, err := t.pool.get(ctx)
	if err != nil {
		return err
	}
	defer t.pool.put(l)
	l.begin(ctx, r, n, at)
	if a != nil {
		l.keepBody, l.follows = true, true
		*a = Answer{Method: l.method, URL: t.base.Scheme + "://" + t.base.Host + string(l.target)}
	}
	err = l.do()
	at.Ended = time.Since(at.Begun)
	if a != nil {
		a.Status, a.Size, a.Took = l.answer.status, len(l.answer.body), at.Ended
		if a.Closes = l.answer.closes; isRedirect(a.Status) {
			a.Location = l.answer.location
		}
	}
	if err != nil {
		return err
	}
	return r.expect.check(&l.answer, at)
}

// begin prepares the lane for call n.
func (l *lane) begin(ctx context.Context, r *request, n uint64, at *bench.Instants) {
	o := &l.socket.target.options
	l.watch(ctx)
	l.ctx, l.at, l.deadline = ctx, at, time.Time{}
	if o.Timeout.Total > 0 {
		l.deadline = at.Begun.Add(o.Timeout.Total)
	}
	l.keepBody, l.follows = r.expect.needsBody(), o.Redirects > 0
	l.set(r, n, !o.NetHTTP)
	l.answer = answer{}
}
