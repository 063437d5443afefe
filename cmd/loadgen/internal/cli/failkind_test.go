package cli

import (
	"context"
	"fmt"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	grpcstatus "google.golang.org/grpc/status"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/bench/schedule"
)

// Every status of gRPC has one type. Package bench knows it by its name, and so is tested here with the real one.
func TestCodesOfGRPCAreKindsApart(t *testing.T) {
	for _, c := range []struct {
		name string
		err  error
		want string
	}{
		{"unavailable", grpcstatus.Error(codes.Unavailable, "no connection"), "grpc Unavailable"},
		{"deadline", fmt.Errorf("try 2: %w", grpcstatus.Error(codes.DeadlineExceeded, "late")),
			"grpc DeadlineExceeded"},
	} {
		t.Run(c.name, func(t *testing.T) {
			arrivals, err := schedule.Constant(schedule.PerSecond(1000), 3*time.Millisecond)
			if err != nil {
				t.Fatal(err)
			}
			run := bench.Run{Arrivals: arrivals, Workers: 1,
				Target: bench.TargetFunc(func(context.Context, string) error { return c.err })}
			record, err := run.Do(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if len(record.Failures) != 1 || record.Failures[0].Kind != c.want ||
				record.Failures[0].Count != record.Offered {
				t.Errorf("%+v of %d calls, want %q", record.Failures, record.Offered, c.want)
			}
		})
	}
}
