package schedule

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// A scanner goes through one line of text from left to right. Blanks around what it
// reads are passed over.
type scanner struct {
	what string // the text is, for errors
	text string
	at   int // the next byte
}

// wrong is the error of what stands at byte at.
func (s *scanner) wrong(at int, is, want string) error {
	character := utf8.RuneCountInString(s.text[:at]) + 1
	return fmt.Errorf("%s %q: character %d: %s: want %s", s.what, s.text, character, is, want)
}

// rest passes over blanks, and returns all that follows.
func (s *scanner) rest() string {
	rest := strings.TrimLeft(s.text[s.at:], " \t")
	s.at = len(s.text) - len(rest)
	return rest
}

// skip passes over a mark, if it is what follows.
func (s *scanner) skip(mark string) bool {
	if !strings.HasPrefix(s.rest(), mark) {
		return false
	}
	s.at += len(mark)
	return true
}

// word reads up to a blank, one of the stops or two dots, and tells where it began.
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

// ends is an error unless nothing follows.
func (s *scanner) ends(want string) error {
	if rest := s.rest(); rest != "" {
		return s.wrong(s.at, fmt.Sprintf("%q is left over", rest), want)
	}
	return nil
}

// An option is a value of what stands in brackets.
type option struct {
	text string
	at   int
}

// options reads what follows the name of something in brackets, such as (at=30s,for=5s).
// There may be none. No known names, or "", take no brackets.
func (s *scanner) options(name, want string, known ...string) (map[string]option, error) {
	all, open := map[string]option{}, s.at
	if !s.skip("(") {
		return all, nil
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
		if _, twice := all[key]; twice {
			return nil, s.wrong(s.at, "its "+key+" is given twice", want)
		}
		if !slices.Contains(known, key) || !strings.Contains(inside[:end], "=") {
			return nil, s.wrong(s.at, fmt.Sprintf("%q is not its %s", strings.TrimSpace(inside[:end]),
				strings.Join(known, " or ")), want)
		}
		blanks := len(value) - len(strings.TrimLeft(value, " \t"))
		all[key] = option{strings.TrimSpace(value), s.at + end - len(value) + blanks}
		s.at += end + 1
		if inside[end] == ')' {
			return all, nil
		}
	}
}
