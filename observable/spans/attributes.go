package spans

import (
	"fmt"

	"go.opentelemetry.io/otel/attribute"
)

// attributes are typical attributes of the span of a request: strings, integers and a
// bool. The first two are a string and an integer.
var attributes = []attribute.KeyValue{
	attribute.String("http.route", "/api/orders/{id}"),
	attribute.Int("http.response.status_code", 200),
	attribute.String("http.request.method", "GET"),
	attribute.String("enduser.id", "b7c1f7a0-55d2"),
	attribute.Int64("order.total_cents", 129_900),
	attribute.Bool("cache.hit", true),
}

// MostAttributes is the number of attributes that Attributes can return.
const MostAttributes = 6

// Attributes returns the first n of the attributes that all arms set on their spans.
func Attributes(n int) ([]attribute.KeyValue, error) {
	if n < 0 || n > MostAttributes {
		return nil, fmt.Errorf("spans: %d attributes: want 0 to %d", n, MostAttributes)
	}
	return attributes[:n:n], nil
}

// sizeOf returns the approximate encoded size of a span with attrs, in bytes.
func sizeOf(attrs []attribute.KeyValue) int {
	size := spanBytes
	for _, a := range attrs {
		size += 10 + len(a.Key) // 10 bytes for the tags and lengths of the key, the value and the pair
		switch a.Value.Type() {
		case attribute.STRING:
			size += len(a.Value.AsString())
		default:
			size += 2
		}
	}
	return size
}
