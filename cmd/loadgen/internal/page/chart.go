package page

import (
	"fmt"
	"strings"
)

// A chart is one drawing, with a table of its values. The template draws it, and escapes the text of
// users.
type chart struct {
	ID            string // unique in the page
	Title         string
	Caption       string
	Missing       string // why there is no drawing, or ""
	Wide          bool
	Width, Height px
	Left, Top     px // bounds of the plot
	Right, Bottom px
	Legend        []key
	X, Y          axis
	Shapes        []shape
	Texts         []label
	Table         table
}

// An axis has a title and ticks, which are lines across the plot.
type axis struct {
	Title string
	Ticks []tick
	Scale *scale  // for the script that shows values
	Per   float64 // divisor of the values
}

// Hover returns the scale of the axis in the form that the script reads.
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

// A key is the legend of a series.
type key struct{ Class, Label string }

// A shape is an element of the plot.
type shape struct {
	Kind           string // line, band, dot, bar, zone or mark
	Class          string
	Points         string // of a line or band
	X, Y, X2, Y2   px     // the ends of the shape; a dot is at X, Y
	Hollow, Square bool
	Label          string // description of the shape
}

// A label is a text beside the plot.
type label struct {
	X, Y   px
	Anchor string
	Class  string
	Text   string
	Full   string // the whole text, if Text is shortened
}

// A table holds values as text.
type table struct {
	Header []string
	Rows   [][]string
}

// A point is a pair of coordinates.
type point struct{ x, y px }

// points returns points in the syntax of SVG. It omits a point between two points with the same y.
func points(list []point) string {
	var b strings.Builder
	for i, p := range list {
		if i > 0 && i+1 < len(list) && list[i-1].y.String() == p.y.String() && list[i+1].y.String() == p.y.String() {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(p.x.String() + "," + p.y.String())
	}
	return b.String()
}

// class returns the CSS class of the i-th series, which has a colour and a dash.
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

// frame sets the size of a chart and the left margin that the labels of the y axis need.
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

// The template calls the following methods.

// PlotWidth returns the width of the plot.
func (c *chart) PlotWidth() px { return c.Right - c.Left }

// BeforeLeft returns the x coordinate of the labels of the y axis.
func (c *chart) BeforeLeft() px { return c.Left - 6 }

// TickLine returns the y coordinate of the labels of the x axis.
func (c *chart) TickLine() px { return c.Bottom + 20 }

// TitleLine returns the y coordinate of the title of the x axis.
func (c *chart) TitleLine() px { return c.Height - 8 }

// Middle returns the x coordinate of the middle of the plot.
func (c *chart) Middle() px { return (c.Left + c.Right) / 2 }

// Turned returns the middle of the y axis for text that is rotated by a quarter turn.
func (c *chart) Turned() px { return -(c.Top + c.Bottom) / 2 }

// Baseline returns the baseline of the label of a tick of the y axis.
func (t tick) Baseline() px { return t.At + 4 }

// Width returns the width of a rectangle.
func (s shape) Width() px { return max(s.X2-s.X, 0) }

// Height returns the height of a rectangle.
func (s shape) Height() px { return max(s.Y2-s.Y, 0) }

// DotX returns the left edge of a square dot.
func (s shape) DotX() px { return s.X - 4 }

// DotY returns the upper edge of a square dot.
func (s shape) DotY() px { return s.Y - 4 }

// Radius returns the radius of a dot, which is smaller for the dots of rounds.
func (s shape) Radius() px {
	if s.Class == "round" {
		return 2.5
	}
	return 4
}
