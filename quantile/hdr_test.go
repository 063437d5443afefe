package quantile_test

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	hdrhistogram "github.com/HdrHistogram/hdrhistogram-go"
	"pgregory.net/rapid"

	"github.com/loadgen-go/loadgen/internal/property"
	"github.com/loadgen-go/loadgen/quantile"
	"github.com/loadgen-go/loadgen/quantile/quantiletest"
)

func hdr(durations ...time.Duration) *quantile.HDR {
	h := quantile.NewHDR()
	for _, d := range durations {
		h.Add(d)
	}
	return h
}

func TestHDRKeepsMeanAndExtremesExactlyMergedToo(t *testing.T) {
	whole, merged := hdr(1_000_001, 3_000_003, 5_000_006), hdr(5_000_006)
	if err := merged.Merge(hdr(1_000_001, 3_000_003)); err != nil {
		t.Fatal(err)
	}
	for name, h := range map[string]*quantile.HDR{"whole": whole, "merged": merged} {
		if h.Count() != 3 || h.Min() != 1_000_001 || h.Max() != 5_000_006 || h.Mean() != 3_000_003 {
			t.Errorf("%s: count %d, min %d, max %d, mean %d", name, h.Count(), h.Min(), h.Max(), h.Mean())
		}
	}
}

func TestHDRMeanLiesBetweenTheExtremes(t *testing.T) {
	property.Check(t, func(t *rapid.T) {
		d := time.Duration(rapid.Int64().Draw(t, "d"))
		h := hdr()
		for range rapid.IntRange(1, 1000).Draw(t, "times") {
			h.Add(d)
		}
		if h.Mean() < h.Min() || h.Mean() > h.Max() {
			t.Fatalf("the mean of %d values of %d is %d", h.Count(), d, h.Mean())
		}
	})
	// As floats, all four are 2^63, or are rounded to it when added up.
	if h := hdr(math.MaxInt64-600, math.MaxInt64, math.MaxInt64, math.MaxInt64); h.Mean() != math.MaxInt64-150 {
		t.Errorf("the mean of values near MaxInt64 is %d", h.Mean())
	}
}

// Beyond MaxHDR the error is not bounded, but the estimates are as documented.
func TestHDRPastItsRangeKnowsThatRangeMeanAndMaximum(t *testing.T) {
	h := hdr(time.Second, 2*time.Hour, 6*time.Hour)
	if got := h.Quantile(0.5); got < quantile.MaxHDR || got > h.Max() {
		t.Errorf("the median is %v, want MaxHDR to 2 h", got)
	}
	if h.Mean() != (8*time.Hour+time.Second)/3 || h.Quantile(1) != 6*time.Hour {
		t.Errorf("mean %v, maximum %v", h.Mean(), h.Quantile(1))
	}
}

// anyDuration draws durations of any length, with the same probability for each order of magnitude.
var anyDuration = rapid.OneOf(
	rapid.Custom(func(t *rapid.T) time.Duration {
		return time.Duration(rapid.Int64Range(0, math.MaxInt64).Draw(t, "d") >> rapid.IntRange(0, 63).Draw(t, "shift"))
	}),
	rapid.SampledFrom([]time.Duration{0, -1, math.MinInt64, 2047, 2048, 2049, quantile.MaxHDR - 1, quantile.MaxHDR,
		quantile.MaxHDR + 1, math.MaxInt64}))

// The library returns the highest value of the bucket of the rank. HDR returns the same, limited to the
// exact extremes.
func TestHDRAnswersAsTheLibraryDoes(t *testing.T) {
	property.Check(t, func(t *rapid.T) {
		h, library := hdr(), hdrhistogram.New(1, int64(quantile.MaxHDR), 3)
		var added []time.Duration
		sum := new(big.Int)
		for range rapid.IntRange(1, 3).Draw(t, "shards") {
			shard, theirs := hdr(), hdrhistogram.New(1, int64(quantile.MaxHDR), 3)
			for _, d := range rapid.SliceOf(anyDuration).Draw(t, "durations") {
				shard.Add(d)
				added = append(added, max(d, 0))
				sum.Add(sum, big.NewInt(int64(max(d, 0))))
				if err := theirs.RecordValue(int64(min(max(d, 0), quantile.MaxHDR))); err != nil {
					t.Fatal(err)
				}
			}
			if err := h.Merge(shard); err != nil {
				t.Fatal(err)
			}
			library.Merge(theirs)
		}
		if len(added) == 0 {
			return
		}
		n, lo, hi := uint64(len(added)), slices.Min(added), slices.Max(added)
		if mean := sum.Div(sum, big.NewInt(int64(n))).Int64(); h.Mean() != time.Duration(mean) {
			t.Fatalf("the mean is %d, want %d", h.Mean(), mean)
		}
		for _, q := range []float64{0, 0.1, 0.5, 0.9, 0.99, 1, rapid.Float64Range(0, 1).Draw(t, "q")} {
			rank := quantile.Rank(q, n)
			want := min(max(time.Duration(library.ValueAtPercentile(100*float64(rank)/float64(n))), lo), hi)
			switch rank {
			case 1:
				want = lo
			case n:
				want = hi
			}
			if got := h.Quantile(q); got != want {
				t.Fatalf("quantile %v of %d values is %d, want %d", q, n, got, want)
			}
		}
	})
}

