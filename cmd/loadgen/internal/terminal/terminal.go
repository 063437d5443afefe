// Package terminal decides how text looks where it is written: its width, its colours and its symbols.
//
// A [Screen] is asked once for a writer. Its width is that of the terminal, of COLUMNS, or 80. Colours are the first
// 16 of a terminal, and never the only sign of anything: text without them says the same. Symbols are those of
// Unicode on a terminal whose locale is UTF-8, and ASCII everywhere else.
//
// The variables are those that other commands follow: NO_COLOR (no-color.org), CLICOLOR and CLICOLOR_FORCE
// (bixense.com/clicolors), TERM, COLUMNS, and LC_ALL, LC_CTYPE and LANG.
package terminal

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/term"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
)

// loadgen is the name of the command, unless a program of a user has it.
const loadgen = "loadgen"

// Widths of text, in columns.
const (
	defaultWidth = 80
	leastWidth   = 60 // narrower terminals wrap lines themselves
	mostWidth    = 140
	proseWidth   = 100 // longer lines are hard to read
)

// Colours returns the values of Options.Colour. The first one is the default.
func Colours() []string { return []string{"auto", "always", "never"} }

// Options are what a user can set.
type Options struct {
	Colour string // one of Colours, which is stronger than the environment; "" means the first one
	ASCII  bool   // use no symbols but ASCII, even on a terminal that has them
	// Program is the name of the command, which may be a user's own, in what a text says to run; "" means loadgen.
	Program string
}

// Check returns an error if the options are not valid.
func (o *Options) Check() error {
	if o.Colour != "" && !slices.Contains(Colours(), o.Colour) {
		return fmt.Errorf("--color: %q is unknown: want one of %s", o.Colour, strings.Join(Colours(), ", "))
	}
	return nil
}

// A Screen is how text looks on one writer. The zero Screen is not usable.
type Screen struct {
	program  string // name of the command
	Width    int    // columns
	Terminal bool   // whether the writer is a terminal
	rewrites bool   // whether a line on it can be rewritten
	colour   bool
	ascii    bool
}

// New returns the screen of a writer. Getenv returns a variable of the environment, as os.Getenv does.
func New(w io.Writer, o Options, getenv func(string) string) *Screen {
	s := &Screen{program: cmp.Or(o.Program, loadgen), Width: defaultWidth}
	width := 0
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		s.Terminal = true
		width, _, _ = term.GetSize(int(f.Fd())) // 0 if the terminal does not tell
	}
	if width <= 0 {
		width, _ = strconv.Atoi(getenv("COLUMNS")) // 0 if it is no number
	}
	if width > 0 {
		s.Width = min(max(width, leastWidth), mostWidth)
	}
	s.rewrites = s.Terminal && getenv("TERM") != "dumb"
	s.colour = coloured(s.Terminal, o.Colour, getenv)
	s.ascii = o.ASCII || !s.Terminal || !utf8Locale(getenv)
	return s
}

// coloured reports whether text is coloured. The option is stronger than NO_COLOR, and NO_COLOR than the others.
func coloured(terminal bool, option string, getenv func(string) string) bool {
	force := getenv("CLICOLOR_FORCE")
	switch {
	case option == "always":
		return true
	case option == "never", getenv("NO_COLOR") != "":
		return false
	case force != "" && force != "0":
		return true
	}
	return terminal && getenv("CLICOLOR") != "0" && getenv("TERM") != "dumb"
}

// utf8Locale reports whether the locale's characters are encoded in UTF-8. The first variable that is set decides, as
// setlocale(3) has it.
func utf8Locale(getenv func(string) string) bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if locale := strings.ToLower(getenv(name)); locale != "" {
			return strings.Contains(locale, "utf-8") || strings.Contains(locale, "utf8")
		}
	}
	return false
}

// Bold returns text that stands out: the answer.
func (s *Screen) Bold(text string) string { return s.style("1", text) }

// Better returns text about what is better, or held.
func (s *Screen) Better(text string) string { return s.style("32", text) }

// Worse returns text about what is worse, or failed.
func (s *Screen) Worse(text string) string { return s.style("31", text) }

// Doubt returns text about what is in doubt, or needs attention.
func (s *Screen) Doubt(text string) string { return s.style("33", text) }

// Dim returns text that is less important, such as headers and paths. Dim is not grey, which some dark themes hide.
func (s *Screen) Dim(text string) string { return s.style("2", text) }

// style returns text between the codes that begin and end a style. The codes do not span lines, since pagers and logs
// of CI end colours with the line.
func (s *Screen) style(code, text string) string {
	if !s.colour || text == "" {
		return text
	}
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if line != "" {
			lines[i] = "\x1b[" + code + "m" + line + "\x1b[0m"
		}
	}
	return strings.Join(lines, "\n")
}

// Wrap breaks prose into lines, as [format.Wrap] does, at the width of the screen or at 100 columns. Every line
// ends with a line break.
func (s *Screen) Wrap(text, indent string) string { return format.Wrap(text, s.Prose(), indent) }

// Prose returns the width of prose, in columns.
func (s *Screen) Prose() int { return min(s.Width, proseWidth) }

// Symbols returns text in the characters of the screen: it replaces the symbols that loadgen draws by ASCII, each by
// one character, if the screen has no others. It leaves other characters, such as those of names, as they are.
func (s *Screen) Symbols(text string) string {
	if s.ascii {
		return asciiSymbols.Replace(text)
	}
	return text
}

// asciiSymbols has the symbols of tables, verdicts, charts and progress.
var asciiSymbols = strings.NewReplacer("✓", "+", "✗", "x", "●", "*", "○", "o", "×", "x", "━", "#", "╺", "-", "─", "-",
	"│", "|", "├", "|", "┤", "|", "┼", "+", "└", "`", "·", ".", "…", "~", "±", "~", "µ", "u",
	"▁", "_", "▂", "_", "▃", "-", "▄", "-", "▅", "=", "▆", "=", "▇", "#", "█", "#",
	"▉", "#", "▊", "#", "▋", "#", "▌", "#", "▍", "-", "▎", "-", "▏", "-")

// Print writes text to w in the characters of the screen.
func (s *Screen) Print(w io.Writer, text string) error {
	_, err := io.WriteString(w, s.Symbols(text))
	return err
}
