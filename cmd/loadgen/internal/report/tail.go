package report

import (
	"fmt"
	"strings"
)

// tails returns a sentence for each cell that says what its slowest calls overlapped. The calls are the slowest ones
// that each visit kept.
func tails(cells []*view) (sentences []string) {
	for _, v := range cells {
		met := map[string]uint64{}
		calls, clear := 0, 0
		for _, visit := range v.visits {
			for _, c := range visit.Record.Slowest {
				calls++
				for _, tag := range c.Overlapped {
					met[tag]++
				}
				if len(c.Overlapped) == 0 {
					clear++
				}
			}
		}
		if calls == 0 {
			continue
		}
		var shares []string
		for _, tag := range sortedByCount(met) {
			shares = append(shares, fmt.Sprintf("%s %.0f%%", tag, 100*float64(met[tag])/float64(calls)))
		}
		shares = append(shares, fmt.Sprintf("none of these %.0f%%", 100*float64(clear)/float64(calls)))
		sentences = append(sentences, fmt.Sprintf("%v: of %s, %s.", v.cell, Plural(calls, "call"),
			strings.Join(shares, ", ")))
	}
	return sentences
}
