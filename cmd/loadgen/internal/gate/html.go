package gate

import (
	_ "embed"
	"html/template"
	"strings"
)

//go:embed page.html
var page string

var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
	"remarks": (*Report).remarks,
	"title":   (*Table).title,
	"row":     (*Cell).row,
	"header":  func() []string { return header },
}).Parse(page))

// HTML is r as a page of its own, which loads nothing.
func HTML(r *Report) (string, error) {
	var b strings.Builder
	err := pageTemplate.Execute(&b, r)
	return b.String(), err
}
