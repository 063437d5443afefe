package quantiles

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	hdrhistogram "github.com/HdrHistogram/hdrhistogram-go"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/report"
	"github.com/loadgen-go/loadgen/quantile"
	"github.com/loadgen-go/loadgen/results"
)

// fromHistograms is what to know of values that are the middles of buckets.
const fromHistograms = "middles of buckets in random order: ranks between equal values mean little"

// log reads all histograms of a log, in nanoseconds.
func (r *Reader) log(name, path string, in io.Reader) (Data, error) {
	var values []time.Duration
	n := 0
	err := eachLine(path, in, func(line string) error {
		if strings.HasPrefix(line, `"StartTimestamp"`) {
			return nil
		}
		h, err := interval(line)
		if err != nil {
			return err
		}
		n++
		values, err = expand(values, h)
		return err
	})
	if err == nil && len(values) == 0 {
		err = fmt.Errorf("%s:1: no values: want a log of histograms that hold some", path)
	}
	if err != nil {
		return Data{}, err
	}
	about := fmt.Sprintf("%s, %s, %s", path, report.Plural(n, "histogram"), fromHistograms)
	return of(name, about, r.shuffled(values)), nil
}

const wantLog = "want a histogram of format V2: [Tag=NAME,]START,LENGTH,MAX,HISTF..."

// interval is the histogram of a line. The reader of the library is given one line at
// a time, since it does not tell where it is, and leaves out lines that it cannot read.
func interval(line string) (*hdrhistogram.Histogram, error) {
	h, err := hdrhistogram.NewHistogramLogReader(strings.NewReader(line + "\n")).NextIntervalHistogram()
	switch old := oldFormat(line); {
	case old != "":
		return nil, fmt.Errorf("a histogram of format %s, which is not read here: want V2: "+
			"read the log with HdrHistogram for Java (HistogramLogReader) and write it again (HistogramLogWriter)", old)
	case err != nil:
		return nil, fmt.Errorf("%w: %s", err, wantLog)
	case h == nil:
		return nil, fmt.Errorf("%s is no histogram: %s", quoted(line), wantLog)
	}
	return h, nil
}

// oldFormat is V0 or V1 if a line has a histogram of that, which its first bytes
// tell: HdrHistogram for Java has these numbers in AbstractHistogram.
func oldFormat(line string) string {
	const whole = 8 // characters: six bytes, of which four are the number
	payload := line[strings.LastIndexByte(line, ',')+1:]
	if len(payload) < whole {
		return ""
	}
	head, err := base64.StdEncoding.DecodeString(payload[:whole])
	if err != nil {
		return ""
	}
	switch binary.BigEndian.Uint32(head) &^ 0xf0 { // the width of a counter
	case 0x1c849308, 0x1c849309:
		return "V0"
	case 0x1c849301, 0x1c849302:
		return "V1"
	}
	return ""
}

// expand appends the values of h, each as the middle of its bucket.
func expand(values []time.Duration, h *hdrhistogram.Histogram) ([]time.Duration, error) {
	for _, bar := range h.Distribution() {
		if bar.Count > int64(MaxValues-len(values)) {
			return nil, errTooMany
		}
		middle := time.Duration(bar.From + (bar.To-bar.From)/2)
		for range bar.Count {
			values = append(values, middle)
		}
	}
	return values, nil
}

// run reads the latencies of visits of a run, merged. Its histograms have the exact
// extremes beside them.
func (r *Reader) run(path string) (Data, error) {
	r.Runs++
	run, err := results.Read(path)
	if err != nil {
		return Data{}, err
	}
	visits, what, err := selectVisits(run, r.Visit)
	if err != nil {
		return Data{}, fmt.Errorf("%s: %w", path, err)
	}
	all := quantile.NewHDR()
	for _, v := range visits {
		if err := all.Merge(v.Record.Latency); err != nil {
			return Data{}, fmt.Errorf("%s: %w", path, err)
		}
	}
	values, err := latencies(all)
	if err != nil {
		return Data{}, fmt.Errorf("%s: %w", path, err)
	}
	about := fmt.Sprintf("%s, %s, %s", path, what, fromHistograms)
	return of(run.Scenario.Name, about, r.shuffled(values)), nil
}

// latencies are the values of h, with its exact extremes, the smallest first. Its
// counters come out of it in the format of the library alone.
func latencies(h *quantile.HDR) ([]time.Duration, error) {
	data, err := h.MarshalJSON()
	if err != nil {
		return nil, err
	}
	var kept struct {
		Counters string `json:"hdr_v2"`
	}
	if err := json.Unmarshal(data, &kept); err != nil {
		return nil, err
	}
	hist, err := hdrhistogram.Decode([]byte(kept.Counters))
	if err != nil {
		return nil, err
	}
	values, err := expand(nil, hist)
	if err != nil {
		return nil, err
	}
	for i, v := range values {
		values[i] = min(max(v, h.Min()), h.Max())
	}
	values[0], values[len(values)-1] = h.Min(), h.Max()
	return values, nil
}

// selectVisits are those of a run that want names: one by its number in run.json, from
// 1, or all of an arm (spans=sdk) or of a cell (spans=sdk/qps=10000). "" is the first
// arm of the scenario. What says which they are.
func selectVisits(run *results.Run, want string) (visits []*results.Visit, what string, err error) {
	var arms []string
	for _, c := range run.Scenario.Cells() {
		of := func(v *results.Visit) bool { return measured(v) && v.Cell.Arm() == c.Arm() }
		if slices.ContainsFunc(run.Visits, of) && !slices.Contains(arms, c.Arm()) {
			arms = append(arms, c.Arm())
		}
	}
	if len(arms) == 0 {
		return nil, "", errors.New("no call of it was measured: want a run with latencies")
	}
	if n, err := strconv.Atoi(want); err == nil {
		if n < 1 || n > len(run.Visits) || !measured(run.Visits[n-1]) {
			return nil, "", fmt.Errorf("--visit: visit %d is not one that was measured: want 1 to %d", n, len(run.Visits))
		}
		v := run.Visits[n-1]
		return []*results.Visit{v}, fmt.Sprintf("visit %d, %v in round %d", n, v.Cell, v.Round), nil
	}
	if want == "" {
		want = arms[0]
	}
	for _, v := range run.Visits {
		if measured(v) && (v.Cell.Arm() == want || v.Cell.String() == want) {
			visits = append(visits, v)
		}
	}
	if len(visits) == 0 {
		return nil, "", fmt.Errorf("--visit: no visit of %q was measured: want a number, or one of %s, or one with its rate, such as %v",
			want, strings.Join(arms, ", "), run.Visits[0].Cell)
	}
	what = report.Plural(len(visits), "visit") + " of " + want
	if len(arms) > 1 {
		what += fmt.Sprintf(" (of %s)", report.Plural(len(arms), "arm"))
	}
	return visits, what, nil
}

func measured(v *results.Visit) bool { return v.Usable() && v.Record.Latency.Count() > 0 }
