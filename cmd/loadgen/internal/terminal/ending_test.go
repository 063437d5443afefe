package terminal_test

import (
	"bytes"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/terminal"
	"github.com/loadgen-go/loadgen/internal/property"
)

// of returns a screen of so many columns.
func of(columns string, o terminal.Options) *terminal.Screen {
	return terminal.New(&bytes.Buffer{}, o, env("COLUMNS="+columns))
}

func TestAnEndingHasItsLinesInOneOrder(t *testing.T) {
	full := terminal.Ending{Answer: "A is better.", Doubt: "it was busy", Next: "loadgen run", Why: "again",
		Rest: "loadgen show --all DIR", Exit: 1}
	for name, row := range map[string]struct {
		change func(e *terminal.Ending)
		want   string
	}{
		"all of them": {func(*terminal.Ending) {}, "A is better.\nIn doubt: it was busy.\n" +
			"Next: loadgen run     (again)\nMore: loadgen show --all DIR                          exit 1\n"},
		"only an answer": {func(e *terminal.Ending) { *e = terminal.Ending{Answer: e.Answer} }, "A is better.\n"},
		"an exit code with a line of its own": {func(e *terminal.Ending) { e.Rest, e.Next = "", "" },
			"A is better.\nIn doubt: it was busy.\nexit 1\n"},
		"no room for the reason": {func(e *terminal.Ending) { e.Why, e.Exit = strings.Repeat("why ", 15)+"not", 0 },
			"A is better.\nIn doubt: it was busy.\n" +
				"Next: loadgen run\n  (why why why why why why why why why why why why why why\n  why not)\n" +
				"More: loadgen show --all DIR\n"},
		"words before a command": {func(e *terminal.Ending) { e.Advice, e.Exit = "close it, then", 0 },
			"A is better.\nIn doubt: it was busy.\nNext: close it, then loadgen run     (again)\n" +
				"More: loadgen show --all DIR\n"},
		"words without a command": {func(e *terminal.Ending) {
			*e = terminal.Ending{Advice: strings.Repeat("do ", 20) + "it", More: strings.Repeat("in ", 20) + "it"}
		}, "Next: do do do do do do do do do do do do do do do do do do\n  do do it\n" +
			"More: in in in in in in in in in in in in in in in in in in\n  in in it\n"},
		"no room for a command": {func(e *terminal.Ending) {
			e.Next, e.Rest, e.Exit = "loadgen run "+strings.Repeat("x", 43), "loadgen show --all "+strings.Repeat("y",
				60), 0
		}, "A is better.\nIn doubt: it was busy.\nNext: (again)\n  loadgen run " + strings.Repeat("x", 43) +
			"\nMore:\n  loadgen show --all " + strings.Repeat("y", 60) + "\n"},
		"a command that just fits": {func(e *terminal.Ending) {
			e.Next, e.Rest, e.Exit = "loadgen run "+strings.Repeat("x", 42), "", 0
		}, "A is better.\nIn doubt: it was busy.\nNext: loadgen run " + strings.Repeat("x", 42) + "\n  (again)\n"},
		"no room for a command after words": {func(e *terminal.Ending) {
			*e = terminal.Ending{Advice: "close other programs, then", Next: "loadgen run  " + strings.Repeat("x", 43)}
		}, "Next: close other programs, then\n  loadgen run  " + strings.Repeat("x", 43) + "\n"},
		"no room for the exit code": {func(e *terminal.Ending) { e.Rest = strings.Repeat("x", 52) },
			"A is better.\nIn doubt: it was busy.\nNext: loadgen run     (again)\nMore: " +
				strings.Repeat("x", 52) + "\nexit 1\n"},
	} {
		t.Run(name, func(t *testing.T) {
			e := full
			row.change(&e)
			if got := of("60", terminal.Options{}).Ending(e); got != row.want {
				t.Errorf("got\n%s\nwant\n%s", got, row.want)
			}
		})
	}
}

