package format_test

import (
	"strings"
	"testing"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
)

func TestGridAlignsAndSharesHeaders(t *testing.T) {
	lines := format.Grid([][]string{{"", "p99 latency, us", "p99 latency, us", "B/op"},
		{"spans", "1k/s", "10k/s", "10k/s"}},
		[][]string{{"none", "143!", "100 ", "271"}, {"pooled-value", "-", "1,234", "5"}}, 1, 80)
	want := `
              p99 latency, us   B/op
spans           1k/s    10k/s  10k/s
none            143!     100     271
pooled-value       -    1,234      5`
	if got := "\n" + strings.Join(lines, "\n"); got != want {
		t.Errorf("got%s\nwant%s", got, want)
	}
}

func TestGridContinuesBelowWhatDoesNotFit(t *testing.T) {
	lines := format.Grid([][]string{{"arm", "aaaa", "bbbb", "cccc"}}, [][]string{{"x", "1", "2", "3"}}, 1, 16)
	want := `
arm  aaaa  bbbb
x       1     2

arm  cccc
x       3`
	if got := "\n" + strings.Join(lines, "\n"); got != want {
		t.Errorf("got%s\nwant%s", got, want)
	}
}

func TestGridShowsEveryColumnHoweverNarrow(t *testing.T) {
	lines := format.Grid([][]string{{"a-long-name", "column"}}, [][]string{{"x", "value"}}, 1, 5)
	if text := strings.Join(lines, "\n"); !strings.Contains(text, "value") {
		t.Errorf("no value in\n%s", text)
	}
}

func TestMiddleKeepsTheEnds(t *testing.T) {
	for _, row := range []struct {
		text  string
		width int
		want  string
	}{
		{"pooled-value", 20, "pooled-value"},
		{"pooled-value", 12, "pooled-value"},
		{"pooled-value", 9, "pool…alue"},
		{"pooled-value", 8, "pool…lue"},
	} {
		t.Run(row.want, func(t *testing.T) {
			got := format.Middle(row.text, row.width)
			if got != row.want || format.Width(got) > row.width {
				t.Errorf("%q, want %q", got, row.want)
			}
		})
	}
}
