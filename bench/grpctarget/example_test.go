package grpctarget_test

import (
	"context"
	"fmt"
	"log"
	"net"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/bench/grpctarget"
	"github.com/loadgen-go/loadgen/bench/schedule"
)

// yourService starts a service that has reflection.
func yourService() (*grpc.Server, net.Addr) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	service := grpc.NewServer()
	grpc_health_v1.RegisterHealthServer(service, health.NewServer())
	reflection.Register(service)
	go func() { _ = service.Serve(listener) }() // until it is stopped
	return service, listener.Addr()
}

// A service gets 500 calls per second for half a second.
func Example() {
	service, address := yourService()
	defer service.Stop()
	ctx := context.Background()

	target, err := grpctarget.Open(ctx, grpctarget.Options{Address: address.String(),
		Method: "grpc.health.v1.Health/Check"})
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
	// connections: 4
}

// A stream is ended after its first message, which must say that the service is serving.
func ExampleStream() {
	service, address := yourService()
	defer service.Stop()
	target, err := grpctarget.Open(context.Background(), grpctarget.Options{
		Address:  "grpc://" + address.String(),
		Method:   "grpc.health.v1.Health/Watch",
		Messages: grpctarget.Messages{`{"service": ""}`},
		Stream:   grpctarget.Stream{Receive: "1"},
		Expect:   grpctarget.Expect{JSON: map[string]any{".status": "SERVING"}},
		Deadline: time.Second,
	})
	if err != nil {
		log.Fatal(err)
	}
	defer target.Close()
	answer, err := target.Try(context.Background(), "", 0)
	fmt.Println(answer.Code, answer.Received, err)
	// Output: OK 1 <nil>
}
