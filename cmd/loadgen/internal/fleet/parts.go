package fleet

import (
	"fmt"
	"html/template"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
)

// A Part is a part of a plan for a page: sentences or a table. A title applies to the parts
// up to the next title.
type Part struct {
	Title     string
	Sentences []string
	Table     template.HTML // its cells are escaped
}

// Parts returns the parts that follow the first line of the text, in the same order.
func (p *Plan) Parts() []Part {
	var list parts
	p.write(&list)
	return list[1:]
}

// Headline returns the question, and the answer in a sentence with its caveats.
func (p *Plan) Headline() (question, answer string) {
	var needs []string
	for i := range p.Arms {
		a := &p.Arms[i]
		n := a.show(a.Instances)
		switch {
		case i > 0:
		case a.Instances == 1:
			n += " instance"
		default:
			n += " instances"
		}
		n += " of " + a.Arm
		if len(a.Caveats) > 0 {
			n += " (" + strings.Join(a.Caveats, ", ") + ")"
		}
		needs = append(needs, n)
	}
	last := len(needs) - 1
	if last > 0 {
		needs[last] = "or " + needs[last]
	}
	answer = "It takes " + strings.Join(needs, ", ")
	for _, c := range p.Caveats {
		answer += "; " + c
	}
	return fmt.Sprintf("How many instances carry %s?", format.GivenRate(p.Peak)), answer + "."
}

// parts is a style that collects the parts.
type parts []Part

// table adds a table.
func (list *parts) table(t table.Writer) string {
	t.Style().HTML = table.HTMLOptions{CSSClass: "plan", EmptyColumn: "&nbsp;", EscapeText: true, Newline: "<br/>"}
	*list = append(*list, Part{Table: template.HTML(t.RenderHTML())})
	return ""
}

// sentences adds sentences.
func (list *parts) sentences(title string, sentences []string) string {
	*list = append(*list, Part{Title: title, Sentences: sentences})
	return ""
}

// name returns s.
func (*parts) name(s string) string { return s }

// asked returns s in brackets.
func (*parts) asked(s string) string { return "[" + s + "]" }
