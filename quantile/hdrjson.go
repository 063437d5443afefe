package quantile

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"strings"
	"time"

	hdrhistogram "github.com/HdrHistogram/hdrhistogram-go"
)

// hdrJSON is an HDR in JSON. Counters are those of HdrHistogram's V2 format,
// compressed and in base64, which every HdrHistogram tool reads; what they round
// stands beside them.
type hdrJSON struct {
	Count    uint64        `json:"count"`
	Min      time.Duration `json:"min_ns"`
	Max      time.Duration `json:"max_ns"`
	Sum      json.Number   `json:"sum_ns"` // whole, of up to 126 bits
	Counters string        `json:"hdr_v2"`
}

// MarshalJSON implements [json.Marshaler]: the counters in HdrHistogram's V2
// format, and the exact count, minimum, maximum and sum. More than 2^62 values, which
// cannot be read again, are an error.
func (h *HDR) MarshalJSON() ([]byte, error) {
	if h.n > mostMerged {
		return nil, fmt.Errorf("quantile: histogram: it counts %d values: want at most 2^62", h.n)
	}
	counters, err := h.library().EncodeV2()
	if err != nil {
		return nil, fmt.Errorf("quantile: %w", err)
	}
	return json.Marshal(hdrJSON{h.n, h.Min(), h.Max(), json.Number(h.sum().String()), string(counters)})
}

// library is h as a histogram of hdrhistogram-go.
func (h *HDR) library() *hdrhistogram.Histogram {
	counts := make([]int64, hdrBucket(h.max)+1)
	for i := range counts {
		counts[i] = int64(h.counters[i]) // at most mostMerged
	}
	return hdrhistogram.Import(&hdrhistogram.Snapshot{
		LowestTrackableValue: 1, HighestTrackableValue: int64(MaxHDR), SignificantFigures: hdrFigures, Counts: counts})
}

// UnmarshalJSON reads what MarshalJSON wrote, into a zero HDR too. Counters of
// another range or precision, and a count, minimum, maximum or sum that they
// cannot have, are an error, which leaves h as it was. Whatever the data, it
// allocates at most 2 MiB and 8 times their length.
func (h *HDR) UnmarshalJSON(data []byte) error {
	var j hdrJSON
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&j); err != nil {
		return fmt.Errorf("quantile: histogram: %w", err)
	}
	hist, err := decodeCounters(j.Counters)
	if err != nil {
		return fmt.Errorf("quantile: histogram: hdr_v2: %w", err)
	}
	sum, err := j.check(hist)
	if err != nil {
		return fmt.Errorf("quantile: histogram: %w: it was changed, or is not one of ours", err)
	}
	read := NewHDR()
	for i, n := range hist.Export().Counts {
		read.counters[i] = uint64(n)
	}
	if j.Count > 0 {
		read.extremes = extremes{j.Count, j.Min, j.Max}
	}
	read.setSum(sum)
	*h = *read
	return nil
}

// hdrHeader is the first 40 bytes of the V2 format once decompressed, in
// big-endian order. The library checks what is left blank.
type hdrHeader struct {
	_               [2]int32 // cookie, length of the payload
	Offset, Figures int32    // Offset is of the first counter in the memory of the writer
	Lowest, Highest int64
	Ratio           float64 // of what a value stands for to the value
}

// decodeCounters reads the header before the library does, which would allocate
// whatever number of counters it asks for. Of our own range they are 264 KB, and
// the library inflates no more than they can fill.
func decodeCounters(counters string) (*hdrhistogram.Histogram, error) {
	r := base64.NewDecoder(base64.StdEncoding, strings.NewReader(counters))
	const envelope = 8 // bytes: cookie and length
	if _, err := io.CopyN(io.Discard, r, envelope); err != nil {
		return nil, err
	}
	z, err := zlib.NewReader(r)
	if err != nil {
		return nil, err
	}
	var header hdrHeader
	if err := binary.Read(z, binary.BigEndian, &header); err != nil {
		return nil, err
	}
	if want := (hdrHeader{Figures: hdrFigures, Lowest: 1, Highest: int64(MaxHDR), Ratio: 1}); header != want {
		return nil, fmt.Errorf("%d figures from %d to %d, times %v, at offset %d: want %d from 1 to %d, times 1, at 0",
			header.Figures, header.Lowest, header.Highest, header.Ratio, header.Offset, hdrFigures, int64(MaxHDR))
	}
	return hdrhistogram.Decode([]byte(counters))
}

// check reports what j says of hist that cannot be, and else the sum. An empty hist
// has both its ends in the bucket of 0 alone, so that j must be all 0.
func (j *hdrJSON) check(hist *hdrhistogram.Histogram) (*big.Int, error) {
	if counted := uint64(hist.TotalCount()); counted != j.Count {
		return nil, fmt.Errorf("of %d values it counts %d", j.Count, counted)
	}
	if j.Count > mostMerged {
		return nil, fmt.Errorf("it counts %d values: want at most 2^62", j.Count)
	}
	inBucket := func(d time.Duration, bucket int64) bool {
		return hist.ValuesAreEquivalent(int64(min(d, MaxHDR)), bucket)
	}
	if j.Min > j.Max || !inBucket(j.Min, hist.Min()) || !inBucket(j.Max, hist.Max()) {
		return nil, fmt.Errorf("of values from %v to %v it counts some from %v to %v",
			j.Min, j.Max, time.Duration(hist.Min()), time.Duration(hist.Max()))
	}
	return j.sum()
}
