package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/machine"
)

// survey looks at the machine. Tests, which are not to depend on it, put another there.
var survey = machine.Unfit

// unfit says what keeps the machine from measuring well, and what to do.
func unfit(ctx context.Context, stderr io.Writer) []string {
	warnings := survey(ctx)
	for _, w := range warnings {
		fmt.Fprintf(stderr, "warning: %s\n", w)
	}
	return warnings
}
