package report

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
)

const (
	chartWidth  = 64 // columns
	chartHeight = 8  // rows, each of eight steps
)

// eighths are the characters of a chart's cell, from empty to full.
var eighths = []rune(" ▁▂▃▄▅▆▇█")

// Chart draws a rate over a duration. The function at returns the rate at a time, in calls per second, and is called
// for the middle of each column.
func Chart(at func(t time.Duration) float64, duration time.Duration) string {
	var rates [chartWidth]float64
	peak := 0.0
	for i := range rates {
		rates[i] = at(time.Duration((float64(i) + 0.5) / chartWidth * float64(duration)))
		peak = max(peak, rates[i], at(time.Duration(float64(i)/chartWidth*float64(duration))))
	}
	var b strings.Builder
	top := format.Rate(peak)
	for row := chartHeight - 1; row >= 0; row-- {
		label := ""
		switch row {
		case chartHeight - 1:
			label = top
		case 0:
			label = "0"
		}
		line := make([]rune, chartWidth)
		for i, r := range rates {
			filled := int(math.Round(r/max(peak, 1e-9)*chartHeight*8)) - 8*row
			if r > 0 && row == 0 {
				filled = max(filled, 1)
			}
			line[i] = eighths[min(max(filled, 0), 8)]
		}
		fmt.Fprintf(&b, "%*s │%s\n", len(top), label, strings.TrimRight(string(line), " "))
	}
	fmt.Fprintf(&b, "%*s └%s\n", len(top), "", strings.Repeat("─", chartWidth))
	fmt.Fprintf(&b, "%*s  0%*s\n", len(top), "", chartWidth-1, format.Duration(duration))
	return b.String()
}
