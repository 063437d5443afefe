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
	"header":  func() []any { return header },
}).Parse(page))

// html returns the report as an HTML page that loads no other resources.
func html(r *Report) (string, error) {
	var b strings.Builder
	err := pageTemplate.Execute(&b, r)
	return b.String(), err
}
