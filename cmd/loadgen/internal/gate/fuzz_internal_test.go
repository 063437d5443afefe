package gate

import (
	"bytes"
	"regexp"
	"slices"
	"testing"
)

var placed = regexp.MustCompile(`^loadgen\.yaml:\d+:\d+: `)

func FuzzParseFile(f *testing.F) {
	for _, text := range []string{"margins:\n  B/op: 2%\n", "units: [B/op]\nfdr: 0.05\n", "a: &a [*a]\n", "- 1\n", "",
		"strict: ~\n---\nonly: ['']\n", "expected: [{cell: a, unit: b, reason: c, until: 2030-01-01}, {}]\n"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := ParseFile("loadgen.yaml", data)
		if (file == nil) == (err == nil) {
			t.Errorf("%v, %v: want a file or an error", file, err)
		}
		if err != nil && !placed.MatchString(err.Error()) {
			t.Errorf("%v: want its file, line and column", err)
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

// Inputs have labels that differ, or are refused.
func FuzzParseInputs(f *testing.F) {
	f.Add("a", "a", "x=a")
	f.Add("a#0", "a", "a")
	f.Add("-", "=", "b=-")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		all, err := parseInputs([]string{a, b, c})
		if err != nil {
			return
		}
		labels := map[string]bool{}
		for _, in := range all {
			labels[in.label] = true
		}
		if len(all) != 3 || len(labels) != 3 {
			t.Errorf("%+v", all)
		}
	})
}
