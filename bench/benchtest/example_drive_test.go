package benchtest_test

import (
	"bytes"
	"context"
	"encoding/gob"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/loadgen-go/loadgen/bench/benchtest"
	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/bench/schedule"
)

// dispatch stands for a handler that uses the processor.
func dispatch(context.Context) error {
	var order struct{ ID, Quantity int }
	return json.Unmarshal([]byte(`{"ID": 42, "Quantity": 3}`), &order)
}

// A handler at several rates. Compare two versions of it with
//
//	go test ./bench -run '^$' -bench Dispatch -count 10 | tee new.txt
//	go tool benchstat old.txt new.txt
func BenchmarkDispatch(b *testing.B) {
	for _, qps := range []int{1_000, 10_000, 50_000} {
		b.Run(fmt.Sprintf("qps=%d", qps), func(b *testing.B) {
			benchtest.Drive(b, schedule.At(qps), func(ctx context.Context) error {
				return dispatch(ctx)
			})
		})
	}
}

// This function waits, as a function that calls a server does. Calls begin on time however many are still
// waiting. The benchmark fails if it misses its objective.
func BenchmarkFetch(b *testing.B) {
	objective, err := record.ParseSLO("errors < 0.1%")
	if err != nil {
		b.Fatal(err)
	}
	driver := benchtest.Driver{Load: schedule.At(500), SLOs: []record.SLO{objective}}
	driver.Drive(b, func(ctx context.Context) error {
		select {
		case <-time.After(20 * time.Millisecond): // the server's answer
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
}

// Two implementations under one load, side by side in
//
//	go test ./bench -run '^$' -bench Encode -count 10 | tee encode.txt
//	go tool benchstat -col /format encode.txt
func BenchmarkEncode(b *testing.B) {
	order := struct{ ID, Quantity int }{42, 3}
	for _, format := range []struct {
		name   string
		encode func(w *bytes.Buffer) error
	}{
		{"json", func(w *bytes.Buffer) error { return json.NewEncoder(w).Encode(order) }},
		{"gob", func(w *bytes.Buffer) error { return gob.NewEncoder(w).Encode(order) }},
	} {
		b.Run("format="+format.name, func(b *testing.B) {
			benchtest.Drive(b, schedule.At(5000), func(context.Context) error {
				return format.encode(new(bytes.Buffer))
			})
		})
	}
}

// In a program of its own, without go test.
func ExampleDriver() {
	load, err := schedule.ParseLoad("ramp:1k..3k/s@500ms + const:3k/s@500ms poisson")
	if err != nil {
		fmt.Println(err)
		return
	}
	result := testing.Benchmark(func(b *testing.B) {
		benchtest.Driver{Load: load, Workers: 2, Seed: 7}.Drive(b, dispatch)
	})
	fmt.Println("passes:", result.N)
	fmt.Println("p99 is stated:", result.Extra["p99-latency-ns"] > 0)
	fmt.Println("calls that failed of a million:", result.Extra["err-ppm"])
	// Output:
	// passes: 1
	// p99 is stated: true
	// calls that failed of a million: 0
}
