package quantile_test

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"runtime"
	"strings"
	"testing"
	"time"

	hdrhistogram "github.com/HdrHistogram/hdrhistogram-go"
	"pgregory.net/rapid"

	"github.com/loadgen-go/loadgen/quantile"
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
	rapid.Check(t, func(t *rapid.T) {
		d := time.Duration(rapid.Int64().Draw(t, "d"))
		h := hdr()
		for range rapid.IntRange(1, 1000).Draw(t, "times") {
			h.Add(d)
		}
		if h.Mean() < h.Min() || h.Mean() > h.Max() {
			t.Fatalf("of %d values of %d the mean is %d", h.Count(), d, h.Mean())
		}
	})
	// As floats, all four are 2^63, or round to it when added up.
	if h := hdr(math.MaxInt64-600, math.MaxInt64, math.MaxInt64, math.MaxInt64); h.Mean() != math.MaxInt64 {
		t.Errorf("the mean of values near MaxInt64 is %d", h.Mean())
	}
}

// The bound of HDR's error ends at MaxHDR, and the documentation says what is
// left beyond it.
func TestHDRPastItsRangeKnowsThatRangeMeanAndMaximum(t *testing.T) {
	h := hdr(time.Second, 2*time.Hour, 6*time.Hour)
	if got := h.Quantile(0.5); got < quantile.MaxHDR || got > h.Max() {
		t.Errorf("the median is %v, is 2 h", got)
	}
	if h.Mean() != (8*time.Hour+time.Second)/3 || h.Quantile(1) != 6*time.Hour {
		t.Errorf("mean %v, maximum %v", h.Mean(), h.Quantile(1))
	}
}

func TestHDRSurvivesJSON(t *testing.T) {
	duration := rapid.OneOf(
		rapid.Int64Range(0, int64(2*time.Hour)), rapid.Int64(),
		rapid.SampledFrom([]int64{0, -1, math.MinInt64, int64(quantile.MaxHDR), int64(quantile.MaxHDR) + 1, math.MaxInt64}))
	rapid.Check(t, func(t *rapid.T) {
		h, rest := hdr(), hdr()
		repeat := rapid.IntRange(1, 50).Draw(t, "repeat")
		for i, v := range rapid.SliceOf(duration).Draw(t, "durations") {
			for range repeat {
				[]*quantile.HDR{h, rest}[i%2].Add(time.Duration(v))
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
		// Used on, it goes the same way too.
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
				t.Fatalf("q%v of %d values: %v became %v", q, h.Count(), h.Quantile(q), back.Quantile(q))
			}
		}
	})
}

// One value added often: the sum is off the product by what each addition rounds.
func TestHDRWithARoundedSumSurvivesJSON(t *testing.T) {
	for _, d := range []time.Duration{1 << 54 / 3, 1 << 56 / 3, math.MaxInt64 / 3, math.MaxInt64 / 7} {
		h := hdr()
		for range 10_000 {
			h.Add(d)
		}
		text, err := json.Marshal(h)
		if err != nil {
			t.Fatal(err)
		}
		var back quantile.HDR
		if err := json.Unmarshal(text, &back); err != nil {
			t.Errorf("10,000 times %d: %v", d, err)
		}
	}
}

// counters are those of a histogram of that range, in the form of hdr_v2.
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

// v2 is a histogram of our range in the form of hdr_v2, made by hand.
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

