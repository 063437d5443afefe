// Package page draws a run, a comparison and a plan as one HTML file each, which needs nothing else: it loads nothing
// over the network, and everything but the values under a pointer is there without scripts. The same input yields the
// same bytes.
//
// All pages are one design. Each answers three questions, in this order: what is the answer, can I believe it, and
// what next. Charts are lines in SVG that stretches, with texts in HTML that reflow. html/template escapes the text of
// users.
package page

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io"
	"regexp"
	"strings"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/report"
	"github.com/loadgen-go/loadgen/results/comparison"
)

//go:embed style.css script.js *.html
var files embed.FS

var pages = template.Must(template.New("").Funcs(template.FuncMap{
	"style":  func() template.CSS { return template.CSS(read("style.css")) },
	"script": func() template.JS { return template.JS(read("script.js")) },
	"long":   func(limit int, text string) bool { return format.Width(text) > limit },
	"dict":   dict,
}).ParseFS(files, "*.html"))

// read returns an embedded file.
func read(name string) string {
	data, err := files.ReadFile(name)
	if err != nil {
		panic(err) // it is embedded
	}
	return string(data)
}

// dict returns the arguments of a part of a page, which come in pairs of a name and a value.
func dict(pairs ...any) map[string]any {
	m := map[string]any{}
	for i := 0; i+1 < len(pairs); i += 2 {
		m[pairs[i].(string)] = pairs[i+1]
	}
	return m
}

// write writes a page. Nothing is written if it cannot be made.
func write(w io.Writer, name string, data any) error {
	var b bytes.Buffer
	if err := pages.ExecuteTemplate(&b, name, data); err != nil {
		return fmt.Errorf("page: %w", err)
	}
	_, err := w.Write(unreadable.ReplaceAll(b.Bytes(), []byte("?")))
	return err
}

// unreadable are the characters for which no name has a use: control characters, which HTML forbids, the character
// that html/template has for NUL, and those that turn the text around them.
var unreadable = regexp.MustCompile(
	"[\x01-\x08\x0b\x0c\x0e-\x1f\x7f-\u009f\ufffd\u202a-\u202e\u2066-\u2069]")

// A head is what the bar of a page shows.
type head struct {
	Title, Name, Meta string
	Levels            []*level // one control for the whole page, if there are several
}

// Menu reports whether the levels are too many, or their names too long, for buttons beside each other.
func (h *head) Menu() bool {
	width := 0
	for _, l := range h.Levels {
		width += format.Width(l.Name)
	}
	return len(h.Levels) > 4 || width > 50
}

// A chip is a short text with a tone: good, bad, doubt or flat. A symbol and a word repeat what its colour says.
type chip struct{ Tone, Text, More string }

// A card is one of the numbers that answer a question.
type card struct {
	Name        string
	Word        *chip
	Big, Of     string // the number, and its unit if it is not a change
	Interval    string
	Ratio       *ratio
	Detail      string
	Base, Head  string // values, if the card is a comparison
	Unit, Extra string
}

// A ratio shows the base and the head as bars from 0, and the interval of the head if the base is certain.
type ratio struct {
	Base, Head  string // classes of their colours
	All, At     px     // the ends of the bars of base and head, in per cent
	Left, Width px     // the interval, in per cent
}

// A table has a header and rows of texts. The first column is the name of a row.
type table struct {
	ID     string
	Header []string
	Rows   []line
	Class  string
}

// A line is a row of a table.
type line struct {
	Name   string
	Class  string
	Key    string // class of a line, as in the chart that the table belongs to
	Fields []field
}

// A field is a field of a table. Share is a percentage that its background shows, if its class is share.
type field struct {
	Text    string
	Class   string
	Share   int
	Verdict comparison.Verdict // as JSON has it, beside the word for people
}

// fields returns fields without a class.
func fields(texts ...string) (list []field) {
	for _, t := range texts {
		list = append(list, field{Text: t})
	}
	return list
}

// A step is what to do next.
type step struct{ Why, Command string }

// steps returns what to do next: the first of many steps.
func steps(list []report.Step) (next []step) {
	const most = 2
	for _, s := range list[:min(most, len(list))] {
		next = append(next, step{strings.TrimSuffix(s.Why, "."), s.Line()})
	}
	return next
}

// split returns the first sentence of an answer, without its full stop, and the others.
func split(answer string) (first, others string) {
	if at := sentenceEnd.FindStringIndex(answer); at != nil {
		return answer[:at[0]], answer[at[0]+2:]
	}
	return strings.TrimSuffix(answer, "."), ""
}

var sentenceEnd = regexp.MustCompile(`\. \pL`)
