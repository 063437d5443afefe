package page

import (
	"math"
	"slices"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
)

// mostCards is the number of numbers that answer a question.
const mostCards = 5

// cardsOf returns the numbers of a level: the changes of its first comparison, the judged ones first, or else what its
// first arm was measured at.
func cardsOf(l *level) (cards []card) {
	list := slices.Clone(l.changes)
	if len(list) > mostCards {
		slices.SortStableFunc(list, func(a, b *change) int { return order(a) - order(b) })
		list = list[:mostCards]
	}
	for _, c := range list {
		cards = append(cards, c.card(l))
	}
	if len(l.changes) > 0 || len(l.cells) == 0 {
		return cards
	}
	c := l.cells[0]
	for _, unit := range []string{"p50-latency-ns", "p99-latency-ns", "p99.9-latency-ns", "cpu-ns/op", "B/op",
		"client-cpu-ns/op", "achieved-qps"} {
		if median, least, most := c.spread(unit); finite(median) && len(cards) < mostCards {
			q := quantityOf(unit, median)
			cards = append(cards, card{Name: nameOf(unit), Big: q.number(median), Of: q.unit,
				Interval: q.number(least) + " to " + q.number(most), Extra: "range of " + format.Plural(len(c.visits),
					"round") + " of " + c.name})
		}
	}
	return cards
}

// order returns 0 for judged changes and 1 for others.
func order(c *change) int {
	if c.Verdict.Judged() {
		return 0
	}
	return 1
}

// card returns the card of a change. Without a level, its colours are those of any base and head.
func (c *change) card(l *level) card {
	k := card{Name: c.name}
	if !c.Exploratory {
		k.Word = c.word()
	}
	if math.IsNaN(c.Shift) {
		k.Extra = format.Cut(c.reason(), 60)
	}
	if finite(c.BaseMedian) && finite(c.HeadMedian) {
		k.Base, k.Head, k.Unit = c.medians()
	}
	k.Big, k.Interval = c.texts()
	if !c.drawable() {
		return k
	}
	base, head := look{colour: baseColour}, look{colour: headColour}
	if l != nil {
		base, head = l.base, l.head
	}
	most := max(1, 1+c.High)
	k.Ratio = &ratio{Base: base.Colour(), Head: head.Colour(), All: px(100 / most), At: px(100 * (1 + c.Shift) / most),
		Left: px(100 * (1 + c.Low) / most), Width: px(100 * (c.High - c.Low) / most)}
	return k
}
