package terminal_test

import (
	"bytes"
	"strings"
	"testing"
	"unicode"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/terminal"
)

// env returns a function that looks up variables, given as NAME=VALUE.
func env(variables ...string) func(string) string {
	return func(name string) string {
		for _, v := range variables {
			if value, ok := strings.CutPrefix(v, name+"="); ok {
				return value
			}
		}
		return ""
	}
}

func TestAPipeHasTheWidthOfCOLUMNS(t *testing.T) {
	for name, row := range map[string]struct {
		columns string
		want    int
	}{
		"80 without it":         {"", 80},
		"as it says":            {"COLUMNS=100", 100},
		"at least 60":           {"COLUMNS=20", 60},
		"at most 140":           {"COLUMNS=400", 140},
		"80 if it is no number": {"COLUMNS=wide", 80},
		"80 if it is negative":  {"COLUMNS=-5", 80},
	} {
		t.Run(name, func(t *testing.T) {
			s := terminal.New(&bytes.Buffer{}, terminal.Options{}, env(row.columns))
			if s.Width != row.want {
				t.Errorf("Width = %d, want %d", s.Width, row.want)
			}
		})
	}
}

func TestOptionsAreStrongerThanTheEnvironment(t *testing.T) {
	for name, row := range map[string]struct {
		option string
		env    []string
		want   bool
	}{
		"none in a pipe":                     {"", nil, false},
		"auto is the default":                {"auto", nil, false},
		"forced by the environment":          {"", []string{"CLICOLOR_FORCE=1"}, true},
		"CLICOLOR_FORCE=0 forces nothing":    {"", []string{"CLICOLOR_FORCE=0"}, false},
		"NO_COLOR is stronger":               {"", []string{"CLICOLOR_FORCE=1", "NO_COLOR=1"}, false},
		"an empty NO_COLOR does not count":   {"", []string{"CLICOLOR_FORCE=1", "NO_COLOR="}, true},
		"always is stronger than NO_COLOR":   {"always", []string{"NO_COLOR=1"}, true},
		"never is stronger than FORCE":       {"never", []string{"CLICOLOR_FORCE=1"}, false},
		"always needs no terminal that says": {"always", []string{"TERM=dumb"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := terminal.New(&bytes.Buffer{}, terminal.Options{Colour: row.option}, env(row.env...))
			if got := s.Better("x") != "x"; got != row.want {
				t.Errorf("coloured: %t, want %t", got, row.want)
			}
		})
	}
}

func TestColoursDoNotSpanLines(t *testing.T) {
	s := terminal.New(&bytes.Buffer{}, terminal.Options{Colour: "always"}, env())
	if got, want := s.Worse("a\n\nb"), "\x1b[31ma\x1b[0m\n\n\x1b[31mb\x1b[0m"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAPipeHasASCIISymbolsAndKeepsNames(t *testing.T) {
	s := terminal.New(&bytes.Buffer{}, terminal.Options{}, env("LANG=C.UTF-8"))
	var b bytes.Buffer
	const drawn = "✓✗●○×━╺─│├┤┼└·…±▁▂▃▄▅▆▇█▉▊▋▌▍▎▏"
	if err := s.Print(&b, drawn+"é"); err != nil {
		t.Fatal(err)
	}
	text := []rune(b.String())
	if len(text) != len([]rune(drawn))+1 {
		t.Errorf("%q: symbols change the width of %q", b.String(), drawn)
	}
	for _, r := range text[:len(text)-1] {
		if r > unicode.MaxASCII {
			t.Errorf("%q is not ASCII", r)
		}
	}
	if !strings.HasSuffix(b.String(), "é") {
		t.Errorf("%q: a character of a name is gone", b.String())
	}
}

func TestUnknownColoursAreRefused(t *testing.T) {
	err := (&terminal.Options{Colour: "yes"}).Check()
	if err == nil || !strings.Contains(err.Error(), `"yes"`) || !strings.Contains(err.Error(), "auto, always, never") {
		t.Errorf("error %v", err)
	}
}

func TestNumbersAreNotCut(t *testing.T) {
	narrow := terminal.New(&bytes.Buffer{}, terminal.Options{}, env("COLUMNS=60"))
	table := terminal.NewTable(terminal.Column{Title: "arm"}, terminal.Column{Title: strings.Repeat("a", 30)},
		terminal.Column{Title: strings.Repeat("b", 30)})
	table.Row("sdk", "123,456", "789,012")
	text := narrow.Table(table)
	for _, number := range []string{"123,456", "789,012"} {
		if !strings.Contains(text, number) {
			t.Errorf("no %s in\n%s", number, text)
		}
	}
	for line := range strings.Lines(text) {
		if len(line) > 61 {
			t.Errorf("%d columns: %s", len(line)-1, line)
		}
	}
}
