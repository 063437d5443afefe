package gate

import (
	"io"

	"golang.org/x/perf/benchfmt"
)

// Lines are the benchmark lines of inputs, read and checked as Compare does it, with their
// values in tidy units; and what is to be told of the inputs besides.
func Lines(inputs []string, stdin io.Reader) (all []*benchfmt.Result, warnings []string, err error) {
	in, err := read(inputs, stdin)
	if err != nil {
		return nil, nil, err
	}
	for _, l := range in.lines {
		all = append(all, l.Result)
	}
	return all, in.warnings, nil
}
