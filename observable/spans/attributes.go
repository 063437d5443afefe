package spans

import (
	"fmt"

	"go.opentelemetry.io/otel/attribute"
)

// attributes are such as the span of a request has: texts, numbers and a flag. Two
// of them are a text and a number.
var attributes = []attribute.KeyValue{
	attribute.String("http.route", "/api/orders/{id}"),
	attribute.Int("http.response.status_code", 200),
	attribute.String("http.request.method", "GET"),
	attribute.String("enduser.id", "b7c1f7a0-55d2"),
	attribute.Int64("order.total_cents", 129_900),
	attribute.Bool("cache.hit", true),
}

// MostAttributes is the most that Attributes has.
const MostAttributes = 6

// Attributes are n of those that all arms set on their spans, the same for each.
func Attributes(n int) ([]attribute.KeyValue, error) {
	if n < 0 || n > MostAttributes {
		return nil, fmt.Errorf("spans: %d attributes: want 0 to %d", n, MostAttributes)
	}
	return attributes[:n:n], nil
}

// sizeOf is about what a span with these attributes takes, encoded.
func sizeOf(all []attribute.KeyValue) int {
	size := spanBytes
	for _, a := range all {
		size += 10 + len(a.Key) // and the tags and lengths of the key, the value and both
		switch a.Value.Type() {
		case attribute.STRING:
			size += len(a.Value.AsString())
		default:
			size += 2
		}
	}
	return size
}
