package fleet

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/terminal"
	"github.com/loadgen-go/loadgen/internal/property"
)

func TestNoLineOfAPlanIsWiderThanTheScreen(t *testing.T) {
	property.Check(t, func(t *rapid.T) {
		m := &Measured{Source: "results/capacity-x/capacity.json"}
		for i := range rapid.IntRange(1, 6).Draw(t, "arms") {
			told := rapid.Float64Range(100, 1e9).Draw(t, "told")
			m.Arms = append(m.Arms, Capacity{Arm: property.Names().Draw(t, "arm") +
				fmt.Sprint(i), Told: told, Holds: told, Low: told, High: 2 * told, Visit: givenVisit,
				Bound: rapid.Bool().Draw(t, "bound"), CPU: 1000})
		}
		p, err := New(Ask{Peak: 1e6, Headroom: 0.3, Failures: rapid.IntRange(0, 1000).Draw(t, "lost")}, m)
		if err != nil {
			t.Fatal(err)
		}
		width := rapid.IntRange(60, 140).Draw(t, "width")
		s := terminal.New(io.Discard, terminal.Options{Colour: "always"}, func(name string) string {
			return map[string]string{"COLUMNS": fmt.Sprint(width)}[name]
		})
		for line := range strings.Lines(p.text(s, terminal.Detail{All: rapid.Bool().Draw(t, "all")})) {
			// No word is broken, and no command.
			words := strings.Fields(format.Unstyled(line))
			n := format.Width(strings.TrimSuffix(line, "\n"))
			if n > width && len(words) > 1 && words[0] != "loadgen" {
				t.Fatalf("%d of %d columns: %s", n, width, line)
			}
		}
	})
}
