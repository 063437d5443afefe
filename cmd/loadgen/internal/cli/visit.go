package cli

import (
	"context"
	"errors"
	"io"

	"github.com/spf13/cobra"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/child"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/rounds"
)

// grace is the time after an interrupt in which a visit must answer with what it has measured, and benchmarks must
// end. Tests increase it, for busy machines.
var grace = child.Grace

// programAt returns the program at a path, for making visits. The notices of its processes go to stderr.
func programAt(path string, stderr io.Writer) rounds.Program {
	return rounds.Program{Path: path, Notices: stderr, Grace: grace}
}

// newVisit returns the hidden command that makes one visit.
func newVisit(own targets) *cobra.Command {
	return newChild("visit", func(ctx context.Context, a *rounds.Asker) error {
		return rounds.AnswerVisit(ctx, a, own.requested)
	})
}

// newChild returns a hidden command that runs in its own process, and answers one request.
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
