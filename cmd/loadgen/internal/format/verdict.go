package format

import "github.com/loadgen-go/loadgen/results/comparison"

// A Word is what people read for a verdict. JSON has the verdict itself.
type Word struct {
	Text          string
	Symbol, ASCII string // one column wide; a word never has colour as its only sign
}

// Verdict returns the word of a verdict.
func Verdict(v comparison.Verdict) Word {
	switch v {
	case comparison.Improved:
		return Word{"better", "✓", "+"}
	case comparison.Better:
		return Word{"better, size not clear", "✓", "+"}
	case comparison.Regressed:
		return Word{"worse", "✗", "x"}
	case comparison.Worse:
		return Word{"worse, size not clear", "✗", "x"}
	case comparison.Equivalent:
		return Word{"same", "=", "="}
	case comparison.Inconclusive:
		return Word{"not shown", "?", "?"}
	case comparison.Expected:
		return Word{"expected", "✗", "x"}
	}
	return Word{"not judged", "–", "-"}
}
