package terminal

import (
	"cmp"
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
	Advice string // what to do before Next, or, if Next is empty, instead
	Next   string // a command
	Why    string // what Next is good for, in a few words
	More   string // where everything else is, in words
	Rest   string // a command that shows everything else, or its path
	Exit   int    // the exit code, which is printed unless it is 0
}

// Ending returns the lines of an ending. Words are never broken, so that paths can be copied, and neither are
// commands, whose first line would run something else. A line is wider than the screen only if one of these is.
func (s *Screen) Ending(e Ending) string {
	var b strings.Builder
	if e.Answer != "" {
		b.WriteString(s.Bold(s.Wrap(e.Answer, "")))
	}
	if e.Doubt != "" {
		b.WriteString(s.labelled("In doubt:", strings.TrimSuffix(e.Doubt, ".")+".", s.Doubt))
	}
	return b.String() + s.exit(s.action("Next:", e.Advice, e.Next, e.Why, s.Doubt)+
		s.action("More:", e.More, e.Rest, "", s.Dim), e.Exit)
}

// action returns what to do after a label: words, a command, and what it is good for. The command has a line of its
// own, below the rest, if it does not fit beside the label. It returns "" if there is nothing to do.
func (s *Screen) action(label, words, command, why string, style func(string) string) string {
	if words+command == "" {
		return ""
	}
	if arguments, ok := strings.CutPrefix(command, loadgen+" "); ok {
		command = cmp.Or(s.program, loadgen) + " " + arguments
	}
	command = format.Printable(command, "")
	if why != "" {
		why = "(" + format.Printable(why, "") + ")"
	}
	line := strings.Join(strings.Fields(label+" "+format.Printable(words, "")), " ")
	if command != "" {
		line += " " + command
	}
	room := s.Prose() - format.Width(line)
	switch gap := room - format.Width(why); {
	case room < 0 && command == "":
		return s.labelled(label, strings.TrimSpace(words+" "+why), style)
	case room < 0:
		return s.labelled(label, strings.TrimSpace(words+" "+why), style) + "  " + command + "\n"
	case why == "":
		line += "\n"
	case gap > 1:
		line += strings.Repeat(" ", min(gap, 5)) + s.Dim(why) + "\n"
	default:
		line += "\n" + s.Dim(s.Wrap("  "+why, "  "))
	}
	return style(label) + strings.TrimPrefix(line, label)
}

// exit adds an exit code to a text, at the right of its last line if there is room. 0 is not added.
func (s *Screen) exit(text string, exit int) string {
	if exit == 0 {
		return text
	}
	code := "exit " + format.Count(exit)
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
