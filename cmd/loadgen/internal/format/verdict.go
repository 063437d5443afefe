package format

import "github.com/loadgen-go/loadgen/results/comparison"

// A Word is how a reader is told a verdict.
type Word struct {
	Symbol string // one column wide
	Text   string
}

// InDoubt is the word for a figure that differs, but whose difference may be the generator's: see
// comparison.Figure.Doubt.
var InDoubt = Word{"!", "in doubt"}

// Verdict returns the word for a verdict. Files of JSON and the gate have the verdict itself.
func Verdict(v comparison.Verdict) Word {
	switch v {
	case comparison.Improved, comparison.Better:
		return Word{"✓", "better"}
	case comparison.Regressed, comparison.Worse:
		return Word{"✗", "worse"}
	case comparison.Expected:
		return Word{"✗", "worse as expected"}
	case comparison.Equivalent:
		return Word{"=", "same"}
	case comparison.Inconclusive:
		return Word{"?", "not shown"}
	}
	return Word{"-", "not judged"}
}
