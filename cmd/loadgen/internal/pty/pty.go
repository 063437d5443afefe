// Package pty opens pseudo-terminals, for tests of what is shown on a terminal.
package pty

import (
	"fmt"
	"os"
	"strings"
)

// A PTY is a pseudo-terminal. Its caller must close it.
type PTY struct {
	Terminal *os.File // what a program writes to
	// other is the file descriptor of the other side, from which the text is read. Files would wait for it in a
	// goroutine of the runtime, which ends a test in fake time.
	other  int
	unread string // what was read and not returned yet
}

// Shown returns what a terminal shows after some text, line by line. It returns an error if the text has another
// control character than a line break, a carriage return, and the code that erases the rest of a line.
func Shown(text string) (string, error) {
	lines, column := [][]rune{nil}, 0
	for rest := []rune(text); len(rest) > 0; rest = rest[1:] {
		last, r := len(lines)-1, rest[0]
		switch line := lines[last]; {
		case r == '\n':
			lines, column = append(lines, nil), 0
		case r == '\r':
			column = 0
		case strings.HasPrefix(string(rest), "\x1b[K"):
			lines[last], rest = line[:column], rest[2:]
		case r < ' ':
			return "", fmt.Errorf("%q has control character %q", text, r)
		default:
			lines[last] = append(line[:column], append([]rune{r}, line[min(column+1, len(line)):]...)...)
			column++
		}
	}
	all := make([]string, len(lines))
	for i, line := range lines {
		all[i] = string(line)
	}
	return strings.Join(all, "\n"), nil
}
