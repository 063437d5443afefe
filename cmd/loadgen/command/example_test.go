package command_test

import (
	"context"

	"go.opentelemetry.io/otel/trace"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/cmd/loadgen/command"
)

func lookUp(context.Context, string) error { return nil }

// The main of a program that drives its own function with all that loadgen has.
func ExampleMain() {
	command.Main(command.Func("look-up", func(ctx context.Context, key string) error {
		return lookUp(ctx, key) // yours
	}))
}

// A connection is what the calls of a visit share.
type connection struct{ tracer trace.Tracer }

func connect(_ context.Context, tracer trace.Tracer) (*connection, error) {
	return &connection{tracer}, nil
}

// Call looks a key up, in a span.
func (c *connection) Call(ctx context.Context, key string) error {
	ctx, span := c.tracer.Start(ctx, "look-up")
	defer span.End()
	return lookUp(ctx, key)
}

// Close is called once the visit is over.
func (c *connection) Close() error { return nil }

// A target that is opened for every visit, in a process of its own, and closed after it.
func ExampleTarget() {
	command.Main(command.Target{
		Name: "look-up",
		Keys: []string{"London", "Oslo"},
		Open: func(ctx context.Context, provider trace.TracerProvider) (bench.Target, error) {
			return connect(ctx, provider.Tracer("look-up"))
		},
	})
}
