package bench_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/bench/schedule"
)

// A function is called 2,000 times per second for one second.
func Example() {
	lookUp := func(context.Context, string) error { return nil } // your function

	arrivals, err := schedule.Poisson(schedule.PerSecond(2000), time.Second, 42)
	if err != nil {
		log.Fatal(err)
	}
	run := bench.Run{Arrivals: arrivals, Target: bench.TargetFunc(lookUp), Workers: 50}
	record, err := run.Do(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	p99, err := record.Percentile(0.99)
	if err != nil {
		log.Fatal(err) // too few calls, or p99 is infinite
	}
	log.Printf("%d calls, %d failed, p99 %v, generator lag %v at p99",
		record.Offered, record.Failed, p99, record.Generator.Quantile(0.99))
	for _, reason := range record.Verdict(0.99) {
		log.Printf("%s: %s", reason.Name, reason.Detail)
	}
	fmt.Println("calls due:", record.Offered, "done:", record.Done)
	// Output: calls due: 1989 done: 1989
}