// Whatever the width, a command stands in one line, so that pasting a line runs all of it.
func TestACommandIsNeverBroken(t *testing.T) {
	property.Check(t, func(t *rapid.T) {
		word := rapid.StringMatching(`[a-z/'-]{1,30}`)
		command := func(label string) string {
			return strings.Join(rapid.SliceOfN(word, 1, 8).Draw(t, label), " ")
		}
		e := terminal.Ending{Advice: rapid.SampledFrom([]string{"", "close other programs, then"}).Draw(t, "advice"),
			Next: command("next"), Why: rapid.SampledFrom([]string{"", "again", strings.Repeat("why ", 30)}).Draw(t,
				"why"),
			Rest: command("rest"), Exit: rapid.IntRange(0, 1).Draw(t, "exit")}
		got := of(rapid.SampledFrom([]string{"40", "60", "80", "200"}).Draw(t, "width"), terminal.Options{}).Ending(e)
		for _, command := range []string{e.Next, e.Rest} {
			if !strings.Contains(got, command) {
				t.Fatalf("%q is broken:\n%s", command, got)
			}
		}
	})
}

func TestANarrowTableCutsNamesAndThenDropsColumns(t *testing.T) {
	table := terminal.NewTable(terminal.Column{}, terminal.Column{Title: "first"}, terminal.Column{Title: "second",
		Drop: 1}, terminal.Column{Title: "third", Drop: 2, Left: true}, terminal.Column{Title: "empty"})
	table.Line("a heading")
	table.Row("a-name-of-more-than-twenty-columns", "1", "2", strings.Repeat("3", 20))
	table.Row("b", "1,000", "", "3")
	for name, row := range map[string]struct{ columns, want string }{
		"with room": {"80", "" +
			"                                    first  second  third\n" +
			"a heading\n" +
			"a-name-of-more-than-twenty-columns      1       2  33333333333333333333\n" +
			"b                                   1,000          3\n"},
		"a cut name": {"60", "" +
			"                         first  second  third\n" +
			"a heading\n" +
			"a-name-of-m…nty-columns      1       2  33333333333333333333\n" +
			"b                        1,000          3\n"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := of(row.columns, terminal.Options{}).Table(table); got != row.want {
				t.Errorf("got\n%s\nwant\n%s", got, row.want)
			}
		})
	}
	table.Row("c", "1", "2", strings.Repeat("3", 40))
	if got := of("60", terminal.Options{}).Table(table); strings.Contains(got, "third") ||
		!strings.Contains(got, "second") {
		t.Errorf("the third column is not the first one to go:\n%s", got)
	}
}

func TestNoTableIsWiderThanTheScreen(t *testing.T) {
	property.Check(t, func(t *rapid.T) {
		text := property.Names()
		n := rapid.IntRange(1, 6).Draw(t, "columns")
		var columns []terminal.Column
		for range n {
			columns = append(columns, terminal.Column{Title: text.Draw(t, "title"), Left: rapid.Bool().Draw(t, "left"),
				Drop: rapid.IntRange(0, 3).Draw(t, "drop")})
		}
		s := of(rapid.SampledFrom([]string{"60", "80", "120"}).Draw(t, "width"), terminal.Options{Colour: "always"})
		table := terminal.NewTable(columns...)
		for range rapid.IntRange(0, 4).Draw(t, "rows") {
			cells := []string{text.Draw(t, "name")}
			for range n - 1 {
				cells = append(cells, s.Worse(text.Draw(t, "cell")))
			}
			table.Row(cells...)
		}
		for line := range strings.Lines(s.Table(table) + s.Blocks(table)) {
			if w := format.Width(strings.TrimSuffix(line, "\n")); w > s.Width {
				t.Fatalf("%d of %d columns: %q", w, s.Width, line)
			}
		}
	})
}

func TestBlocksHaveAllColumns(t *testing.T) {
	table := terminal.NewTable(terminal.Column{Title: "name"}, terminal.Column{Title: "first"},
		terminal.Column{Title: "second", Drop: 1}, terminal.Column{Title: "third", Drop: 2})
	table.Row("a", strings.Repeat("1", 30), strings.Repeat("2", 20), "3")
	want := "" +
		"name                           first                second\n" +
		"a     111111111111111111111111111111  22222222222222222222\n" +
		"\n" +
		"name  third\n" +
		"a         3\n"
	if got := of("60", terminal.Options{}).Blocks(table); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
