package page

import (
	"fmt"
	"strings"
)

// A chart is one drawing, with the table of its numbers. The template draws it: what
// comes from users is text there, which it escapes.
type chart struct {
	ID            string // unique in the page
	Title         string
	Caption       string
	Missing       string // why there is no drawing
	Wide          bool
	Width, Height px
	Left, Top     px // of the plot
	Right, Bottom px
	Legend        []key
	X, Y          axis
	Shapes        []shape
	Texts         []label
	Table         table
}

// An axis has ticks, which are lines across the plot.
type axis struct {
	Title string
	Ticks []tick
	Scale *scale // for the script that reads values
	Per   float64
}

// Hover is the axis as the script reads it.
func (a axis) Hover() string {
	if a.Scale == nil {
		return ""
	}
	s, kind := a.Scale, "linear"
	from := s.from
	if s.log {
		kind = "log"
		if s.zero {
			from = float64(s.at(s.lo))
		}
	}
	return fmt.Sprintf("%s %g %g %.1f %.1f", kind, s.lo, s.hi, from, s.to)
}

// A key names a series.
type key struct{ Class, Label string }

// A shape is drawn in the plot.
type shape struct {
	Kind           string // line, band, dot, bar, zone or mark
	Class          string
	Points         string // of a line or band
	X, Y, X2, Y2   px     // of what has ends; a dot is at X, Y
	Hollow, Square bool
	Label          string // what it is
}

// A label is text beside the plot.
type label struct {
	X, Y   px
	Anchor string
	Class  string
	Text   string
	Full   string // where Text is short for it
}

// A table has numbers as they are printed.
type table struct {
	Header []string
	Rows   [][]string
}

// A point is a pair of coordinates.
type point struct{ x, y px }

// points writes them as SVG has them; one between two that are the same in y is left
// out.
func points(all []point) string {
	var b strings.Builder
	for i, p := range all {
		if i > 0 && i+1 < len(all) && all[i-1].y.String() == p.y.String() && all[i+1].y.String() == p.y.String() {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(p.x.String() + "," + p.y.String())
	}
	return b.String()
}

// class is that of the i-th series: a colour and a dash of its own.
func class(i int) string { return fmt.Sprintf("s%d", i%8) }

// The sizes of charts, in pixels.
const (
	wideWidth   = 860
	narrowWidth = 420
	wideHeight  = 330
	lowHeight   = 230
	topMargin   = 12
	axisMargin  = 48 // ticks and title below
)

// frame gives a chart its size and the left margin that labels of the y axis need.
func (c *chart) frame(wide bool, labels []string) {
	c.Wide = wide
	c.Width, c.Height = narrowWidth, lowHeight
	if wide {
		c.Width, c.Height = wideWidth, wideHeight
	}
	longest := 0.0
	for _, l := range labels {
		longest = max(longest, textWidth(l))
	}
	c.Left, c.Top = px(longest+34), topMargin
	c.Right, c.Bottom = c.Width-26, c.Height-axisMargin
}

// cut is s with at most n characters.
func cut(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}

// What the template computes of coordinates.

func (c *chart) PlotWidth() px  { return c.Right - c.Left }
func (c *chart) BeforeLeft() px { return c.Left - 6 }
func (c *chart) TickLine() px   { return c.Bottom + 20 }
func (c *chart) TitleLine() px  { return c.Height - 8 }
func (c *chart) Middle() px     { return (c.Left + c.Right) / 2 }

// Turned is the middle of the y axis for text that is turned by a quarter.
func (c *chart) Turned() px { return -(c.Top + c.Bottom) / 2 }

// Baseline is that of the label of a tick of the y axis.
func (t tick) Baseline() px { return t.At + 4 }

func (s shape) Width() px  { return max(s.X2-s.X, 0) }
func (s shape) Height() px { return max(s.Y2-s.Y, 0) }
func (s shape) DotX() px   { return s.X - 4 }
func (s shape) DotY() px   { return s.Y - 4 }

// Radius is that of a dot; those of rounds are small.
func (s shape) Radius() px {
	if s.Class == "round" {
		return 2.5
	}
	return 4
}
