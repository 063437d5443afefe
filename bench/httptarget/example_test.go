package httptarget_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/bench/httptarget"
	"github.com/loadgen-go/loadgen/bench/schedule"
)

// A service gets 500 requests per second for half a second.
func Example() {
	service := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})) // your service
	defer service.Close()
	ctx := context.Background()

	target, err := httptarget.Open(ctx, httptarget.Options{URL: service.URL + "/items"})
	if err != nil {
		log.Fatal(err)
	}
	defer target.Close()
	arrivals, err := schedule.Poisson(schedule.PerSecond(500), 500*time.Millisecond, 42)
	if err != nil {
		log.Fatal(err)
	}
	run := bench.Run{Arrivals: arrivals, Target: target, Workers: target.Workers(), Keys: target.Keys()}
	record, err := run.Do(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("calls due:", record.Offered, "done:", record.Done)
	fmt.Println("connections:", target.Connections().Opened)
	// Output:
	// calls due: 262 done: 262
	// connections: 16
}

// Two requests are made by weight, with values from a seed. An order that is not answered by 201 fails.
func ExampleOptions() {
	target, err := httptarget.New(httptarget.Options{
		URL:  "https://shop.test",
		Seed: 1,
		Requests: []httptarget.Request{
			{Name: "list", Weight: 8, Path: "/items?page={{int 1 9}}"},
			{Name: "order", Weight: 2, Path: "/orders", Body: httptarget.Body{Text: `{"id": "{{uuid}}"}`},
				Expect: httptarget.Expect{Status: []int{201}}},
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer target.Close()
	for n := range uint64(2) {
		request, err := target.Request("", n)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%.24s...\n", request)
	}
	// Output:
	// GET /items?page=3 HTTP/1...
	// GET /items?page=2 HTTP/1...
}
