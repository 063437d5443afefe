// Package spelling guesses which name a misspelt word was meant to be.
package spelling

import (
	"fmt"
	"slices"
	"strings"
)

// Meant returns " (did you mean NAME?)" with the names that are spelt like a word, or "" if none is.
func Meant(word string, names []string) string {
	similar := Similar(word, names)
	if len(similar) == 0 {
		return ""
	}
	return fmt.Sprintf(" (did you mean %s?)", strings.Join(similar, " or "))
}

// Similar returns the names that a word begins, or that differ from it by one letter in three, and two at most: by one
// that is left out, added, or another, or by two that changed places. A word of one letter is spelt like none. The
// case of letters does not count. A word that is one of the names is spelt like this name alone.
func Similar(word string, names []string) (similar []string) {
	if slices.Contains(names, word) {
		return []string{word}
	}
	runes := []rune(strings.ToLower(word))
	most := min(max(1, len(runes)/3), 2, len(runes)-1)
	for _, name := range names {
		other := []rune(strings.ToLower(name))
		begins := len(runes) > 1 && len(other) >= len(runes) && slices.Equal(runes, other[:len(runes)])
		if begins || most > 0 && distance(runes, other, most) <= most {
			similar = append(similar, name)
		}
	}
	return similar
}

// Names returns the names of examples that have options, such as gamma for gamma(cv=2) and ramp for ramp:1k..2k@1m.
func Names(examples []string) (names []string) {
	for _, example := range examples {
		name, _, _ := strings.Cut(example, "(")
		name, _, _ = strings.Cut(name, ":")
		names = append(names, name)
	}
	return names
}

// distance returns how many letters two words differ by, in optimal string alignment; of words that differ by more
// than most in length, the difference of their lengths. See Boytsov, Indexing methods for approximate dictionary
// searching (2011), section 2.1.
func distance(a, b []rune, most int) int {
	if d := max(len(a)-len(b), len(b)-len(a)); d > most {
		return d
	}
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range a {
		before, last, row = last, row, before
		row[0] = i + 1
		for j := range b {
			other := 1
			if a[i] == b[j] {
				other = 0
			}
			row[j+1] = min(last[j+1]+1, row[j]+1, last[j]+other)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
	}
	return row[len(b)]
}
