package format

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/jedib0t/go-pretty/v6/text"
)

// And returns "a", "a and b", or "a, b and c".
func And(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " and " + names[last]
}

// List returns what is in a list, separated by commas, or "none".
func List[T any](list []T) string {
	if len(list) == 0 {
		return "none"
	}
	words := make([]string, len(list))
	for i, x := range list {
		words[i] = fmt.Sprint(x)
	}
	return strings.Join(words, ", ")
}

// Few returns the first of a list and, if there are more than most, how many more there are.
func Few(list []string, most int) []string {
	if more := len(list) - most; more > 0 {
		return append(slices.Clone(list[:most]), fmt.Sprintf("and %d more", more))
	}
	return list
}

// FewNames returns the first few names, and how many more there are: "a, b, c and 2 more".
func FewNames(names []string) string {
	const few = 3
	if len(names) <= few {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:few], ", "), len(names)-few)
}

// Printable replaces the characters of a text that a terminal would act on, or not show, by "?", unless they are in
// keep. Names of files and what is in them may hold anything. A joiner stays where it has an effect, between the parts
// of an emoji and behind a mark of a script that joins.
func Printable(s, keep string) string {
	var b strings.Builder
	before := ' '
	for i, r := range s {
		if unicode.IsPrint(r) || strings.ContainsRune(keep, r) || r == joiner && joins(before, s[i:]) {
			b.WriteRune(r)
		} else {
			b.WriteByte('?')
		}
		before = r
	}
	return b.String()
}

// joins reports whether a joiner, which the text begins with, has an effect behind a character.
func joins(before rune, text string) bool {
	after, size := utf8.DecodeRuneInString(strings.TrimPrefix(text, string(joiner)))
	return unicode.In(before, unicode.So, unicode.Sk, unicode.Mn) && size > 0 && after != ' ' &&
		unicode.IsPrint(after)
}

// joiner is the zero-width joiner.
const joiner = '\u200d'

// Operand returns a path that no program takes for an option.
func Operand(path string) string {
	if strings.HasPrefix(path, "-") {
		return "./" + path
	}
	return path
}

// Quoted returns a word of a command in the syntax of a shell.
func Quoted(word string) string {
	if plainWord.MatchString(word) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// plainWord matches words that a shell takes as they are.
var plainWord = regexp.MustCompile(`^[A-Za-z0-9_./+-][A-Za-z0-9_./+:@%=-]*$`)

// Argument returns a path as an argument of a command in the syntax of a shell.
func Argument(path string) string { return Quoted(Operand(path)) }

// Width returns the number of columns that a text takes on a terminal.
func Width(s string) int { return text.StringWidthWithoutEscSequences(s) }

// Cut returns the beginning of a text that is wider than width.
func Cut(s string, width int) string { return text.Snip(s, width, "…") }

// Tail returns the end of a text that is wider than width, since the end of a name is its most specific part.
func Tail(s string, width int) string {
	if Width(s) <= width {
		return s
	}
	runes := []rune(s)
	for len(runes) > 0 && Width(string(runes)) > width-1 {
		runes = runes[1:]
	}
	return "…" + string(runes)
}

// Wrap breaks a text into lines of at most width columns, if its words allow that, and begins all but the first with
// indent. It keeps line breaks and the blanks at the beginning of the text, and makes the rest [Printable].
func Wrap(s string, width int, indent string) string {
	var b strings.Builder
	line := s[:len(s)-len(strings.TrimLeft(s, " "))]
	for paragraph := range strings.SplitSeq(s, "\n") {
		fresh := true
		for _, word := range strings.Fields(paragraph) {
			word = Printable(word, "")
			switch {
			case fresh:
			case Width(line)+1+Width(word) > width:
				b.WriteString(line + "\n")
				line = indent
			default:
				line += " "
			}
			line, fresh = line+word, false
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
		line = indent
	}
	return b.String()
}

// Markdown escapes a text of a file, so that it is read as neither Markdown nor HTML. A table escapes "|" itself.
func Markdown(s string) string { return markdownSpecial.Replace(Printable(s, "")) }

var markdownSpecial = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "*", `\*`, "_", `\_`, "`", "\\`",
	"[", `\[`, "]", `\]`, "@", "&#64;", `\`, `\\`)

// Middle returns a text that is wider than width without its middle, since names differ at both ends.
func Middle(s string, width int) string {
	if Width(s) <= width {
		return s
	}
	runes := []rune(s)
	begin, end := 0, len(runes)
	for room := width - 1; begin < end; {
		next := runes[begin] // the begin and the end take turns
		if begin > len(runes)-end {
			next = runes[end-1]
		}
		if room -= Width(string(next)); room < 0 {
			break
		}
		if begin > len(runes)-end {
			end--
		} else {
			begin++
		}
	}
	return string(runes[:begin]) + "…" + string(runes[end:])
}

// Unstyled returns a text without the codes of terminals for colours.
func Unstyled(s string) string { return text.StripEscape(s) }
