package schedule

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// A scanner reads one line of text from left to right. It skips blanks before and after what
// it reads.
type scanner struct {
	what string // the noun for the text, for errors
	text string
	at   int // the offset of the next byte
}

// wrong returns an error about the text at byte at.
func (s *scanner) wrong(at int, is, want string) error {
	character := utf8.RuneCountInString(s.text[:at]) + 1
	return fmt.Errorf("%s %q: character %d: %s: want %s", s.what, s.text, character, is, want)
}

// rest skips blanks and returns the text that follows, which stays unread.
func (s *scanner) rest() string {
	rest := strings.TrimLeft(s.text[s.at:], " \t")
	s.at = len(s.text) - len(rest)
	return rest
}

// skip reads the mark and reports true if the mark follows.
func (s *scanner) skip(mark string) bool {
	if !strings.HasPrefix(s.rest(), mark) {
		return false
	}
	s.at += len(mark)
	return true
}

// word reads up to a blank, one of the stops or two dots, and returns where the word began.
func (s *scanner) word(stops string) (word string, at int) {
	word = s.rest()
	at = s.at
	if i := strings.IndexAny(word, stops+" \t"); i >= 0 {
		word = word[:i]
	}
	word, _, _ = strings.Cut(word, "..")
	s.at += len(word)
	return word, at
}

// ends returns an error if anything follows.
func (s *scanner) ends(want string) error {
	if rest := s.rest(); rest != "" {
		return s.wrong(s.at, fmt.Sprintf("%q is left over", rest), want)
	}
	return nil
}

// wantTime says which times are accepted.
const wantTime = "one above 0, such as 500ms, 30s or 1h30m"

// An option is the text of a value and its offset.
type option struct {
	text string
	at   int
}

// options reads the options in brackets after a name, such as (at=30s,for=5s). They may be
// omitted. If known is empty, or its first name is, brackets are an error.
func (s *scanner) options(name, want string, known ...string) (map[string]option, error) {
	options, open := map[string]option{}, s.at
	if !s.skip("(") {
		return options, nil
	}
	if len(known) == 0 || known[0] == "" {
		return nil, s.wrong(open, name+" takes nothing in brackets", want)
	}
	for {
		inside, end := s.rest(), strings.IndexAny(s.rest(), ",)")
		if end < 0 {
			return nil, s.wrong(len(s.text), "no closing bracket", want)
		}
		key, value, _ := strings.Cut(inside[:end], "=")
		key = strings.TrimSpace(key)
		if _, twice := options[key]; twice {
			return nil, s.wrong(s.at, key+" is given twice", want)
		}
		if !slices.Contains(known, key) || !strings.Contains(inside[:end], "=") {
			return nil, s.wrong(s.at, fmt.Sprintf("%q does not set %s", strings.TrimSpace(inside[:end]),
				strings.Join(known, " or ")), want)
		}
		blanks := len(value) - len(strings.TrimLeft(value, " \t"))
		options[key] = option{strings.TrimSpace(value), s.at + end - len(value) + blanks}
		s.at += end + 1
		if inside[end] == ')' {
			return options, nil
		}
	}
}