func TestHDRWritesTheCountersThatTheLibraryWrites(t *testing.T) {
	for name, durations := range map[string][]time.Duration{
		"none":             nil,
		"one":              {12345},
		"zeros":            {0, 0, 0},
		"beyond the range": {time.Second, 2 * time.Hour, math.MaxInt64},
		"many":             quantiletest.Lognormal(10_000),
	} {
		t.Run(name, func(t *testing.T) {
			text, err := json.Marshal(hdr(durations...))
			if err != nil {
				t.Fatal(err)
			}
			var clamped []int64
			for _, d := range durations {
				clamped = append(clamped, int64(min(d, quantile.MaxHDR)))
			}
			if want := counters(quantile.MaxHDR, 3, clamped...); !bytes.Contains(text, []byte(strconv.Quote(want))) {
				t.Errorf("%s: the library writes the counters as %s", text, want)
			}
		})
	}
}

func TestAnEmptyHDRHasZeroForEverything(t *testing.T) {
	merged, back := hdr(), hdr(5)
	if err := merged.Merge(hdr()); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(merged)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, back); err != nil {
		t.Fatal(err)
	}
	for name, h := range map[string]*quantile.HDR{"new": hdr(), "merged": merged, "read": back} {
		t.Run(name, func(t *testing.T) {
			if h.Count() != 0 || h.Min() != 0 || h.Max() != 0 || h.Mean() != 0 || h.Quantile(0) != 0 {
				t.Errorf("%d values from %v to %v around %v", h.Count(), h.Min(), h.Max(), h.Mean())
			}
			if h.Add(7); h.Min() != 7 || h.Max() != 7 {
				t.Errorf("with the value 7, the extremes are %v and %v", h.Min(), h.Max())
			}
		})
	}
}

func TestHDRSurvivesJSON(t *testing.T) {
	property.Check(t, func(t *rapid.T) {
		h, rest := hdr(), hdr()
		repeat := rapid.IntRange(1, 50).Draw(t, "repeat")
		for i, v := range rapid.SliceOf(anyDuration).Draw(t, "durations") {
			for range repeat {
				[]*quantile.HDR{h, rest}[i%2].Add(v)
			}
		}
		if err := h.Merge(rest); err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(h)
		if err != nil {
			t.Fatal(err)
		}
		var back quantile.HDR
		if err := json.Unmarshal(text, &back); err != nil {
			t.Fatal(err)
		}
		// Later values have the same effect on both.
		for _, h := range []*quantile.HDR{h, &back} {
			h.Add(time.Millisecond)
			if err := h.Merge(rest); err != nil {
				t.Fatal(err)
			}
		}
		if back.Count() != h.Count() || back.Min() != h.Min() || back.Max() != h.Max() || back.Mean() != h.Mean() {
			t.Fatalf("%d values came back as %d, %v to %v", h.Count(), back.Count(), back.Min(), back.Max())
		}
		for _, q := range []float64{0, 0.3, 0.5, 0.99, 1} {
			if back.Quantile(q) != h.Quantile(q) {
				t.Fatalf("quantile %v of %d values: %v became %v", q, h.Count(), h.Quantile(q), back.Quantile(q))
			}
		}
	})
}

// record returns what MarshalJSON writes for n values of d with the sum sum.
func record(n uint64, d time.Duration, sum any) []byte {
	h := hdrhistogram.New(1, int64(quantile.MaxHDR), 3)
	if err := h.RecordValues(int64(min(d, quantile.MaxHDR)), int64(n)); err != nil {
		panic(err)
	}
	text, err := h.EncodeV2()
	if err != nil {
		panic(err)
	}
	return fmt.Appendf(nil, `{"count":%d,"min_ns":%d,"max_ns":%d,"sum_ns":%v,"hdr_v2":%q}`, n, d, d, sum, text)
}

