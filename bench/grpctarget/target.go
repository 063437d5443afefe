package grpctarget

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/bench/dial"
	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/bench/schedule"
	"github.com/loadgen-go/loadgen/bench/template"
	"github.com/loadgen-go/loadgen/internal/problems"
	"github.com/loadgen-go/loadgen/quantile"
)

// A Target is a gRPC service under load. It is safe for concurrent use.
type Target struct {
	options   Options
	address   address
	secure    bool
	authority string
	dialer    *dial.Dialer
	pool      pool
	tally     tally
	requests  []*request
	byName    map[string]*request
	resolved  bool // the schema is known
	keys      schedule.Keys
	unique    *template.Table // the shortest table whose rows are used once; nil if there is none
	calls     atomic.Uint64   // made by Call, which is not told their numbers
	first     atomic.Uint64   // the number of the first call of a run
}

var _ bench.Timed = (*Target)(nil)

// New returns a target that has no connections yet. It returns everything that is wrong with the options, as far as
// the service need not be called for that. If the schema is in files, calls open connections as they need them;
// otherwise [Target.Open] is needed, which gets the schema from the service.
func New(options Options) (*Target, error) {
	o := options.withDefaults()
	p := problems.New("grpctarget")
	o.check(p)
	t := &Target{options: o, byName: map[string]*request{}}
	t.tally.Gaps = quantile.NewHDR()
	t.pool = pool{target: t, streams: o.Streams}
	t.prepare(p)
	if p.Empty() && !o.Schema.reflects() {
		if f, err := o.Schema.read(); err != nil {
			p.Join(err)
		} else if err := t.resolve(f); err != nil {
			p.Join(err)
		}
	}
	if err := p.Err(); err != nil {
		return nil, err
	}
	return t, nil
}

