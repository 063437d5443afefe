package terminal

import (
	"strings"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
)

// A Detail says how much of a text is printed. The zero Detail is a text of about 24 lines.
type Detail struct {
	All   bool // everything
	Quiet bool // the ending alone
}

// An Ending is the last lines of a text, in this order: what a reader wants to know first stands where the cursor is.
// Empty fields have no line.
type Ending struct {
	Answer string // sentences; of a result that is not valid, NOT VALID and which numbers may be read
	Doubt  string // what makes the answer doubtful, without a full stop
	Next   string // a command, or what to do
	Why    string // what Next is good for, in a few words
	More   string // where everything else is
	Exit   int    // the exit code, which is printed unless it is 0
}

// Ending returns the lines of an ending. Words are never broken, so that commands and paths can be copied: a line is
// wider than the screen only if it has one such word.
func (s *Screen) Ending(e Ending) string {
	var b strings.Builder
	if e.Answer != "" {
		b.WriteString(s.Bold(s.Wrap(e.Answer, "")))
	}
	if e.Doubt != "" {
		b.WriteString(s.labelled("In doubt:", strings.TrimSuffix(e.Doubt, ".")+".", s.Doubt))
	}
	if e.Next != "" {
		next := e.Next
		if why := "(" + e.Why + ")"; e.Why != "" {
			if rest := s.Prose() - format.Width("Next: "+next+why); rest > 1 {
				return b.String() + s.last(e, s.Doubt("Next:")+" "+format.Printable(next, "")+
					strings.Repeat(" ", min(rest, 5))+s.Dim(why)+"\n")
			}
			next += " " + why
		}
		return b.String() + s.last(e, s.labelled("Next:", next, s.Doubt))
	}
	return b.String() + s.last(e, "")
}

// last returns the line of Next, the line of More and the exit code, which stands at the right of the last line if
// there is room.
func (s *Screen) last(e Ending, next string) string {
	text := next
	if e.More != "" {
		text += s.labelled("More:", e.More, s.Dim)
	}
	if e.Exit == 0 {
		return text
	}
	code := "exit " + format.Count(e.Exit)
	text = strings.TrimSuffix(text, "\n")
	line := text[strings.LastIndexByte(text, '\n')+1:]
	if room := s.Prose() - format.Width(line) - len(code); line != "" && room >= 2 {
		return text + strings.Repeat(" ", room) + s.Bold(code) + "\n"
	}
	if text != "" {
		text += "\n"
	}
	return text + s.Bold(code) + "\n"
}

// labelled returns text after a label, in lines of the width of prose. The label has a style.
func (s *Screen) labelled(label, text string, style func(string) string) string {
	return style(label) + strings.TrimPrefix(s.Wrap(label+" "+text, "  "), label)
}
