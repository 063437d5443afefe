package report

import (
	"fmt"
	"strings"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
)

// A tail is what the slowest calls overlapped, of those which all visits of a cell kept.
type tail struct {
	Calls uint64 `json:"calls"`
	Met   []met  `json:"met"`   // most frequent first; a call may be in several
	Clear uint64 `json:"clear"` // calls that met none of them
}

// A met is how many calls something overlapped.
type met struct {
	Name  string `json:"name"`
	Calls uint64 `json:"calls"`
}

// tail returns what the slowest calls overlapped, or nil if none were kept.
func (v *view) tail() *tail {
	t := &tail{Met: []met{}}
	counts := map[string]uint64{}
	for _, visit := range v.visits {
		for _, c := range visit.Record.Slowest {
			t.Calls++
			for _, tag := range c.Overlapped {
				counts[tag]++
			}
			if len(c.Overlapped) == 0 {
				t.Clear++
			}
		}
	}
	if t.Calls == 0 {
		return nil
	}
	for _, name := range sortedByCount(counts) {
		t.Met = append(t.Met, met{name, counts[name]})
	}
	return t
}

// tails returns a sentence for each cell about what its slowest calls overlapped.
func tails(all []*view) (sentences []string) {
	for _, v := range all {
		t := v.tail()
		if t == nil {
			continue
		}
		share := func(calls uint64) string { return format.Rough(float64(calls) / float64(t.Calls)) }
		var shares []string
		for _, m := range t.Met {
			shares = append(shares, m.Name+" "+share(m.Calls))
		}
		shares = append(shares, "none of these "+share(t.Clear))
		sentences = append(sentences, fmt.Sprintf("%v: of %s, %s.", v.cell, format.Plural(t.Calls, "call"),
			strings.Join(shares, ", ")))
	}
	return sentences
}
