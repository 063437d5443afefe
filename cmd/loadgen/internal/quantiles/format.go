package quantiles

import (
	"strings"
	"time"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/report"
)

// none is printed for values that were not measured or that there are too few samples for.
const none = "-"

// percent returns a share in per cent.
func percent(share float64) string { return report.Number(100*share) + "%" }

// signed returns a share in per cent, with a sign unless it is 0.
func signed(share float64) string {
	if share > 0 {
		return "+" + percent(share)
	}
	return percent(share)
}

// size returns the size of a state, or none if it is unknown.
func size(b int) string {
	if b == 0 {
		return none
	}
	return report.Memory(float64(b))
}

// duration returns d with four digits.
func duration(d time.Duration) string {
	unit := time.Duration(1)
	for d/unit >= 10_000 {
		unit *= 10
	}
	return d.Round(unit).String()
}

// list returns "a", "a and b", or "a, b and c".
func list(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " and " + names[last]
}

// wrap breaks a sentence into lines of at most 100 characters.
func wrap(s string) string {
	const width = 100
	var b strings.Builder
	column := 0
	for _, word := range strings.Fields(s) {
		switch {
		case column == 0:
		case column+1+len(word) > width:
			b.WriteByte('\n')
			column = 0
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += len(word)
	}
	return b.String()
}
