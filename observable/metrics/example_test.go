package metrics_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/loadgen-go/loadgen/observable"
	"github.com/loadgen-go/loadgen/observable/metrics"
)

// A reader asks the account for the statistics of the map.
func ExampleAccount_Produce() {
	m, err := observable.New(observable.Options{Histogram: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := m.Register("save", func() {}); err != nil {
		fmt.Println(err)
		return
	}
	account, err := metrics.New(m, metrics.Options{Namespace: "shop", Subsystem: "orders"})
	if err != nil {
		fmt.Println(err)
		return
	}
	reader := sdkmetric.NewManualReader(sdkmetric.WithProducer(account)) // or a periodic reader
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	defer func() { _ = provider.Shutdown(context.Background()) }()

	for range 3 {
		if err := m.Call(context.Background(), "save"); err != nil {
			fmt.Println(err)
		}
	}

	var collected metricdata.ResourceMetrics
	if err := reader.Collect(context.Background(), &collected); err != nil {
		fmt.Println(err)
	}
	for _, metric := range collected.ScopeMetrics[0].Metrics {
		if h, ok := metric.Data.(metricdata.Histogram[float64]); ok {
			fmt.Println(metric.Name, h.DataPoints[0].Count)
		}
	}
	// Output: shop.orders.duration 3
}

// A registry accepts an account once. It registers none of the metrics of a second account with the same names.
func ExampleAccount_Register() {
	registry := prometheus.NewRegistry()
	for range 2 {
		account, err := metrics.New(&observable.Map{}, metrics.Options{Namespace: "shop", Subsystem: "orders"})
		if err != nil {
			fmt.Println(err)
			return
		}
		var conflict *metrics.ConflictError
		if err := account.Register(registry); errors.As(err, &conflict) {
			fmt.Println("taken:", conflict.Metrics[0])
		}
	}
	// Output: taken: shop_orders_calls_total
}