// prepare prepares the address and the requests, and adds what is wrong with them.
func (t *Target) prepare(p *problems.List) {
	o := &t.options
	tables, err := template.ReadTables(o.Data, o.Seed)
	if err != nil {
		p.Join(err)
		return // every use of the others would be an error too
	}
	cut := &template.Parser{Seed: o.Seed, Vars: o.Vars, Tables: tables, Messages: true}
	if t.address, err = parseAddress(cut, o.Address); err != nil {
		p.Join(err)
	} else if t.dialer, t.authority, err = t.address.dialer(o); err != nil {
		p.Join(err)
	}
	t.secure = t.address.secure || o.TLS != (dial.TLS{})
	var keys []string
	var weights []float64
	for i := range o.Requests {
		r, err := newRequest(o, i, cut)
		if err != nil {
			p.Join(err)
		}
		if r == nil {
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

// resolve prepares what depends on the schema.
func (t *Target) resolve(f *files) error {
	var errs []error
	for i, r := range t.requests {
		if err := r.resolve(f, &t.options.Requests[i]); err != nil {
			errs = append(errs, err)
		}
	}
	t.resolved = len(errs) == 0
	return errors.Join(errs...)
}

// Open returns a target whose connections are open. It is [New] and [Target.Open]. The target should be closed after
// use.
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

// Open opens the connections, so that no call has to, and gets the schema if it comes from the service. It must be
// called before the first call. If a connection cannot be opened, Open returns the reason of the first that failed.
func (t *Target) Open(ctx context.Context) error {
	t.pool.mu.Lock()
	defer t.pool.mu.Unlock()
	if len(t.pool.places) > 0 {
		return errors.New("grpctarget: Open was called after a call, or twice: want it once, before the first call")
	}
	places, err := t.open(ctx)
	if err == nil && !t.resolved {
		err = t.reflect(ctx, places[0].link)
	}
	if err != nil {
		for _, at := range places {
			at.close()
		}
		return err
	}
	streams := t.options.Streams
	for _, at := range places {
		streams = int(min(uint32(streams), at.link.wire.limit.Load()))
	}
	if streams == 0 {
		return errors.New("grpctarget: the server allows 0 streams at once on a connection: want one that takes calls")
	}
	t.pool.places, t.pool.streams = places, streams
	return nil
}

// open opens the connections. If that fails, it returns those that are open, too.
func (t *Target) open(ctx context.Context) (opened []*place, _ error) {
	n := t.options.Connections
	places, errs := make([]*place, n), make([]error, n)
	var all sync.WaitGroup
	const mostAtOnce = 64
	slots := make(chan struct{}, mostAtOnce)
	for i := range places {
		places[i] = &place{target: t}
		all.Go(func() {
			slots <- struct{}{}
			places[i].link, errs[i] = t.dial(ctx)
			<-slots
		})
	}
	all.Wait()
	for i, err := range errs {
		if err != nil {
			return places, fmt.Errorf("grpctarget: connection %d of %d: %w", i+1, n, err)
		}
	}
	return places, nil
}

// reflect gets the schema from the service. Its error has the kind of a call of reflection that failed, or no-request
// if the methods or the messages are not those of the service.
func (t *Target) reflect(ctx context.Context, l *link) error {
	var services []string
	for _, r := range t.requests {
		if !slices.Contains(services, r.service) {
			services = append(services, r.service)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, defaultDeadline)
	defer cancel()
	f, err := reflect(ctx, l.cc, services)
	if err == nil {
		err = t.resolve(f)
	}
	if err == nil {
		return nil
	}
	kind := record.KindNoRequest
	if s, ok := status.FromError(err); ok {
		kind = record.KindGRPC + " " + s.Code().String()
	}
	p := problems.New("grpctarget")
	p.Join(err)
	return record.Errorf(kind, "%w", p.Err())
}

// Close closes all connections. Calls that have not returned fail.
func (t *Target) Close() { t.pool.close() }

// Workers returns the number of calls that the connections of [Target.Open] can make at once, for Workers of
// [bench.Run]. With more workers, calls open connections.
func (t *Target) Workers() int {
	t.pool.mu.Lock()
	defer t.pool.mu.Unlock()
	return t.options.Connections * t.pool.streams
}

// MaxWorkers returns the number of calls that the target can make at once, for MaxWorkers of [bench.Run]. Calls beyond
// it fail.
func (t *Target) MaxWorkers() int {
	t.pool.mu.Lock()
	defer t.pool.mu.Unlock()
	return t.options.MaxConnections * t.pool.streams
}

// Keys returns the keys of the requests, which choose the request of each call by weight, for Keys of [bench.Run].
func (t *Target) Keys() schedule.Keys { return t.keys }

// Names returns the names of the requests, in the order of the options.
func (t *Target) Names() (names []string) {
	for _, r := range t.requests {
		names = append(names, r.name)
	}
	return names
}

// UsedOnce returns the file whose rows are used once that has the fewest rows, and the number of its rows, which is
// the number of calls that it suffices for. File is "" if there is no such file.
func (t *Target) UsedOnce() (file string, rows uint64) { return t.unique.UsedOnce() }

// Addresses looks up the host, and returns the number of its addresses, over which connections are spread. It is 1 for
// a socket.
func (t *Target) Addresses(ctx context.Context) (int, error) { return t.dialer.Addresses(ctx) }

// Local reports whether the service has a loopback address, or a socket of this machine. It does not look up the host.
func (t *Target) Local() bool { return t.dialer.Local() }

// NumberFrom makes n the number of the first call of a run. The values of templates and the rows of data follow from
// the numbers of calls, so that a run that begins where another ended makes other requests. It must not be called
// during a run.
func (t *Target) NumberFrom(n uint64) { t.first.Store(n) }

// Connections returns the account of the connections so far.
func (t *Target) Connections() dial.Connections { return t.dialer.Connections() }

// Streams returns the account of the messages of streams so far.
func (t *Target) Streams() Streams { return t.tally.streams() }

// Request returns call n of the request with the given name as text: the path of the method, the metadata, and the
// first 10 messages as JSON.
func (t *Target) Request(name string, n uint64) ([]byte, error) {
	r, err := t.request(name, n)
	if err != nil {
		return nil, err
	}
	return r.write(nil, &template.Values{N: n, Key: r.name}), nil
}

// request returns the request of a call with a key. The key "" chooses it by weight.
func (t *Target) request(key string, n uint64) (*request, error) {
	if err := t.unique.Spent(n); err != nil {
		return nil, record.Errorf(record.KindNoRequest, "%w", err)
	}
	if key == "" {
		if len(t.requests) == 1 {
			return t.requests[0], nil
		}
		key = t.keys.Key(n)
	}
	r, ok := t.byName[key]
	if !ok {
		return nil, record.Errorf(record.KindNoRequest, "there is no request with the name %q: want Run.Keys to be "+
			"Target.Keys", key)
	}
	return r, nil
}

// Call makes a call. Its number, on which templates depend, is the number of calls that Call made before.
func (t *Target) Call(ctx context.Context, key string) error {
	return t.CallTimed(ctx, key, &bench.Instants{N: t.calls.Add(1) - 1, Begun: time.Now()})
}

// CallTimed makes call at.N, of the request whose name is key.
func (t *Target) CallTimed(ctx context.Context, key string, at *bench.Instants) error {
	_, err := t.call(ctx, key, t.first.Load()+at.N, at)
	return err
}

// An Answer is the answer to a request that [Target.Try] made.
type Answer struct {
	Method   string        // its full name, such as shop.Orders/Create; "" if the call did not begin
	Code     codes.Code    // how the call ended; OK if there is an error that is no code of gRPC
	Sent     int           // messages sent
	Received int           // messages received
	Size     int           // of all messages received, in bytes
	Took     time.Duration // from the request to the end of the call
}

// Try makes call n of the request with the given name, and returns its answer. The error is the error of the call,
// which also fails if the answer is not as expected.
func (t *Target) Try(ctx context.Context, name string, n uint64) (Answer, error) {
	at := &bench.Instants{N: n, Begun: time.Now()}
	c, err := t.call(ctx, name, n, at)
	if c == nil {
		return Answer{}, err
	}
	return Answer{Method: strings.TrimPrefix(c.request.path, "/"), Code: c.code, Sent: c.sent,
		Received: c.in.messages, Size: c.in.size, Took: at.Ended}, err
}

// call makes call n. It returns nil and an error if the call did not begin.
func (t *Target) call(ctx context.Context, key string, n uint64, at *bench.Instants) (*call, error) {
	r, err := t.request(key, n)
	if err != nil {
		return nil, err
	}
	if r.messages == nil {
		return nil, record.Errorf(record.KindNoRequest, "the schema comes from the server, and is not known: want "+
			"Target.Open before the first call")
	}
	place, err := t.pool.take()
	if err != nil {
		return nil, err
	}
	defer t.pool.put(place)
	c := &call{request: r, tally: &t.tally, values: template.Values{N: n, Key: r.name}, begun: at.Begun}
	c.in.keep = r.checks()
	err = c.do(ctx, place)
	at.Ended = time.Since(at.Begun)
	c.instants(at)
	if r.streams() {
		t.tally.add(c)
	}
	if err != nil {
		return c, err
	}
	return c, r.check(c, at)
}
