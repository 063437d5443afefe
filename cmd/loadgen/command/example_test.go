package command_test

import (
	"context"

	"go.opentelemetry.io/otel/trace"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/cmd/loadgen/command"
)

func lookUp(context.Context, string) error { return nil }

// This example is the main function of a program that puts its own function under load.
func ExampleMain() {
	command.Main(command.Func("look-up", func(ctx context.Context, key string) error {
		return lookUp(ctx, key) // your function
	}))
}

// A connection is a target with a tracer that the calls of a visit share.
type connection struct{ tracer trace.Tracer }

// connect opens a connection.
func connect(_ context.Context, tracer trace.Tracer) (*connection, error) {
	return &connection{tracer}, nil
}

// Call looks up a key within a span.
func (c *connection) Call(ctx context.Context, key string) error {
	ctx, span := c.tracer.Start(ctx, "look-up")
	defer span.End()
	return lookUp(ctx, key)
}

// Close closes the connection. The visit calls it once, after the load.
func (c *connection) Close() error { return nil }

// This example opens a target for each visit, which runs in its own process, and closes it after the visit.
func ExampleTarget() {
	command.Main(command.Target{
		Name: "look-up",
		Keys: []string{"London", "Oslo"},
		Open: func(ctx context.Context, provider trace.TracerProvider) (bench.Target, error) {
			return connect(ctx, provider.Tracer("look-up"))
		},
	})
}
