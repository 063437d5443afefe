package otlphttp_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/loadgen-go/loadgen/observable/pooled"
	"github.com/loadgen-go/loadgen/observable/pooled/otlphttp"
)

// Shutdown of the provider sends the spans that wait, and ends the provider and its exporter.
func Example() {
	collector := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer collector.Close()

	exporter, err := otlphttp.New(otlphttp.Options{Endpoint: collector.URL + "/v1/traces"})
	if err != nil {
		fmt.Println(err)
		return
	}
	provider, err := pooled.New(pooled.Options{Exporter: exporter})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	for range 1001 {
		_, span := provider.Tracer("example").Start(ctx, "operation")
		span.End()
	}
	if err := provider.Shutdown(ctx); err != nil {
		fmt.Println(err)
	}
	counts := exporter.Counts()
	fmt.Println("sent", counts.Sent, "of", counts.Given)
	// Output:
	// sent 1001 of 1001
}
