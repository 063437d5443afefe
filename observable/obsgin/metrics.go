package obsgin

import (
	"context"
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/semconv/v1.43.0/httpconv"
)

// instruments are the metrics of requests.
type instruments struct {
	requestSize, responseSize metric.Int64Histogram
	duration                  metric.Float64Histogram
}

// newInstruments makes the instruments, with the bounds that the semantic conventions advise.
func newInstruments(meter metric.Meter) (*instruments, error) {
	request, err := httpconv.NewServerRequestBodySize(meter)
	if err != nil {
		return nil, err
	}
	response, err := httpconv.NewServerResponseBodySize(meter)
	if err != nil {
		return nil, err
	}
	duration, err := httpconv.NewServerRequestDuration(meter, metric.WithExplicitBucketBoundaries(
		.005, .01, .025, .05, .075, .1, .25, .5, .75, 1, 2.5, 5, 7.5, 10))
	if err != nil {
		return nil, err
	}
	return &instruments{request.Inst(), response.Inst(), duration.Inst()}, nil
}

// enabled reports whether anybody reads the metrics.
func (i *instruments) enabled(ctx context.Context) bool {
	return i.duration.Enabled(ctx) || i.requestSize.Enabled(ctx) || i.responseSize.Enabled(ctx)
}

// record records an exchange with a status, which is 0 if unknown, and the size of the response in bytes, which is
// negative if there is none.
func (i *instruments) record(e *exchange, status, size int) {
	took := time.Since(e.begun)
	with := e.set(status)
	if sent := e.gin.Request.ContentLength; sent >= 0 { // else it is unknown
		i.requestSize.Record(e, sent, with.options...)
	}
	i.responseSize.Record(e, int64(max(size, 0)), with.options...)
	i.duration.Record(e, took.Seconds(), with.options...)
}

// A setKey is what the attributes of the metrics of a route depend on. Clients cannot make many of them.
type setKey struct {
	method    string // standard, or ""
	proto     string
	status    int
	encrypted bool
}

// A set is the attributes of metrics, ready for use.
type set struct{ options []metric.RecordOption }

// set returns the attributes of the metrics of an exchange.
func (e *exchange) set(status int) *set {
	r := e.gin.Request
	key := setKey{methodOf(r.Method), r.Proto, status, r.TLS != nil}
	if more := e.observer.MetricAttributes; more != nil {
		return newSet(slices.Concat(more(e.gin), e.setAttributes(key)))
	}
	return e.route.sets.get(key, func() *set { return newSet(e.setAttributes(key)) })
}

// newSet returns the set of attributes.
func newSet(attributes []attribute.KeyValue) *set {
	return &set{[]metric.RecordOption{metric.WithAttributeSet(attribute.NewSet(attributes...))}}
}

// setAttributes returns the attributes of the metrics of an exchange. They are bounded whatever clients send.
func (e *exchange) setAttributes(key setKey) []attribute.KeyValue {
	list := []attribute.KeyValue{schemeOf(key.encrypted), semconv.HTTPRequestMethodOther}
	if key.method != "" {
		list[1] = semconv.HTTPRequestMethodKey.String(key.method)
	}
	if server := e.observer.server; server.host != "" {
		list = append(list, semconv.ServerAddress(server.host))
		if !server.usual(key.encrypted) {
			list = append(list, semconv.ServerPort(server.port))
		}
	}
	name, version := protocolOf(key.proto)
	if name != "" {
		list = append(list, semconv.NetworkProtocolName(name))
	}
	if version != "" {
		list = append(list, semconv.NetworkProtocolVersion(version))
	}
	if key.status > 0 {
		list = append(list, semconv.HTTPResponseStatusCode(key.status))
	}
	if e.route.path != "" {
		list = append(list, semconv.HTTPRoute(e.route.path))
	}
	return list
}
