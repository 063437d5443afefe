package gate

import (
	"io"
	"slices"
)

// Lines returns the benchmark lines of inputs, read and checked as Compare does it, with values in tidy
// units, and warnings about the inputs. Keys are configuration keys, besides the keys of go test.
func Lines(inputs []string, stdin io.Reader, keys []string) (lines []Line, warnings []string, err error) {
	in, err := read(inputs, stdin, func(key string) bool { return slices.Contains(keys, key) })
	if err != nil {
		return nil, nil, err
	}
	return in.lines, in.warnings, nil
}
