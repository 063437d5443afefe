package cli

import (
	"context"
	"errors"
	"io"

	"github.com/spf13/cobra"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/child"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/rounds"
)

// grace is how long a visit has to hand over what it has measured, and benchmarks have to
// end, once they are interrupted. Tests give them longer, for a busy machine.
var grace = child.Grace

// programAt returns the program at a path as something that visits are asked of.
func programAt(path string, stderr io.Writer) rounds.Program {
	return rounds.Program{Path: path, Notices: stderr, Grace: grace}
}

// newVisit returns the hidden command that makes a visit.
func newVisit(own targets) *cobra.Command {
	return newChild("visit", func(ctx context.Context, a *rounds.Asker) error {
		return rounds.AnswerVisit(ctx, a, own.requested)
	})
}

// newChild returns a hidden command for a process of its own, which answers a request.
func newChild(name string, answer func(context.Context, *rounds.Asker) error) *cobra.Command {
	return &cobra.Command{
		Use:    name,
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			err := answer(cmd.Context(), &rounds.Asker{In: cmd.InOrStdin(), Out: cmd.OutOrStdout(), Grace: grace})
			if errors.Is(err, rounds.ErrInterrupted) {
				return &exitError{exitInterrupted, nil}
			}
			return unusable(err)
		},
	}
}
