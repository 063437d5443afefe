package comparison

import "fmt"

// Expected is the verdict of a regression that the user has accepted. Judge never returns it.
const Expected Verdict = "expected"

// Verdicts returns all verdicts, the most important ones first.
func Verdicts() []Verdict {
	return []Verdict{Regressed, Expected, Improved, Worse, Better, Equivalent, Inconclusive, Exploratory, NotJudged}
}

// FewRounds returns a warning if results cannot show any difference because there are too few rounds for the number of
// cells, or "" if all results can.
func FewRounds(list []*Result) string {
	family, silent, need := 0, 0, 0
	for _, r := range list {
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
