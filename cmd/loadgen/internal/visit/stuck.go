package visit

import (
	"fmt"
	"io"
	"strings"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/scenarios"
)

// Notice is the prefix of lines that a visit writes to standard error and that its reader should see immediately. The
// error that ends its process has another one: the run tells it.
const Notice = "loadgen visit: "

// tell returns a function that writes to w which calls of a cell have not returned.
func tell(w io.Writer, cell *scenarios.Cell) func([]bench.StuckCall) {
	return func(calls []bench.StuckCall) {
		var which []string
		for _, c := range calls {
			which = append(which, fmt.Sprintf("key %q for %s, since %s of the load",
				c.Key, format.Duration(c.For), format.Duration(c.Began)))
		}
		have := "calls have"
		if len(calls) == 1 {
			have = "call has"
		}
		// If the notice cannot be written, the load continues.
		_, _ = fmt.Fprintf(w, "%s%v: %d %s not returned: %s\n", Notice, *cell, len(calls), have,
			strings.Join(format.Few(which, 3), "; "))
	}
}
