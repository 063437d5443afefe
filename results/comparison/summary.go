package comparison

import (
	"fmt"
	"slices"
)

// Expected is the verdict of a regression that somebody has agreed to. Judge gives none.
const Expected Verdict = "expected"

// Verdicts are all verdicts, by how much they matter.
var Verdicts = []Verdict{Regressed, Expected, Worse, Improved, Better, Equivalent, Inconclusive, Exploratory, NotJudged}

// FewRounds returns a warning of results that cannot show any difference, for want of
// rounds among so many, or "" if all can.
func FewRounds(all []*Result) string {
	family := slices.DeleteFunc(slices.Clone(all), func(r *Result) bool {
		return r.Exploratory || r.Incomparable != "" || r.Rule.Better == Neither || r.Rule.Exact
	})
	silent, need := 0, 0
	for _, r := range family {
		if n := Need(len(family), r.Paired); min(len(r.Base), len(r.Head)) < n {
			silent, need = silent+1, max(need, n)
		}
	}
	if silent == 0 {
		return ""
	}
	return fmt.Sprintf("%d of %d cells have too few rounds to show any difference, however large, among so many: need %d, or fewer cells",
		silent, len(family), need)
}
