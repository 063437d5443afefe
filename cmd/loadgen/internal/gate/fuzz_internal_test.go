package gate

import (
	"bytes"
	"slices"
	"testing"
)

func FuzzParseFile(f *testing.F) {
	for _, text := range []string{"margins:\n  B/op: 2%\n", "units: [B/op]\nfdr: 0.05\n", "a: &a [*a]\n", "- 1\n", ""} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if file, err := ParseFile("loadgen.yaml", data); (file == nil) == (err == nil) {
			t.Errorf("%v, %v: want a file or an error", file, err)
		}
	})
}

func FuzzClean(f *testing.F) {
	f.Add([]byte("# loadgen 2\n# round 1, visit 1\nBenchmarkA 1 1 ns/op\n# round 2, visit 1\nBenchmarkA 1 2 " +
		"ns/op\nFAIL\tx\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c := &cleaner{path: "x", declared: func(string) bool { return false }, seen: map[string]*undeclared{}}
		if got, want := bytes.Count(c.clean(data), []byte("\n")), len(slices.Collect(bytes.Lines(data))); got != want {
			t.Errorf("%d lines of %d", got, want)
		}
		for line := range 10 {
			if round := c.roundOf(line); round != 0 && !c.ours {
				t.Errorf("line %d is of round %d, of a file that is not of loadgen", line, round)
			}
		}
	})
}
