package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// A row is what became of the spans of an arm in a visit, at each hop.
type row struct {
	Visit    string `json:"visit"`
	Arm      string `json:"arm"`
	Requests int    `json:"requests"`
	Started  int    `json:"started"`
	Exported int    `json:"exported"`
	Failed   int    `json:"failed"`
	Dropped  int    `json:"dropped"`
	Accepted int    `json:"collector_accepted"`
	Sent     int    `json:"collector_sent"`
	Saved    int    `json:"jaeger_saved"`
	Lost     int    `json:"lost"`
	Where    string `json:"where"` // the hop that lost most, or ""
}

// row returns the row of a passage.
func (p *passage) row() row {
	a, h := p.account, p.hops
	r := row{p.visit, p.arm, len(p.load.calls), a.Started, a.Exported, a.Failed, a.Dropped, h.accepted, h.sent,
		h.saved, p.lost(), ""}
	most := 0
	for _, loss := range []struct {
		hop string
		n   int
	}{
		{"in the service, whose queue was full", a.Dropped},
		{"in the service, whose exports failed", a.Failed},
		{"on the way to the collector", a.Exported - h.accepted},
		{"in the collector", h.accepted - h.sent},
		{"in Jaeger", h.sent - h.saved},
	} {
		if loss.n > most {
			most, r.Where = loss.n, loss.hop
		}
	}
	return r
}

// A part is the time that a span took itself, in a trace or in all of an arm.
type part struct {
	Span  string        `json:"span"`
	Took  time.Duration `json:"took_ns"`
	Share float64       `json:"share"`
}

// A bottleneck says where time went.
type bottleneck struct {
	Arm   string        `json:"arm"`
	Trace string        `json:"trace"` // "" is all traces
	Name  string        `json:"name"`
	Took  time.Duration `json:"took_ns"`
	Parts []part        `json:"parts"`
}

// bottlenecks returns where the time of the slowest trace of each arm went, and that of all traces.
func (r *reading) bottlenecks() (list []bottleneck) {
	for _, arm := range []string{sdk, pooled} {
		t := r.slowest[arm]
		if t == nil {
			continue
		}
		list = append(list,
			bottleneck{arm, r.calls[arm].trace, t.root.name, t.root.took(), partsOf(t.selfTimes())},
			bottleneck{arm, "", "all traces", sumOf(shares(r.self[arm])), partsOf(shares(r.self[arm]))})
	}
	return list
}

func partsOf(shares []share) (list []part) {
	for _, s := range shares {
		list = append(list, part{s.name, s.took, s.share})
	}
	return list
}

func sumOf(shares []share) (sum time.Duration) {
	for _, s := range shares {
		sum += s.took
	}
	return sum
}

// String returns a line: which span took most, and its share.
func (b bottleneck) String() string {
	var parts []string
	for _, p := range b.Parts[:min(len(b.Parts), 4)] {
		name := p.Span
		if name == b.Name {
			name = "the request itself"
		}
		parts = append(parts, fmt.Sprintf("%s %.0f %%", name, 100*p.Share))
	}
	what := fmt.Sprintf("all traces, %v", b.Took.Round(time.Millisecond))
	if b.Trace != "" {
		what = fmt.Sprintf("slowest trace %s, %s, %v", b.Trace, b.Name, b.Took.Round(time.Microsecond))
	}
	return fmt.Sprintf("%s, %s:\n    %s", b.Arm, what, strings.Join(parts, ", "))
}

// A document is the result as JSON.
type document struct {
	Schema      int          `json:"schema"`
	Seed        uint64       `json:"seed"`
	Rate        float64      `json:"spans_per_second"`
	Took        float64      `json:"took_s"`
	Hops        []row        `json:"hops"`
	Traces      int          `json:"traces_read"`
	Spans       int          `json:"spans_read"`
	Properties  int          `json:"properties_compared"`
	Counts      int          `json:"prometheus_counts_compared"`
	Bottlenecks []bottleneck `json:"bottlenecks"`
	Latency     []ratio      `json:"latency"`
	Problems    []string     `json:"problems"`
}

