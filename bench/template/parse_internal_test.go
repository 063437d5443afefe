package template

import (
	"strings"
	"testing"
)

// A placeholder that is wrong is an error with its line and column.
func TestAPlaceholderThatIsWrongIsFound(t *testing.T) {
	one := map[string]*Table{"users": {file: "users.csv", columns: []string{"id", "name"},
		rows: [][]string{{"1", "a\nb"}}}}
	two := map[string]*Table{"users": one["users"], "items": one["users"]}
	for _, c := range []struct {
		name, text, want string
		tables           map[string]*Table
		q                Quoting
	}{
		{name: "no end", text: "ab\ncd{{n", want: "x:2:3: {{ has no }}"},
		{name: "empty", text: "{{}}", want: "x:1:1: {{}} is empty: want one of n, key"},
		{name: "unknown", text: "é{{foo}}", want: `x:1:2: "foo" is not known: want one of n, key`},
		{name: "arguments", text: "{{n 1}}", want: "n takes no arguments"},
		{name: "a range of one", text: "{{int 1}}", want: "int takes two whole numbers"},
		{name: "a range of words", text: "{{int a b}}", want: `"a" is not one`},
		{name: "a range that ends in a word", text: "{{int 1 b}}", want: `"b" is not one`},
		{name: "a range upside down", text: "{{int 2 1}}", want: "want the smaller number first"},
		{name: "env without quotes", text: "{{env HOME}}", want: "env takes one name in quotes"},
		{name: "a file that is missing", text: `{{file "/nosuch"}}`, want: "open /nosuch"},
		{name: "a quote without an end", text: `{{env "x}}`, want: "x:1:7: a quoted text has no end"},
		{name: "no data", text: "{{row.id}}", want: "row.id needs data"},
		{name: "no column", text: "{{row}}", want: "row needs a column", tables: one},
		{name: "another column", text: "{{row.age}}", want: `no column "age": want one of id, name`, tables: one},
		{name: "other data", text: "{{row.orders.id}}", want: `no data "orders": want one of users`, tables: one},
		{name: "one of several", text: "{{row.id}}", want: "want row.DATA.COLUMN, with one of items, users",
			tables: two},
		{name: "a line break in a header", text: "{{row.name}}", want: "row 2 has a control character", tables: one,
			q: InHeader},
		{name: "a line break within", text: "{{int 1\n2}}", want: "want }} at the end"},
		{name: "one brace", text: "{{n} }", want: "want }} at the end"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := &Parser{Tables: c.tables}
			if _, err := p.Parse("x", c.text, c.q); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v: want %q", err, c.want)
			}
		})
	}
}

func TestWholeNumbersReachBothEnds(t *testing.T) {
	for text, want := range map[string]string{
		"{{int 0 1}}": "0 1", "{{int -1 1}}": "-1 0 1", "{{int 5 5}}": "5",
	} {
		t.Run(text, func(t *testing.T) {
			cut, err := (&Parser{Seed: 1}).Parse("x", text, Verbatim)
			if err != nil {
				t.Fatal(err)
			}
			seen := map[string]bool{}
			for n := range uint64(100) {
				seen[string(cut.Append(nil, &Values{N: n}))] = true
			}
			for _, number := range strings.Fields(want) {
				if !seen[number] {
					t.Errorf("%s did not come up: %v", number, seen)
				}
				delete(seen, number)
			}
			if len(seen) > 0 {
				t.Errorf("%v came up: want only %s", seen, want)
			}
		})
	}
	whole, err := (&Parser{}).Parse("x", "{{int -9223372036854775808 9223372036854775807}}", Verbatim)
	if err != nil || len(whole.Append(nil, &Values{})) == 0 {
		t.Errorf("the whole range: %v", err)
	}
}

// Values of rows and keys are escaped where a text is JSON, and constants are not.
func TestValuesWithinJSON(t *testing.T) {
	p := &Parser{Messages: true, Vars: map[string]string{"v": `{"a": "b"}`},
		Tables: map[string]*Table{"users": {columns: []string{"name"}, rows: [][]string{{"a\"b\n"}}}}}
	for text, want := range map[string]string{
		`{"n": "{{row.name}}"}`: `{"n": "a\"b\n"}`, `{"k": "{{key}}"}`: `{"k": "\"k\\"}`, "{{v}}": `{"a": "b"}`,
		"{{n}} {{message}}": "7 2",
	} {
		t.Run(text, func(t *testing.T) {
			cut, err := p.Parse("x", text, InJSON)
			if err != nil {
				t.Fatal(err)
			}
			if got := string(cut.Append(nil, &Values{N: 7, Key: `"k\`, Message: 2})); got != want {
				t.Errorf("%s, want %s", got, want)
			}
		})
	}
	if _, err := (&Parser{}).Parse("x", "{{message}}", InJSON); err == nil {
		t.Error("a message has a number in a request that has no messages")
	}
}

func FuzzTemplate(f *testing.F) {
	for _, text := range []string{"", "a{{n}}b", "{{", "}}", `{{"{{"}}`, "{{int 1 2}}{{uuid}}", "{{row.id}}",
		"{{ key }}", "{{n}", "{{\"", "{{row.users.id}}"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		tables := map[string]*Table{"users": {columns: []string{"id"}, rows: [][]string{{"1"}}}}
		for _, q := range []Quoting{Verbatim, InPath, InHeader, InJSON} {
			cut, err := (&Parser{Tables: tables}).Parse("x", text, q)
			if err != nil {
				continue
			}
			first, again := cut.Append(nil, &Values{N: 3, Key: "k"}), cut.Append(nil, &Values{N: 3, Key: "k"})
			if string(first) != string(again) {
				t.Errorf("%q and then %q", first, again)
			}
			if !strings.Contains(text, "{{") && string(first) != text {
				t.Errorf("a text without placeholders became %q", first)
			}
		}
	})
}

func FuzzTable(f *testing.F) {
	for _, text := range []string{"", "id\n1\n", "\ufeffid,b\n1,2\n", "a,a\n1,2\n", "\"", "a\n\"x\ny\"\n"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		table, err := parseTable("x.csv", text)
		if err != nil {
			return
		}
		for _, name := range table.columns {
			if values, err := table.column(name, Verbatim); err != nil || len(values) != len(table.rows) {
				t.Errorf("column %q: %d values of %d rows, %v", name, len(values), len(table.rows), err)
			}
		}
	})
}
