package page

import (
	"fmt"
	"slices"
)

// colours is the number of colours of arms. They differ in lightness, so that they are told apart without hues.
const colours = 6

// Colours of the arms of spans, which are the same on all pages, and of the base and the head of other arms.
var armColours = map[string]int{"none": 0, "noop": 1, "sdk": 2, "pooled-off": 3, "pooled": 4, "pooled-value": 5}

const baseColour, headColour = 2, 4

// A look is how an arm is drawn: its colour, its dash, and whether it is one of the two that the page is about.
type look struct {
	colour, dash int
	Strong       bool
}

// Colour returns the CSS class of the colour.
func (l look) Colour() string { return fmt.Sprintf("c%d", l.colour) }

// Line returns the CSS classes of a line.
func (l look) Line() string {
	class := "ln " + l.Colour()
	if l.dash > 0 {
		class += fmt.Sprintf(" d%d", l.dash)
	}
	if l.Strong {
		class += " hi"
	}
	return class
}

// looksOf returns how arms are drawn. Base and head are thick, and the others thin and dashed.
func looksOf(names []string, base, head string) map[string]look {
	looks, used := map[string]look{}, map[int]int{}
	take := func(name string, colour int) {
		if _, ok := looks[name]; ok || !slices.Contains(names, name) {
			return
		}
		l := look{colour: colour, Strong: name == base || name == head}
		if again := used[colour]; again > 0 {
			l.dash = 3 + min(again, 2)
		} else if !l.Strong {
			l.dash = [colours]int{0, 1, 4, 2, 0, 3}[colour]
		}
		used[colour]++
		looks[name] = l
	}
	for _, name := range names {
		if colour, ok := armColours[name]; ok {
			take(name, colour)
		}
	}
	if used[baseColour] == 0 {
		take(base, baseColour)
	}
	if used[headColour] == 0 {
		take(head, headColour)
	}
	for _, name := range names {
		take(name, least(used))
	}
	return looks
}

// least returns the colour that was used the least.
func least(used map[int]int) int {
	best := 0
	for _, colour := range []int{0, 3, 1, 5, 2, 4} {
		if used[colour] < used[best] {
			best = colour
		}
	}
	return best
}
