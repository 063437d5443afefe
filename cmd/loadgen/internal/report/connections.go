package report

import (
	"fmt"

	"github.com/loadgen-go/loadgen/bench/httptarget"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/terminal"
	"github.com/loadgen-go/loadgen/quantile"
)

// connectionsLine returns a line about the connections to a service of all visits, or "" if there are none.
func connectionsLine(cells []*view, screen *terminal.Screen) string {
	var sum httptarget.Connections
	var visits int
	phases := []struct {
		name string
		of   func(*httptarget.Connections) *quantile.HDR
		all  *quantile.HDR
	}{
		{"dns", func(c *httptarget.Connections) *quantile.HDR { return c.DNS }, quantile.NewHDR()},
		{"connect", func(c *httptarget.Connections) *quantile.HDR { return c.Connect }, quantile.NewHDR()},
		{"tls", func(c *httptarget.Connections) *quantile.HDR { return c.TLS }, quantile.NewHDR()},
	}
	for _, v := range cells {
		for _, visit := range v.visits {
			c := visit.Connections
			if c == nil {
				continue
			}
			visits++
			sum.Opened, sum.Failed = sum.Opened+c.Opened, sum.Failed+c.Failed
			sum.Reconnects, sum.Resent = sum.Reconnects+c.Reconnects, sum.Resent+c.Resent
			for _, p := range phases {
				if h := p.of(c); h != nil {
					p.all.Merge(h)
				}
			}
		}
	}
	if visits == 0 {
		return ""
	}
	text := fmt.Sprintf("Connections of %s: %s opened, %s failed; %s in calls because one was lost; %s sent again.",
		format.Plural(visits, "visit"), format.Count(sum.Opened), format.Count(sum.Failed),
		format.Plural(int(sum.Reconnects), "reconnect"), format.Plural(int(sum.Resent), "request"))
	for _, p := range phases {
		if p.all.Count() > 0 {
			text += fmt.Sprintf(" %s took at most %s us.", p.name, format.Micros(float64(p.all.Max())))
		}
	}
	return "\n" + screen.Wrap(text, "  ")
}

// streamsLine returns a line about the messages of streams of all visits, or "" if there are none.
func streamsLine(cells []*view, screen *terminal.Screen) string {
	var visits int
	var sent, received uint64
	gaps := quantile.NewHDR()
	for _, v := range cells {
		for _, visit := range v.visits {
			s := visit.Streams
			if s == nil {
				continue
			}
			visits, sent, received = visits+1, sent+s.Sent, received+s.Received
			if s.Gaps != nil {
				gaps.Merge(s.Gaps)
			}
		}
	}
	if visits == 0 {
		return ""
	}
	text := fmt.Sprintf("Streams of %s: %s sent, %s received.", format.Plural(visits, "visit"),
		format.Plural(int(sent), "message"), format.Count(received))
	if gaps.Count() > 0 {
		text += fmt.Sprintf(" Between two messages received passed %s us at p50, %s us at p99 and at most %s us.",
			format.Micros(float64(gaps.Quantile(0.5))), format.Micros(float64(gaps.Quantile(0.99))),
			format.Micros(float64(gaps.Max())))
	}
	return "\n" + screen.Wrap(text, "  ")
}
