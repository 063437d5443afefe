package gate

import (
	"io"
	"slices"
)

// Lines are the benchmark lines of inputs, read and checked as Compare does it, with their
// values in tidy units; and what is to be told of the inputs besides. Keys are those of the
// configuration, besides those of go test.
func Lines(inputs []string, stdin io.Reader, keys []string) (all []Line, warnings []string, err error) {
	in, err := read(inputs, stdin, func(key string) bool { return slices.Contains(keys, key) })
	if err != nil {
		return nil, nil, err
	}
	return in.lines, in.warnings, nil
}