// document returns the result as it is printed.
func (r *result) document() document {
	d := document{
		Schema: 1, Seed: r.options.seed, Rate: r.options.rate, Took: r.took.Round(100 * time.Millisecond).Seconds(),
		Problems:    append([]string{}, r.problems...),
		Bottlenecks: []bottleneck{},
		Latency:     append([]ratio{}, ratios(r.passages, begin, r.options.outage)...),
	}
	d.Hops = []row{}
	for _, p := range r.passages {
		d.Hops = append(d.Hops, p.row())
		d.Counts += p.compared
	}
	if r.reading != nil {
		d.Traces, d.Spans, d.Properties = r.reading.traces, r.reading.spans, r.reading.properties
		d.Bottlenecks = r.reading.bottlenecks()
	}
	return d
}

// print prints the result.
func (r *result) print(w io.Writer) error {
	d := r.document()
	if r.options.format == "json" {
		text, err := json.MarshalIndent(d, "", "  ")
		if err != nil {
			return err
		}
		_, err = w.Write(append(text, '\n'))
		return err
	}
	_, err := w.Write(d.text())
	return err
}

// text returns the tables, and what does not add up.
func (d document) text() []byte {
	var b bytes.Buffer
	d.writeHops(&b)
	if d.Traces > 0 {
		fmt.Fprintf(&b, "\nRead back from Jaeger: %d traces, %d spans; %d properties of sdk and pooled compared.\n"+
			"Read back from Prometheus: %d counts of requests by route.\n", d.Traces, d.Spans,
			d.Properties, d.Counts)
	}
	if len(d.Bottlenecks) > 0 {
		fmt.Fprint(&b, "\nWhere the time went, without that of children:\n")
		for _, line := range d.Bottlenecks {
			fmt.Fprintf(&b, "  %s\n", line)
		}
	}
	d.writeLatency(&b)
	if len(d.Problems) == 0 {
		fmt.Fprintf(&b, "\nEverything adds up (seed %d, %.1f s).\n", d.Seed, d.Took)
		return b.Bytes()
	}
	fmt.Fprintf(&b, "\nDoes not add up (seed %d, %.1f s):\n", d.Seed, d.Took)
	for _, p := range d.Problems {
		fmt.Fprintf(&b, "  %s\n", p)
	}
	return b.Bytes()
}

// writeHops writes the table of who lost what.
func (d document) writeHops(b *bytes.Buffer) {
	t := tabwriter.NewWriter(b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "\t\tservice:\t\t\t\t\tcollector:\t\tJaeger:\t\t\n")
	fmt.Fprint(t, "load\tspans\trequests\tstarted\texported\tfailed\tdropped\taccepted\tsent\tsaved\tlost\t\n")
	for _, r := range d.Hops {
		fmt.Fprintf(t, "%s\t%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t\n", r.Visit, r.Arm, r.Requests, r.Started,
			r.Exported, r.Failed, r.Dropped, r.Accepted, r.Sent, r.Saved, r.Lost)
	}
	_ = t.Flush() // cannot fail: it writes to memory
	for _, r := range d.Hops {
		if r.Lost > 0 {
			fmt.Fprintf(b, "%s, %s: lost %d of %d (%.1f %%), most %s\n", r.Visit, r.Arm, r.Lost, r.Started,
				100*float64(r.Lost)/float64(max(r.Started, 1)), r.Where)
		}
	}
}

// writeLatency writes the table of latency during an outage.
func (d document) writeLatency(b *bytes.Buffer) {
	if len(d.Latency) == 0 {
		return
	}
	fmt.Fprint(b, "\nLatency of requests while the collector is stopped, against the same calls of a calm round:\n")
	t := tabwriter.NewWriter(b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "spans\t\tcalm\toutage\tratio\tof rounds\t\n")
	for _, r := range d.Latency {
		fmt.Fprintf(t, "%s\t%s\t%v\t%v\t%.2f\t%.2f..%.2f\t\n", r.Arm, r.Percentile, r.Calm.Round(time.Microsecond),
			r.Outage.Round(time.Microsecond), r.Ratio, r.Least, r.Most)
	}
	_ = t.Flush() // cannot fail: it writes to memory
	for _, r := range d.Latency {
		if r.warns() {
			fmt.Fprintf(b, "warning: the %s of %s is more than %d times as long in an outage, in every round\n",
				r.Percentile, r.Arm, wide)
		}
	}
}
