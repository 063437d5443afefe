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

// hdrJSON is the JSON form of an HDR. The counters are in HdrHistogram's V2 format, compressed and in
// base64, which every HdrHistogram tool reads. The other fields hold the exact values that the counters
// round.
type hdrJSON struct {
	Count    uint64        `json:"count"`
	Min      time.Duration `json:"min_ns"`
	Max      time.Duration `json:"max_ns"`
	Sum      json.Number   `json:"sum_ns"` // a whole number of up to 126 bits
	Counters string        `json:"hdr_v2"`
}

// MarshalJSON implements [json.Marshaler]. It writes the counters in HdrHistogram's V2 format, and the
// exact count, minimum, maximum and sum. It returns an error for more than 2^62 values, which could not
// be read again.
func (h *HDR) MarshalJSON() ([]byte, error) {
	if h.n > mostMerged {
		return nil, fmt.Errorf("quantile: histogram: %d values: want at most 2^62", h.n)
	}
	counters, err := h.library().EncodeV2()
	if err != nil {
		return nil, fmt.Errorf("quantile: %w", err)
	}
	return json.Marshal(hdrJSON{h.n, h.Min(), h.Max(), json.Number(h.sum().String()), string(counters)})
}

// library returns h as a histogram of hdrhistogram-go.
func (h *HDR) library() *hdrhistogram.Histogram {
	counts := make([]int64, hdrBucket(h.max)+1)
	for i := range counts {
		counts[i] = int64(h.counters[i]) // at most mostMerged
	}
	return hdrhistogram.Import(&hdrhistogram.Snapshot{
		LowestTrackableValue: 1, HighestTrackableValue: int64(MaxHDR), SignificantFigures: hdrFigures, Counts: counts})
}

// UnmarshalJSON reads the output of MarshalJSON. h may be a zero HDR. It returns an error, and leaves h
// unchanged, if the counters have another range or precision, or if they contradict the count, minimum,
// maximum or sum. For any data it allocates at most 2 MiB and 8 times the length of data.
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
		return fmt.Errorf("quantile: histogram: %w: the data was changed, or not written by MarshalJSON", err)
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

// hdrHeader is the first 40 bytes of the decompressed V2 format, in big-endian order. The library checks
// the blank fields.
type hdrHeader struct {
	_               [2]int32 // cookie, length of the payload
	Offset, Figures int32    // Offset is the index of the first counter in the writer's memory
	Lowest, Highest int64
	Ratio           float64 // ratio of the represented to the stored value
}

// decodeCounters decodes counters. It checks the header before the library reads it, because the library
// allocates any number of counters that the header asks for. With the range of an HDR that is 264 KB,
// and the library inflates no more data than they can hold.
func decodeCounters(counters string) (*hdrhistogram.Histogram, error) {
	r := base64.NewDecoder(base64.StdEncoding, strings.NewReader(counters))
	const envelope = 8 // size of cookie and length, in bytes
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

// check returns an error if j contradicts hist, and otherwise the sum. An empty hist has both extremes in
// the bucket of 0, so all fields of j must be 0.
func (j *hdrJSON) check(hist *hdrhistogram.Histogram) (*big.Int, error) {
	if counted := uint64(hist.TotalCount()); counted != j.Count {
		return nil, fmt.Errorf("count is %d, but hdr_v2 counts %d values", j.Count, counted)
	}
	if j.Count > mostMerged {
		return nil, fmt.Errorf("count is %d: want at most 2^62", j.Count)
	}
	inBucket := func(d time.Duration, bucket int64) bool {
		return hist.ValuesAreEquivalent(int64(min(d, MaxHDR)), bucket)
	}
	if j.Min > j.Max || !inBucket(j.Min, hist.Min()) || !inBucket(j.Max, hist.Max()) {
		return nil, fmt.Errorf("min_ns and max_ns are %v and %v, but the values in hdr_v2 are from %v to %v",
			j.Min, j.Max, time.Duration(hist.Min()), time.Duration(hist.Max()))
	}
	return j.sum()
}
