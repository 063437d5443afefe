//go:build linux

package service_test

import (
	"context"
	"fmt"
	"net/http"
	"os"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/otlpsink"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/service"
	"github.com/loadgen-go/loadgen/results"
)

// One visit: a service is started for it, with the address of a sink for what it exports.
func Example() {
	ctx := context.Background()
	sink, err := otlpsink.Start()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer sink.Close(ctx)
	s, err := service.Start(ctx, &service.Options{
		Name:    "shop",
		Command: []string{os.Args[0]}, // a program that listens on $PORT
		Env: map[string]*string{
			"SERVICE_TEST_AS":             new("polite"),
			"OTEL_EXPORTER_OTLP_ENDPOINT": new("{{otlp}}"),
			"OTEL_TRACES_SAMPLER":         nil, // unset
		},
		Values: map[string]string{"otlp": sink.URL()},
		Ready:  service.Ready{HTTP: "/healthz"},
	})
	if err != nil {
		fmt.Println(err) // it says what is wrong, with the last lines of the service's output
		return
	}
	defer s.Stop(ctx)
	if err := s.Begin(ctx); err != nil {
		fmt.Println(err)
		return
	}
	url, _ := s.Expand("http://127.0.0.1:{{port}}/burn?d=10ms")
	response, err := http.Get(url) // the load
	if err != nil {
		fmt.Println(err)
		return
	}
	response.Body.Close()
	if err := s.End(ctx); err != nil {
		fmt.Println(err)
		return
	}
	exit, err := s.Stop(ctx)
	cost := s.Cost()
	nothing := results.Exported{Calls: 1}
	exported := results.Exported{Exports: sink.Counts(), Calls: 1}
	fmt.Println(exit.Status, err)
	fmt.Println("CPU under load:", *cost.CPU >= 10e6, "allocations known:", cost.Allocs != nil)
	fmt.Println("exports:", results.EffectOf(nothing, exported) == results.Same, exported.Traces.Items)
	// Output:
	// signal: terminated <nil>
	// CPU under load: true allocations known: true
	// exports: false 0
}
