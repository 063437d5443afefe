package command_test

import (
	"context"

	"github.com/loadgen-go/loadgen/cmd/loadgen/command"
)

func lookUp(context.Context, string) error { return nil }

// The main of a program that drives its own function with all that loadgen has.
func ExampleMain() {
	command.Main(command.Func("look-up", func(ctx context.Context, key string) error {
		return lookUp(ctx, key) // yours
	}))
}