// damaged are records that MarshalJSON cannot have written, and a part of the
// error.
func damaged() map[string]struct{ text, want string } {
	record := func(count, low, high, sum any, counters string) string {
		return fmt.Sprintf(`{"count":%v,"min_ns":%v,"max_ns":%v,"sum_ns":%v,"hdr_v2":%q}`, count, low, high, sum, counters)
	}
	ours := func(d ...int64) string { return counters(quantile.MaxHDR, 3, d...) }
	const length = 33_792 // counters
	// Positive numbers are counters, negative ones so many that are 0.
	last := binary.AppendVarint(binary.AppendVarint(nil, -(length-1)), 1)
	bomb := make([]byte, 4<<20) // more than may be allocated
	return map[string]struct{ text, want string }{
		"nothing":               {"{}", "hdr_v2: EOF"},
		"unknown field":         {`{"p99_ns":1,` + record(1, 5, 5, 5, ours(5))[1:], `unknown field "p99_ns"`},
		"not base64":            {record(1, 5, 5, 5, "!"), "hdr_v2: "},
		"two figures":           {record(1, 5, 5, 5, counters(quantile.MaxHDR, 2, 5)), "2 figures"},
		"another range":         {record(1, 5, 5, 5, counters(time.Minute, 3, 5)), "to 60000000000"},
		"a vast range":          {record(1, 5, 5, 5, counters(math.MaxInt64, 5, 5)), "5 figures"},
		"another unit":          {record(1, 0, 0, 0, v2(1, 1000, []byte{2})), "times 1000"},
		"a counter too few":     {record(2, 5, 5, 10, ours(5)), "of 2 values it counts 1"},
		"a counter too many":    {record(1, 5, 5, 5, ours(5, 5)), "of 1 values it counts 2"},
		"below its counters":    {record(1, 4, 5, 5, ours(5)), "from 4ns to 5ns it counts some from 5ns"},
		"above its counters":    {record(1, 5, 1_000_000_000, 5, ours(5)), "from 5ns to 1s"},
		"within its counters":   {record(3, 6, 7, 20, ours(5, 7, 8)), "from 6ns to 7ns"},
		"counters past 1 h":     {record(1, int64(time.Hour), int64(2*time.Hour), int64(time.Hour), v2(len(last), 1, last)), "it counts some from 1h13m"},
		"ends the wrong way":    {record(2, 1_000_001, 1_000_000, 2_000_001, ours(1_000_000, 1_000_001)), "from 1.000001ms to 1ms it counts"},
		"negative":              {record(1, -5, 0, 0, ours(0)), "from -5ns"},
		"empty with extremes":   {record(0, 5, 9, 0, ours()), "of values from 5ns to 9ns"},
		"empty with a sum":      {record(0, 0, 0, 7, ours()), "0 values from 0s to 0s add up to 7 ns"},
		"sum far below":         {record(2, 5, 7, -1e300, ours(5, 7)), "add up to -1e+300 ns"},
		"sum too small":         {record(2, 5, 7, 9, ours(5, 7)), "add up to 9 ns"},
		"sum too large":         {record(2, 5, 7, 15, ours(5, 7)), "add up to 15 ns"},
		"infinite sum":          {record(2, 5, 7, "1e999", ours(5, 7)), "1e999"},
		"bomb, length honest":   {record(0, 0, 0, 0, v2(len(bomb), 1, bomb)), "exceeds the maximum"},
		"bomb, length lowered":  {record(0, 0, 0, 0, v2(1, 1, bomb)), "payload"},
		"bomb, longest allowed": {record(0, 0, 0, 0, v2(9*length, 1, bomb[:9*length])), "payload"},
	}
}

// allocated is how many bytes are allocated while f runs.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// decode is json.Unmarshal, held to the memory that UnmarshalJSON promises.
func decode(t *testing.T, text []byte) (h *quantile.HDR, err error) {
	h = hdr(7)
	if got := allocated(func() { err = json.Unmarshal(text, h) }); got > 2<<20+8*uint64(len(text)) {
		t.Errorf("%d bytes made it allocate %d", len(text), got)
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
				t.Errorf("what was there before is now %d values around %v", h.Count(), h.Quantile(0.5))
			}
		})
	}
}

// Hostile or damaged files: an error or a histogram that keeps its word, no
// panic, and no memory beyond what is promised.
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
				t.Errorf("%s decoded to q%v %v, after %v and at most %v", data, q, got, last, h.Max())
			} else {
				last = got
			}
		}
		if h.Mean() < h.Min() || h.Mean() > h.Max() {
			t.Errorf("%s decoded to a mean of %v, from %v to %v", data, h.Mean(), h.Min(), h.Max())
		}
	})
}