// Earlier versions added up sums in floating point. These differ from the product by the rounding of
// each addition, and large sums have an exponent.
func TestHDRReadsASumInFloatingPoint(t *testing.T) {
	for name, d := range map[string]time.Duration{
		"a third of 2^54":          1 << 54 / 3,
		"a third of 2^56":          1 << 56 / 3,
		"a third of the longest":   math.MaxInt64 / 3,
		"a seventh of the longest": math.MaxInt64 / 7,
		"the longest":              math.MaxInt64,
	} {
		t.Run(name, func(t *testing.T) {
			const n = 10_000
			sum := 0.0
			for range n {
				sum += float64(d)
			}
			var h quantile.HDR
			if err := json.Unmarshal(record(n, d, sum), &h); err != nil {
				t.Fatalf("10,000 times %d: %v", d, err)
			}
			if h.Mean() != d {
				t.Errorf("the mean of values of %d is %d", d, h.Mean())
			}
		})
	}
	var h quantile.HDR
	if err := json.Unmarshal(record(1e9, 1000*time.Second, "1e+21"), &h); err != nil || h.Mean() != 1000*time.Second {
		t.Errorf("a mean of %v, %v; want 1,000 s", h.Mean(), err)
	}
}

// Counters and sums do not overflow, whatever count a file contains.
func TestHDRHoldsUpTo2To62Values(t *testing.T) {
	const most = 1 << 62
	read := func(n uint64) (*quantile.HDR, error) {
		h := hdr()
		sum := new(big.Int).Mul(new(big.Int).SetUint64(n), big.NewInt(math.MaxInt64))
		return h, json.Unmarshal(record(n, math.MaxInt64, sum), h)
	}
	if _, err := read(most + 1); err == nil || !strings.Contains(err.Error(),
		"count is 4611686018427387905: want at most 2^62") {
		t.Errorf("2^62+1 values: %v", err)
	}
	full, err := read(most)
	if err != nil {
		t.Fatal(err)
	}
	single := hdr(5)
	for name, err := range map[string]error{"one more value": full.Merge(single), "a full one": single.Merge(full)} {
		if !errors.Is(err, quantile.ErrMerge) || !strings.Contains(err.Error(), "2^62 values") {
			t.Errorf("merging %s: %v", name, err)
		}
	}
	if full.Count() != most || full.Mean() != math.MaxInt64 || single.Count() != 1 || single.Quantile(1) != 5 {
		t.Error("a refused merge has changed an HDR")
	}
	full.Add(0) // must neither panic nor be lost
	if full.Count() != most+1 || full.Min() != 0 || full.Quantile(0.5) < quantile.MaxHDR {
		t.Errorf("%d values, from %v", full.Count(), full.Min())
	}
}

// counters returns the counters of a histogram with a range and precision, in the format of hdr_v2.
func counters(highest time.Duration, figures int, durations ...int64) string {
	h := hdrhistogram.New(1, int64(highest), figures)
	for _, d := range durations {
		if err := h.RecordValue(d); err != nil {
			panic(err)
		}
	}
	text, err := h.EncodeV2()
	if err != nil {
		panic(err)
	}
	return string(text)
}

// v2 returns a handmade histogram with the range of an HDR, in the format of hdr_v2.
func v2(length int, ratio float64, payload []byte) string {
	plain := bigEndian(hdrhistogram.V2EncodingCookieBase|0x10, int32(length), int32(0),
		int32(3), int64(1), int64(quantile.MaxHDR), ratio, payload)
	var packed bytes.Buffer
	z := zlib.NewWriter(&packed)
	if _, err := z.Write(plain); err != nil {
		panic(err)
	}
	if err := z.Close(); err != nil {
		panic(err)
	}
	return base64.StdEncoding.EncodeToString(
		bigEndian(hdrhistogram.V2CompressedEncodingCookieBase|0x10, int32(packed.Len()), packed.Bytes()))
}

func bigEndian(values ...any) []byte {
	var b []byte
	for _, v := range values {
		var err error
		if b, err = binary.Append(b, binary.BigEndian, v); err != nil {
			panic(err)
		}
	}
	return b
}

