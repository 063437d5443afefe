package quantiles

import (
	"strings"
	"time"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/report"
)

// none stands for what was not measured or cannot be stated.
const none = "-"

// percent writes a share.
func percent(share float64) string { return report.Number(100*share) + "%" }

// signed is percent with a sign of its own, where it is not 0.
func signed(share float64) string {
	if share > 0 {
		return "+" + percent(share)
	}
	return percent(share)
}

// size is the memory of a state that may not be told.
func size(b int) string {
	if b == 0 {
		return none
	}
	return report.Memory(float64(b))
}

// duration writes d with four digits.
func duration(d time.Duration) string {
	unit := time.Duration(1)
	for d/unit >= 10_000 {
		unit *= 10
	}
	return d.Round(unit).String()
}

// list writes "a", "a and b", or "a, b and c".
func list(all []string) string {
	if len(all) < 2 {
		return strings.Join(all, "")
	}
	last := len(all) - 1
	return strings.Join(all[:last], ", ") + " and " + all[last]
}

// wrap breaks a sentence into lines of up to 100 characters.
func wrap(s string) string {
	const width = 100
	var b strings.Builder
	at := 0
	for _, word := range strings.Fields(s) {
		switch {
		case at == 0:
		case at+1+len(word) > width:
			b.WriteByte('\n')
			at = 0
		default:
			b.WriteByte(' ')
			at++
		}
		b.WriteString(word)
		at += len(word)
	}
	return b.String()
}
