// Package metrics publishes the account of an [observable.Map] as OpenTelemetry
// and as Prometheus metrics. The map counts as it always does, in its own atomics;
// they are read when a reader or a scrape asks for them, so that publishing costs
// a call nothing.
//
//	m, err := observable.New(observable.Options{Histogram: true})
//	account, err := metrics.New(m, metrics.Options{Namespace: "shop", Subsystem: "orders"})
//	...
//	reader := sdkmetric.NewPeriodicReader(exporter, sdkmetric.WithProducer(account)) // OpenTelemetry
//	err = account.Register(prometheus.DefaultRegisterer)                           // Prometheus
//
// # What is published
//
//	OpenTelemetry           Prometheus                      of each key
//	shop.orders.calls       shop_orders_calls_total         calls that ended, by outcome: ok, error, panic
//	shop.orders.in_flight   shop_orders_in_flight           calls that have begun and not ended
//	shop.orders.duration    shop_orders_duration_seconds    histogram; of maps that keep one
//
// The attributes are observable.key and observable.outcome, the labels key and
// outcome. A key that is not valid UTF-8, or begins with a quote, is published as
// [strconv.Quote] writes it.
//
// # Buckets
//
// The bounds of the histogram are those of [Options], and stay the same from one
// scrape to the next and from one key to the other: series that came and went would
// make rates over them wrong, and backends take a stream whose bounds change for a
// new one. Each is the end of a bucket of the map, so that no count is split:
// what is published is exact. The buckets of the map end before their end, those of
// both systems with their bound; so the bound of a bucket that ends at 1024 ns is
// published as 1023 ns, the last duration in it.
//
// Neither Prometheus' native histograms nor OpenTelemetry's exponential ones can
// hold these buckets as they are: theirs grow by a constant factor, the map's are
// equal within an octave. A view of the SDK does not apply to a Producer.
//
// # While calls run
//
// Counters and buckets never go back. In one scrape the count of a key's histogram
// is never above the sum of its calls, nor that above the number that had begun by
// its end; once no call runs they are equal, unless the key was removed while calls
// of it ran. A scrape reads the map twice, some microseconds a key.
//
// A key that was removed from its map keeps its counters as they were last seen,
// as it would with instruments of the SDK; only its calls in flight are gone. When
// it is registered again its counters go on from there. Calls that ended after the
// last scrape before Remove are not published: nobody saw them. An account keeps
// the series of every key that it has seen, about a kilobyte each.
package metrics

import (
	"errors"
	"fmt"
	"regexp"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/loadgen-go/loadgen/observable"
)

// Options name what an [Account] publishes, and shape its histogram.
type Options struct {
	// Namespace begins every name, Subsystem follows it and may be empty. Both are
	// lower-case letters, digits and underscores, and begin with a letter: what
	// both systems and Prometheus' linter accept.
	Namespace, Subsystem string
	// Bounds are the ends of the histogram's buckets, ascending; each is a
	// [observable.BucketEnd]. A last bucket without an end follows. None stands for
	// the powers of two from 1024 ns to 17.2 s (1<<10 to 1<<34 ns). [AllBounds] has
	// every one there is. Every bound is one more Prometheus series a key.
	Bounds []time.Duration
}

// The instruments, in the order in which they are published. A name of
// OpenTelemetry has at most 255 characters.
const (
	callsName    = "calls"
	inFlightName = "in_flight"
	durationName = "duration"

	maxName = 255
)

var namePart = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// problems are all that is wrong with o.
func (o *Options) problems() (problems []error) {
	wrong := func(format string, args ...any) {
		problems = append(problems, fmt.Errorf("metrics: "+format, args...))
	}
	const want = "want lower-case letters, digits and underscores, a letter first"
	if !namePart.MatchString(o.Namespace) {
		wrong("Namespace is %q: %s", o.Namespace, want)
	}
	if o.Subsystem != "" && !namePart.MatchString(o.Subsystem) {
		wrong("Subsystem is %q: %s, or nothing", o.Subsystem, want)
	}
	if n := len(o.otelName(inFlightName)); n > maxName {
		wrong("Namespace and Subsystem make names of %d characters: want %d at most", n, maxName)
	}
	for i, b := range o.Bounds {
		if i > 0 && b <= o.Bounds[i-1] {
			wrong("Bounds[%d] is %v, after %v: want ascending ones", i, b, o.Bounds[i-1])
		}
		if bucket := bucketEndingAt(b); observable.BucketEnd(bucket) != b {
			wrong("Bounds[%d] is %v: want the end of a bucket, such as %v", i, b, observable.BucketEnd(bucket))
		}
	}
	return problems
}

func (o *Options) otelName(name string) string {
	if o.Subsystem == "" {
		return o.Namespace + "." + name
	}
	return o.Namespace + "." + o.Subsystem + "." + name
}

// An Account publishes what a map counts: it is an sdkmetric.Producer, for any
// number of readers, and a prometheus.Collector, for one registry. A registry
// refuses a second account with the same names; readers of the SDK do not ask.
// Its methods are safe for concurrent use.
type Account struct {
	opts     Options
	snapshot func() []observable.Stats
	buckets  buckets
	descs    descs
	began    time.Time

	reading sync.Mutex // held from a snapshot until it has been tallied: none may be overtaken
	tallies map[string]*tally

	registering sync.Mutex
	registry    prometheus.Registerer // nil: none
}

// New returns the account of m. It counts what m has counted before, too. The
// error lists everything that is wrong with opts.
func New(m *observable.Map, opts Options) (*Account, error) {
	problems := opts.problems()
	if m == nil {
		problems = append(problems, errors.New("metrics: the map is nil: want one to publish"))
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	return newAccount(m.Snapshot, opts), nil
}

func newAccount(snapshot func() []observable.Stats, opts Options) *Account {
	if len(opts.Bounds) == 0 {
		opts.Bounds = powersOfTwo()
	}
	return &Account{
		opts:     opts,
		snapshot: snapshot,
		buckets:  newBuckets(opts.Bounds),
		descs:    newDescs(&opts),
		began:    time.Now(),
		tallies:  map[string]*tally{},
	}
}