// damaged returns records that MarshalJSON cannot have written, and a part of the error that each must
// cause.
func damaged() map[string]struct{ text, want string } {
	record := func(count, low, high, sum any, counters string) string {
		return fmt.Sprintf(`{"count":%v,"min_ns":%v,"max_ns":%v,"sum_ns":%v,"hdr_v2":%q}`, count, low, high, sum,
			counters)
	}
	ours := func(d ...int64) string { return counters(quantile.MaxHDR, 3, d...) }
	const length = 33_792 // number of counters
	// A positive number is a counter, a negative one stands for that many zeros.
	last := binary.AppendVarint(binary.AppendVarint(nil, -(length-1)), 1)
	bomb := make([]byte, 4<<20) // larger than the allowed allocation
	return map[string]struct{ text, want string }{
		"nothing":             {"{}", "hdr_v2: EOF"},
		"unknown field":       {`{"p99_ns":1,` + record(1, 5, 5, 5, ours(5))[1:], `unknown field "p99_ns"`},
		"not base64":          {record(1, 5, 5, 5, "!"), "hdr_v2: "},
		"two figures":         {record(1, 5, 5, 5, counters(quantile.MaxHDR, 2, 5)), "2 figures"},
		"another range":       {record(1, 5, 5, 5, counters(time.Minute, 3, 5)), "to 60000000000"},
		"a vast range":        {record(1, 5, 5, 5, counters(math.MaxInt64, 5, 5)), "5 figures"},
		"another unit":        {record(1, 0, 0, 0, v2(1, 1000, []byte{2})), "times 1000"},
		"a counter too few":   {record(2, 5, 5, 10, ours(5)), "count is 2, but hdr_v2 counts 1 values"},
		"a counter too many":  {record(1, 5, 5, 5, ours(5, 5)), "count is 1, but hdr_v2 counts 2 values"},
		"below its counters":  {record(1, 4, 5, 5, ours(5)), "are 4ns and 5ns, but the values in hdr_v2 are from 5ns"},
		"above its counters":  {record(1, 5, 1_000_000_000, 5, ours(5)), "are 5ns and 1s"},
		"within its counters": {record(3, 6, 7, 20, ours(5, 7, 8)), "are 6ns and 7ns"},
		"counters past 1 h": {record(1, int64(time.Hour), int64(2*time.Hour), int64(time.Hour),
			v2(len(last), 1, last)), "the values in hdr_v2 are from 1h13m"},
		"ends the wrong way": {record(2, 1_000_001, 1_000_000, 2_000_001, ours(1_000_000, 1_000_001)),
			"are 1.000001ms and 1ms"},
		"negative":              {record(1, -5, 0, 0, ours(0)), "are -5ns and"},
		"empty with extremes":   {record(0, 5, 9, 0, ours()), "are 5ns and 9ns"},
		"empty with a sum":      {record(0, 0, 0, 7, ours()), "0 values from 0s to 0s cannot add up to 7 ns"},
		"sum far below":         {record(2, 5, 7, -1e300, ours(5, 7)), "add up to -1e+300 ns"},
		"sum too small":         {record(2, 5, 7, 9, ours(5, 7)), "add up to 9 ns"},
		"no sum":                {strings.Replace(record(1, 5, 5, 5, ours(5)), `"sum_ns":5,`, "", 1), "sum_ns: "},
		"a long sum":            {record(1, 5, 5, strings.Repeat("9", 300), ours(5)), "add up to 1e+300 ns"},
		"sum too large":         {record(2, 5, 7, 15, ours(5, 7)), "add up to 15 ns"},
		"infinite sum":          {record(2, 5, 7, "1e999", ours(5, 7)), "1e999"},
		"bomb, length honest":   {record(0, 0, 0, 0, v2(len(bomb), 1, bomb)), "exceeds the maximum"},
		"bomb, length lowered":  {record(0, 0, 0, 0, v2(1, 1, bomb)), "payload"},
		"bomb, longest allowed": {record(0, 0, 0, 0, v2(9*length, 1, bomb[:9*length])), "payload"},
	}
}

// allocated returns how many bytes are allocated while f runs.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// decode is json.Unmarshal, and checks the memory limit of UnmarshalJSON.
func decode(t *testing.T, text []byte) (h *quantile.HDR, err error) {
	h = hdr(7)
	if got := allocated(func() { err = json.Unmarshal(text, h) }); got > 2<<20+8*uint64(len(text)) {
		t.Errorf("decoding %d bytes allocated %d bytes", len(text), got)
	}
	return h, err
}

func TestHDRRefusesADamagedRecordInLittleMemory(t *testing.T) {
	for name, c := range damaged() {
		t.Run(name, func(t *testing.T) {
			h, err := decode(t, []byte(c.text))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error is %v, want one that says %q", err, c.want)
			}
			if h.Count() != 1 || h.Quantile(0.5) != 7 {
				t.Errorf("the previous contents became %d values around %v", h.Count(), h.Quantile(0.5))
			}
		})
	}
}

// A hostile or damaged file causes an error or a valid histogram, but no panic, and does not exceed the
// memory limit.
func FuzzHDRFromJSON(f *testing.F) {
	text, err := json.Marshal(hdr(12345))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	for _, c := range damaged() {
		if len(c.text) < 1<<10 {
			f.Add([]byte(c.text))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		h, err := decode(t, data)
		if err != nil || h.Count() == 0 {
			return
		}
		last := h.Min()
		for _, q := range []float64{0, 0.5, 0.99, 1} {
			if got := h.Quantile(q); got < last || got > h.Max() {
				t.Errorf("%s decoded: quantile %v is %v, the one before is %v, the maximum is %v", data, q, got, last,
					h.Max())
			} else {
				last = got
			}
		}
		if h.Mean() < h.Min() || h.Mean() > h.Max() {
			t.Errorf("%s decoded: the mean is %v, the extremes are %v and %v", data, h.Mean(), h.Min(), h.Max())
		}
	})
}
