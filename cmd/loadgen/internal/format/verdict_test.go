package format_test

import (
	"testing"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/results/comparison"
)

// Every verdict that judges has a word of its own, and a symbol of one column in any terminal.
func TestEveryVerdictHasAWord(t *testing.T) {
	seen := map[string]comparison.Verdict{}
	for _, v := range append(comparison.Verdicts(), comparison.Expected) {
		w := format.Verdict(v)
		if format.Width(w.Symbol) != 1 || len(w.ASCII) != 1 {
			t.Errorf("%s has the symbols %q and %q", v, w.Symbol, w.ASCII)
		}
		if other, twice := seen[w.Text]; twice && v.Judged() && other != v {
			t.Errorf("%s and %s are both called %q", v, other, w.Text)
		}
		seen[w.Text] = v
	}
}
