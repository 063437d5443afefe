package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/machine"
)

// survey returns warnings about the machine. Tests replace it, since they must not depend on the machine.
var survey = machine.Unfit

// unfit prints and returns warnings that say what keeps the machine from measuring well, and what to do.
func unfit(ctx context.Context, stderr io.Writer) []string {
	warnings := survey(ctx)
	for _, w := range warnings {
		fmt.Fprintf(stderr, "warning: %s\n", w)
	}
	return warnings
}
