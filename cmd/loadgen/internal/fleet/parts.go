package fleet

import (
	"fmt"
	"html/template"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
)

// A Part is a piece of a plan for a page: sentences, or a table. A title begins those
// that follow until the next title.
type Part struct {
	Title     string
	Sentences []string
	Table     template.HTML // whose cells are escaped
}

// Parts are those that the text has after its first line, in its order.
func (p *Plan) Parts() []Part {
	var all parts
	p.write(&all)
	return all[1:]
}

// Headline is what is asked, and the answer in a sentence with its caveats.
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
	return fmt.Sprintf("How many instances carry %s/s?", rate(p.Peak)), answer + "."
}

// parts is the style that collects them.
type parts []Part

func (all *parts) table(t table.Writer) string {
	t.Style().HTML = table.HTMLOptions{CSSClass: "plan", EmptyColumn: "&nbsp;", EscapeText: true, Newline: "<br/>"}
	*all = append(*all, Part{Table: template.HTML(t.RenderHTML())})
	return ""
}

func (all *parts) sentences(title string, some []string) string {
	*all = append(*all, Part{Title: title, Sentences: some})
	return ""
}

func (*parts) name(s string) string  { return s }
func (*parts) asked(s string) string { return "[" + s + "]" }
