// Package metrics publishes the statistics of an [observable.Map] as OpenTelemetry metrics and as
// Prometheus metrics. The map keeps its statistics in its own atomics, as always. They are read when
// a reader or a scrape asks for them, so publishing costs calls nothing.
//
//	m, err := observable.New(observable.Options{Histogram: true})
//	account, err := metrics.New(m, metrics.Options{Namespace: "shop", Subsystem: "orders"})
//	...
//	reader := sdkmetric.NewPeriodicReader(exporter, sdkmetric.WithProducer(account)) // OpenTelemetry
//	err = account.Register(prometheus.DefaultRegisterer)                           // Prometheus
//
// # Metrics
//
//	OpenTelemetry           Prometheus                      for each key
//	shop.orders.calls       shop_orders_calls_total         calls that ended, by outcome: ok, error, panic
//	shop.orders.in_flight   shop_orders_in_flight           calls that have begun and not ended
//	shop.orders.duration    shop_orders_duration_seconds    histogram, if the map keeps one
//
// The attributes are observable.key and observable.outcome; the labels are key and outcome. A key that
// is not valid UTF-8 or begins with a quote is published as quoted by [strconv.Quote].
//
// # Buckets
//
// [Options] set the bounds of the histogram. The bounds are the same in every scrape and for every key:
// series that come and go would falsify rates, and backends treat a stream whose bounds change as a
// new stream. Each bound is the end of a bucket of the map, so no count is split and the published
// histogram is exact. Buckets of the map exclude their end, whereas buckets of OpenTelemetry and
// Prometheus include their bound. So a bucket that ends at 1024 ns is published with the bound
// 1023 ns, the longest duration in it.
//
// If the map has bounds of its own (Options.Bounds of package observable), they are published exactly, and
// [Options] have none. An objective of 250 ms can then be a bound, and the share of calls within it is exact.
//
// Neither the native histograms of Prometheus nor the exponential histograms of OpenTelemetry can
// represent the default buckets: their bounds grow by a constant factor, but buckets of the map have equal
// widths within a doubling. Views of the SDK do not apply to a Producer.
//
// # Consistency
//
// Counters and buckets never decrease. In a scrape, the count of the histogram of a key is at most the
// sum of its calls, which is at most the number of calls that had begun when the scrape ended. When no
// call runs, the three are equal, unless the key was removed while calls ran. A scrape reads the map
// twice, which takes some microseconds per key.
//
// When a key is removed from the map, its counters keep their last values, as instruments of the SDK
// would; only the calls in flight are no longer published. If the key is registered again, its counters
// continue from there. Calls that end between the last scrape and Remove are not published. An account
// keeps the series of every key that it has seen, which takes about a kilobyte each.
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

// Options are the names and the histogram bounds of an [Account].
type Options struct {
	// Namespace is the first part of every name. Subsystem is the second part, and may be empty.
	// Both consist of lower-case letters, digits and underscores, and begin with a letter, which
	// OpenTelemetry, Prometheus and the linter of Prometheus accept.
	Namespace, Subsystem string
	// Bounds are the ends of the buckets of the histogram, in ascending order. Each must be an
	// [observable.BucketEnd]. There is one more bucket, without an end. The default is the powers
	// of two from 1024 ns to 17.2 s (1<<10 to 1<<34 ns). [AllBounds] returns all possible bounds.
	// Every bound adds a Prometheus series per key. If the map has bounds of its own, Bounds must be
	// empty.
	Bounds []time.Duration
}

// The names of the instruments, in the order in which they are published. OpenTelemetry limits a name to
// 255 characters.
const (
	callsName    = "calls"
	inFlightName = "in_flight"
	durationName = "duration"

	maxName = 255
)

var namePart = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// problems returns everything that is wrong with o.
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
		wrong("Namespace and Subsystem make names of %d characters: want at most %d", n, maxName)
	}
	for i, b := range o.Bounds {
		if i > 0 && b <= o.Bounds[i-1] {
			wrong("Bounds[%d] is %v, after %v: want ascending bounds", i, b, o.Bounds[i-1])
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

// An Account publishes the statistics of a map. It is an sdkmetric.Producer for any number of readers,
// and a prometheus.Collector for one registry. A registry refuses a second account with the same names;
// readers of the SDK do not check names. Its methods are safe for concurrent use.
type Account struct {
	opts     Options
	snapshot func() []observable.Stats
	buckets  buckets
	descs    descs
	began    time.Time

	reading sync.Mutex // held from a snapshot until it is tallied, so that snapshots are tallied in order
	tallies map[string]*tally

	registering sync.Mutex
	registry    prometheus.Registerer // nil: not registered
}

// New returns an account of m. It includes the calls that m has counted before. The error lists
// everything that is wrong with opts.
func New(m *observable.Map, opts Options) (*Account, error) {
	problems := opts.problems()
	if m == nil {
		problems = append(problems, errors.New("metrics: the map is nil: want a map to publish"))
	} else if own := m.Bounds(); len(own) > 0 && len(opts.Bounds) > 0 {
		problems = append(problems, fmt.Errorf("metrics: Bounds are set, but the map has bounds of its own (%d), "+
			"which are published: leave Bounds empty", len(own)))
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	return newAccount(m.Snapshot, m.Bounds(), opts), nil
}

// newAccount returns an account. Own are the bounds of the map, or nil if it has the default buckets.
func newAccount(snapshot func() []observable.Stats, own []time.Duration, opts Options) *Account {
	if len(opts.Bounds) == 0 {
		opts.Bounds = powersOfTwo()
	}
	published := newBuckets(opts.Bounds)
	if own != nil {
		published = exactly(own)
	}
	return &Account{
		opts:     opts,
		snapshot: snapshot,
		buckets:  published,
		descs:    newDescs(&opts),
		began:    time.Now(),
		tallies:  map[string]*tally{},
	}
}
