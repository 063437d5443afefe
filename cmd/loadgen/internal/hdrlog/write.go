// Package hdrlog reads and writes the files of HdrHistogram and its tools: logs of
// histograms (.hlog), and percentiles as text (.hgrm), which it only writes.
//
// [ParseInterval] reads a line of a log of any tool, in every format there has been.
// [Log] and [Percentiles] write what the histograms of visits hold, in buckets of three
// figures: calls that failed, or never began, are in neither.
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

// A File is a file to write.
type File struct {
	Name string
	Data []byte
}

// Percentiles are a file for each cell of which something was measured, named after
// it: HdrHistogram's percentile text (.hgrm), with values in microseconds, which its
// plotter opens. Visits are merged.
func Percentiles(run *results.Run) (files []File, err error) {
	taken := map[string]bool{}
	for _, cell := range run.Scenario.Cells() {
		all := quantile.NewHDR()
		for _, v := range visits(run, cell) {
			if err := all.Merge(v.Record.Latency); err != nil {
				return nil, fmt.Errorf("%v: %w", cell, err)
			}
		}
		if all.Count() == 0 {
			continue
		}
		text, err := encode(all)
		if err != nil {
			return nil, fmt.Errorf("%v: %w", cell, err)
		}
		h, err := hdrhistogram.Decode([]byte(text))
		if err != nil {
			return nil, fmt.Errorf("%v: %w", cell, err)
		}
		var b bytes.Buffer
		const ticks, micros = 5, 1e3 // for each half of what is left; of nanoseconds
		if _, err := h.PercentilesPrint(&b, ticks, micros); err != nil {
			return nil, fmt.Errorf("%v: %w", cell, err)
		}
		name := tag(cell)
		for i := 2; taken[name]; i++ {
			name = fmt.Sprintf("%s-%d", tag(cell), i)
		}
		taken[name] = true
		files = append(files, File{name + ".hgrm", b.Bytes()})
	}
	return files, nil
}

// Log writes a histogram log (.hlog) of format V2: a line for each visit, in the order
// in which they were made, tagged with its cell. Values are nanoseconds, and the
// greatest of a line milliseconds, as HdrHistogram for Java has them.
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
		return errors.New("no visit was measured to its end: there is no histogram to write")
	}
	_, err := w.Write(b.Bytes())
	return err
}

func seconds(d time.Duration) float64 { return float64(d) / 1e9 }

// visits are the usable ones of a cell.
func visits(run *results.Run, cell scenarios.Cell) (all []*results.Visit) {
	for _, v := range run.Visits {
		if v.Cell == cell && v.Usable() {
			all = append(all, v)
		}
	}
	return all
}

// Of returns what h counts, bucket by bucket. Values longer than [quantile.MaxHDR] are in
// its last bucket.
func Of(h *quantile.HDR) (*Histogram, error) {
	text, err := encode(h)
	if err != nil {
		return nil, err
	}
	return Decode(text)
}

// encode returns h as text of format V2, which its counters come out of it as.
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

// unsafe is what neither the name of a file nor a tag may have: a comma ends a tag.
var unsafe = regexp.MustCompile(`[^A-Za-z0-9=._+-]+`)

// tag is the name of a cell as a tag, and a part of a file's name.
func tag(c scenarios.Cell) string {
	return unsafe.ReplaceAllString(c.Arm()+"_"+c.Level.Name(), "_")
}
