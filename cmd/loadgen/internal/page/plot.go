package page

import (
	"html/template"
	"slices"
	"strings"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
)

// A plot is a chart. Its paths are SVG, which stretches to the room that there is, and its texts are HTML, which does
// not: it reflows at any width, and needs no script. Coordinates reach from 0 to extent.
type plot struct {
	Label  string // says what it shows, to those who cannot see it
	Height int    // pixels
	Wide   bool   // it has no labels to the right
	Paths  []path
	Texts  []label
	Kind   string // what the script reads from it; "" if nothing
	X, Y   *scale
}

// A path is a line or an area.
type path struct {
	Class, D string
	Row      string // of the table below, which has the values of the line; "" if it is none
}

// A label is a text at a place of a plot.
type label struct {
	Class string
	Style template.CSS
	Text  string
	Full  string // the whole text, if Text is cut
}

// A point is a pair of coordinates.
type point struct{ x, y px }

// d returns points as a path of SVG. It omits a point between two points with the same y.
func d(list ...point) string {
	var b strings.Builder
	for i, p := range list {
		if i > 0 && i+1 < len(list) && list[i-1].y.String() == p.y.String() && list[i+1].y.String() == p.y.String() {
			continue
		}
		command := "L"
		if i == 0 {
			command = "M"
		}
		b.WriteString(command + p.x.String() + " " + p.y.String())
	}
	return b.String()
}

// spot returns a path that a round cap makes a dot, of the same size at any width.
func spot(p point) string { return d(p) + "h.01" }

// place returns a style that places a text, in per cent of the plot.
func place(side string, at px) template.CSS {
	return template.CSS(side + ":" + at.percent().String() + "%")
}

// both returns a style that places a text at a point.
func both(p point) template.CSS { return place("left", p.x) + ";" + place("top", p.y) }

// add adds a path.
func (c *plot) add(class, d string) { c.Paths = append(c.Paths, path{Class: class, D: d}) }

// write adds a text.
func (c *plot) write(class string, style template.CSS, text string) {
	c.Texts = append(c.Texts, label{Class: class, Style: style, Text: text})
}

// axes adds the grid and the labels of both axes.
func (c *plot) axes(x, y []tick, titleOfX string) {
	var grid strings.Builder
	for _, t := range y {
		grid.WriteString("M0 " + t.At.String() + "H1000")
		c.write("y", place("top", t.At), t.Label)
	}
	for _, t := range x {
		grid.WriteString("M" + t.At.String() + " 0V1000")
		c.write("x", t.place(), t.Label)
	}
	c.Paths = append([]path{{Class: "g", D: grid.String()}, {Class: "ax", D: "M0 1000H1000"}}, c.Paths...)
	if titleOfX != "" {
		c.write("t", "", titleOfX)
	}
}

// The room of the labels of an axis on a narrow screen, in coordinates.
const (
	labelChar = 25 // the width of a character
	overhang  = 25 // how far a label may reach beyond an end
)

// shown returns where the middle of a tick's label is on a narrow screen: at the tick, unless it would reach too far
// beyond an end of the axis.
func (t tick) shown() px {
	half := px(labelChar * format.Width(t.Label) / 2)
	return max(min(t.At, extent+overhang-half), half-overhang)
}

// place returns a style that places the middle of a tick's label. A label that has no room at its tick on a narrow
// screen, but may have it on a wider one, is placed in characters from the end.
func (t tick) place() template.CSS {
	half := (px(format.Width(t.Label)) / 2).String() + "ch"
	at := t.At.percent().String() + "%"
	switch shown := t.shown(); {
	case shown < t.At:
		return template.CSS("left:min(" + at + ",100% + 7px - " + half + ")")
	case shown > t.At:
		return template.CSS("left:max(" + at + "," + half + " - 7px)")
	}
	return place("left", t.At)
}

// An end is the end of a line, and the name of what it shows.
type end struct {
	at    point
	class string
	name  string
	top   float64 // where its name is, in pixels
}

// lineHeight is the distance of the names of lines, in pixels.
const lineHeight = 15.0

