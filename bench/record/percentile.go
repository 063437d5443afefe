package record

import (
	"strconv"
	"strings"
)

// PercentileName returns the name of a percentile, such as p99.9 for 0.999. It moves the decimal point of q, which is
// from 0 to 1, by two places in the text. Multiplying by 100 would round: 0.29 would become p28.999999999999996.
func PercentileName(q float64) string {
	whole, part, _ := strings.Cut(strconv.FormatFloat(q, 'f', -1, 64), ".")
	part += strings.Repeat("0", max(2-len(part), 0))
	name := strings.TrimLeft(whole+part[:2], "0")
	if name == "" {
		name = "0"
	}
	if part = part[2:]; part != "" {
		name += "." + part
	}
	return "p" + name
}
