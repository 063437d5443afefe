package house_test

import (
	"bytes"
	"go/scanner"
	"go/token"
	"strings"
	"testing"
)

// What is longer than a reader's patience has more than one subject.
func TestFilesHaveAtMost500Lines(t *testing.T) {
	const most = 500
	for _, f := range goFiles(t) {
		if lines := bytes.Count(f.text, []byte("\n")); lines > most && !f.testdata {
			t.Errorf("%s has %d lines: want at most %d", f.name, lines, most)
		}
	}
}

// Two files fit beside each other on a screen. A raw string of several lines and the output of an example are as long
// as they must be.
func TestLinesEndBeforeColumn120(t *testing.T) {
	const most = 119
	for _, f := range goFiles(t) {
		if f.testdata {
			continue
		}
		var verbatim map[int]bool
		for i, line := range strings.Split(string(f.text), "\n") {
			if width := columns(line); width > most {
				if verbatim == nil {
					verbatim = verbatimLines(f.text)
				}
				if !verbatim[i+1] {
					t.Errorf("%s:%d has %d columns: want at most %d", f.name, i+1, width, most)
				}
			}
		}
	}
}

// columns returns how wide a line is on a screen where a tab is four columns.
func columns(line string) int {
	return len([]rune(strings.ReplaceAll(line, "\t", "    ")))
}

// verbatimLines returns the lines of a Go file that belong to a raw string of several lines, or to the output of an
// example.
func verbatimLines(text []byte) map[int]bool {
	files := token.NewFileSet()
	file := files.AddFile("", -1, len(text))
	var s scanner.Scanner
	s.Init(file, text, nil, scanner.ScanComments)
	lines := map[int]bool{}
	output := false // the comment before was of an example's output
	for {
		pos, tok, literal := s.Scan()
		if tok == token.EOF {
			return lines
		}
		output = tok == token.COMMENT && (output || literal == "// Output:")
		breaks := strings.Count(literal, "\n")
		if !output && (tok != token.STRING || breaks == 0) {
			continue
		}
		for i := range breaks + 1 {
			lines[file.Line(pos)+i] = true
		}
	}
}