// ends writes the names of lines at their ends, as near as there is room without overlap.
func (c *plot) ends(list []end) {
	height := float64(c.Height)
	if lineHeight*float64(len(list)) > height {
		return // the legend names them all
	}
	for i := range list {
		list[i].top = float64(list[i].at.y) / extent * height
	}
	slices.SortStableFunc(list, func(a, b end) int { return int(100 * (a.top - b.top)) })
	spread(list, height)
	for _, e := range list {
		name := format.Cut(e.name, 14)
		text := label{Class: "e " + e.class, Style: place("top", px(e.top/height*extent)), Text: name}
		if name != e.name {
			text.Full = e.name
		}
		c.Texts = append(c.Texts, text)
		c.add("lead "+e.class, d(e.at, point{extent + 18, px(e.top / height * extent)}))
	}
}

// spread moves names apart, by as little as possible: names that overlap form a group around their mean. Then it moves
// them within the height. List is in the order of the names, which there must be room for.
func spread(list []end, height float64) {
	type group struct{ sum, n float64 }
	var groups []group
	for i, e := range list {
		groups = append(groups, group{e.top - lineHeight*float64(i), 1})
		for k := len(groups) - 1; k > 0 && groups[k-1].sum*groups[k].n > groups[k].sum*groups[k-1].n; k-- {
			groups[k-1] = group{groups[k-1].sum + groups[k].sum, groups[k-1].n + groups[k].n}
			groups = groups[:k]
		}
	}
	i := 0
	for _, g := range groups {
		for range int(g.n) {
			least := lineHeight * (float64(i) + 0.5)
			most := height - lineHeight*(float64(len(list)-i)-0.5)
			list[i].top = min(max(g.sum/g.n+lineHeight*float64(i), least), most)
			i++
		}
	}
}

// A named is a dot with a name beside it.
type named struct {
	at   point
	name string
}

// besides writes names beside dots: to the right, the left, above or below, where there is room for them. A name that
// has no room anywhere is left out, since the table has it.
func (c *plot) besides(list []named) {
	const (
		width     = 300.0 // of the plot on a narrow screen, in pixels
		charWidth = 7.2
		gap       = 9.0 // from a dot to its name
		up        = 13.0
	)
	height := float64(c.Height)
	var taken []box
	for _, n := range list {
		x, y := float64(n.at.x)/extent*width, float64(n.at.y)/extent*height
		taken = append(taken, box{x - 6, y - 6, x + 6, y + 6})
	}
	for _, n := range list {
		x, y := float64(n.at.x)/extent*width, float64(n.at.y)/extent*height
		w := charWidth * float64(format.Width(n.name))
		for _, side := range []struct {
			class  string
			dx, dy float64 // from the dot to the middle of the near end, in pixels
		}{{"on", gap, 0}, {"on left", -gap, 0}, {"on", gap, -up}, {"on left", -gap, -up}, {"on", gap, up},
			{"on left", -gap, up}, {"on over", 0, -up - 3}, {"on over", 0, up + 3}} {
			b := box{x + side.dx, y + side.dy - 6.5, x + side.dx + w, y + side.dy + 6.5}
			switch {
			case side.dx < 0:
				b.left, b.right = b.left-w, b.left
			case side.dx == 0:
				b.left, b.right = b.left-w/2, b.right-w/2
			}
			inside := b.left >= 0 && b.right <= width && b.top >= -8 && b.bottom <= height
			if !inside || slices.ContainsFunc(taken, b.overlaps) {
				continue
			}
			taken = append(taken, b)
			offset := ";margin:" + px(side.dy).String() + "px 0 0 " + px(side.dx).String() + "px"
			c.write(side.class, both(n.at)+template.CSS(offset), n.name)
			break
		}
	}
}

// A box is where something is drawn, in pixels.
type box struct{ left, top, right, bottom float64 }

func (b box) overlaps(o box) bool {
	return b.left < o.right && o.left < b.right && b.top < o.bottom && o.top < b.bottom
}
