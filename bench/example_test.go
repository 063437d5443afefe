package bench_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/bench/schedule"
)

// A function of one's own under a load of 2,000 calls a second.
func Example() {
	lookUp := func(context.Context, string) error { return nil }

	arrivals, err := schedule.Poisson(schedule.PerSecond(2000), time.Second, 42)
	if err != nil {
		log.Fatal(err)
	}
	run := bench.Run{
		Arrivals: arrivals,
		Target: bench.TargetFunc(func(ctx context.Context, key string) error {
			return lookUp(ctx, key) // yours
		}),
		Workers: 50, // calls at once; leave it out for a target that uses the CPU
	}
	record, err := run.Do(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	p99, err := record.Percentile(0.99)
	if err != nil {
		log.Fatal(err) // too few calls, or p99 was never served
	}
	log.Printf("%d calls, %d failed, p99 %v, of which the generator's lag %v",
		record.Offered, record.Failed, p99, record.Generator.Quantile(0.99))
	for _, reason := range record.Verdict(0.99) {
		log.Printf("%s: %s", reason.Name, reason.Detail)
	}
	fmt.Println("calls due:", record.Offered, "done:", record.Done)
	// Output: calls due: 1989 done: 1989
}
