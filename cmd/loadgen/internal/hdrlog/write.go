// Package hdrlog reads and writes files of HdrHistogram and its tools: logs of
// histograms (.hlog), and percentiles as text (.hgrm), which it only writes.
//
// [ParseInterval] parses a line of a log of any tool, in any version of the format.
// [Log] and [Percentiles] write the histograms of visits, in buckets of three significant
// figures. They do not contain calls that failed or never began.
package hdrlog

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"time"

	hdrhistogram "github.com/HdrHistogram/hdrhistogram-go"

	"github.com/loadgen-go/loadgen/quantile"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/scenarios"
)

// A file is a file to write.
type file struct {
	Name string
	Data []byte
}

// Percentiles returns a file for each cell with measurements, named after the cell. It is HdrHistogram's
// percentile text (.hgrm), with values in microseconds, which its plotter reads. Visits are merged.
func Percentiles(run *results.Run) (files []file, err error) {
	taken := map[string]bool{}
	for _, cell := range run.Scenario.Cells() {
		merged := quantile.NewHDR()
		for _, v := range visits(run, cell) {
			if err := merged.Merge(v.Record.Latency); err != nil {
				return nil, fmt.Errorf("%v: %w", cell, err)
			}
		}
		if merged.Count() == 0 {
			continue
		}
		text, err := encode(merged)
		if err != nil {
			return nil, fmt.Errorf("%v: %w", cell, err)
		}
		h, err := hdrhistogram.Decode([]byte(text))
		if err != nil {
			return nil, fmt.Errorf("%v: %w", cell, err)
		}
		var b bytes.Buffer
		const ticks, micros = 5, 1e3 // ticks per halving of the rest; nanoseconds per microsecond
		if _, err := h.PercentilesPrint(&b, ticks, micros); err != nil {
			return nil, fmt.Errorf("%v: %w", cell, err)
		}
		name := tag(cell)
		for i := 2; taken[name]; i++ {
			name = fmt.Sprintf("%s-%d", tag(cell), i)
		}
		taken[name] = true
		files = append(files, file{name + ".hgrm", b.Bytes()})
	}
	return files, nil
}

// Log writes a histogram log (.hlog) of format V2, with a line for each visit, in the order
// in which they were made, tagged with its cell. As in HdrHistogram for Java, values are in nanoseconds, and the
// maximum of a line is in milliseconds.
func Log(w io.Writer, run *results.Run) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "#[Histogram log format version 1.3]\n#[BaseTime: %.3f (seconds since epoch)]\n",
		seconds(time.Duration(run.Began.UnixNano())))
	b.WriteString(`"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"` + "\n")
	lines := 0
	for _, v := range run.Visits {
		if !v.Usable() || v.Record.Latency.Count() == 0 {
			continue
		}
		text, err := encode(v.Record.Latency)
		if err != nil {
			return fmt.Errorf("%v in round %d: %w", v.Cell, v.Round, err)
		}
		fmt.Fprintf(&b, "Tag=%s,%.3f,%.3f,%.3f,%s\n", tag(v.Cell), max(seconds(v.Began.Sub(run.Began)), 0),
			seconds(v.Record.Elapsed), float64(v.Record.Latency.Max())/1e6, text)
		lines++
	}
	if lines == 0 {
		return errors.New("no visit was completed, so there is no histogram to write")
	}
	_, err := w.Write(b.Bytes())
	return err
}

// seconds returns d in seconds.
func seconds(d time.Duration) float64 { return float64(d) / 1e9 }

// visits returns the usable visits of a cell.
func visits(run *results.Run, cell scenarios.Cell) (list []*results.Visit) {
	for _, v := range run.Visits {
		if v.Cell == cell && v.Usable() {
			list = append(list, v)
		}
	}
	return list
}

// Of returns the counts of h, bucket by bucket. Values above [quantile.MaxHDR] are in the last bucket.
func Of(h *quantile.HDR) (*Histogram, error) {
	text, err := encode(h)
	if err != nil {
		return nil, err
	}
	return decode(text)
}

// encode returns h as text of format V2, which is part of its JSON.
func encode(h *quantile.HDR) (string, error) {
	data, err := h.MarshalJSON()
	if err != nil {
		return "", err
	}
	var kept struct {
		Counters string `json:"hdr_v2"`
	}
	err = json.Unmarshal(data, &kept)
	return kept.Counters, err
}

// unsafe matches what neither file names nor tags may contain. A comma ends a tag.
var unsafe = regexp.MustCompile(`[^A-Za-z0-9=._+-]+`)

// tag returns the name of a cell as a tag, and as a part of a file name.
func tag(c scenarios.Cell) string {
	return unsafe.ReplaceAllString(c.Arm()+"_"+c.Level.Name(), "_")
}
