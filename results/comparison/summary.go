package comparison

import "fmt"

// Expected is the verdict of a regression that somebody has agreed to. Judge gives none.
const Expected Verdict = "expected"

// Verdicts are all verdicts, by how much they matter.
var Verdicts = []Verdict{Regressed, Expected, Improved, Worse, Better, Equivalent, Inconclusive, Exploratory, NotJudged}

// FewRounds returns a warning of results that cannot show any difference, for want of
// rounds among so many, or "" if all can.
func FewRounds(all []*Result) string {
	family, silent, need := 0, 0, 0
	for _, r := range all {
		family = max(family, r.Family)
		if r.TooFew {
			silent, need = silent+1, max(need, Need(r.Family, r.Paired))
		}
	}
	if silent == 0 {
		return ""
	}
	return fmt.Sprintf("%d of %d cells have too few rounds to show any difference, however large, among so many: "+
		"need %d, or fewer cells",
		silent, family, need)
}
