package hdrlog

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	hdrhistogram "github.com/HdrHistogram/hdrhistogram-go"
)

// A writer writes histograms like HdrHistogram for Java, in each of its formats.
type writer struct {
	version         int // 0, 1 or 2
	width           int // bytes of a counter of V0 and V1
	plain           bool
	double          bool
	offset, figures int32
	lowest, highest int64
	ratio           float64
}

// three is the usual histogram: three significant figures, up to an hour in nanoseconds.
var three = writer{version: 2, width: 8, figures: 3, lowest: 1, highest: 3_600_000_000_000, ratio: 1}

func (w writer) with(change func(*writer)) writer {
	change(&w)
	return w
}

// encode returns a histogram whose first counters have these values.
func (w writer) encode(counters ...int64) string {
	cookies := [][2]uint32{{plainV0, deflatedV0}, {plainV1, deflatedV1}, {plainV2, deflatedV2}}[w.version]
	width := uint32(w.width) << 4
	if w.version == 2 {
		width = 0x10
	}
	var payload []byte
	for i := 0; i < len(counters); i++ {
		c := counters[i]
		switch {
		case w.version == 2:
			zeros := 0
			for ; i+zeros < len(counters) && counters[i+zeros] == 0; zeros++ {
			}
			if zeros > 1 {
				c, i = -int64(zeros), i+zeros-1
			}
			payload = appendZigZag(payload, c)
		case w.width == 2:
			payload = binary.BigEndian.AppendUint16(payload, uint16(c))
		case w.width == 4:
			payload = binary.BigEndian.AppendUint32(payload, uint32(c))
		default:
			payload = binary.BigEndian.AppendUint64(payload, uint64(c))
		}
	}
	var b bytes.Buffer
	put := func(fields ...any) {
		for _, f := range fields {
			if err := binary.Write(&b, binary.BigEndian, f); err != nil {
				panic(err)
			}
		}
	}
	if w.version == 0 {
		var total int64
		for _, c := range counters {
			total += c
		}
		put(cookies[0]|width, w.figures, w.lowest, w.highest, total, payload)
	} else {
		put(cookies[0]|width, int32(len(payload)), w.offset, w.figures, w.lowest, w.highest, w.ratio, payload)
	}
	if !w.plain {
		body := deflated(b.Bytes())
		b.Reset()
		put(cookies[1]|width, int32(len(body)), body)
	}
	if w.double {
		inner := bytes.Clone(b.Bytes())
		b.Reset()
		put(uint32(zlibDouble), w.figures, int64(1000), inner)
	}
	return base64.StdEncoding.EncodeToString(b.Bytes())
}

func deflated(data []byte) []byte {
	var b bytes.Buffer
	z := zlib.NewWriter(&b)
	if _, err := z.Write(data); err != nil {
		panic(err)
	}
	if err := z.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func appendZigZag(to []byte, c int64) []byte {
	v := uint64(c<<1 ^ c>>63)
	for range 8 {
		if v < 0x80 {
			return append(to, byte(v))
		}
		to = append(to, byte(v)|0x80)
		v >>= 7
	}
	return append(to, byte(v))
}

func TestEveryFormatOfOneHistogramIsReadAlike(t *testing.T) {
	counters := make([]int64, 5000)
	counters[0], counters[1], counters[2047], counters[2048], counters[3100], counters[4999] = 3, 1, 7, 2, 1<<14, 5
	// Buckets of HdrHistogram for Java hold one value up to 2047, and are twice as wide in each octave above.
	want := []bucket{{0, 0, 3}, {1, 1, 1}, {2047, 2047, 7}, {2048, 2049, 2}, {4208, 4211, 1 << 14}, {15416, 15423, 5}}
	for _, version := range []int{0, 1, 2} {
		for _, width := range []int{2, 4, 8} {
			for _, plain := range []bool{false, true} {
				t.Run(fmt.Sprintf("V%d, %d bytes, plain %v", version, width, plain), func(t *testing.T) {
					h, err := decode(three.with(func(w *writer) {
						w.version, w.width, w.plain = version, width,
							plain
					}).encode(counters...))
					if err != nil || !slices.Equal(h.Buckets, want) || h.Ratio != 1 {
						t.Errorf("%v: %+v, want %v", err, h, want)
					}
				})
			}
		}
	}
}

// HdrHistogram for Java reads counters in the order of their values, whatever the offset, and also writes them in that
// order after shiftValuesLeft, which sets an offset.
func TestANormalisingOffsetMovesNoValue(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want []bucket
	}{
		"V1": {three.with(func(w *writer) { w.version, w.offset = 1, 1024 }).encode(0, 5, 0, 0, 2),
			[]bucket{{1, 1, 5}, {4, 4, 2}}},
		// Java wrote this: 2 values of 3,000 and 5 of 70,000, after shiftValuesLeft(3). The offset is 3,072.
		"V2 of HdrHistogram for Java": {"HISTFAAAACt4nJNpmSzMwMDAxsDAA6QYmBkggBHIdDPYsYDB/gNEYHs4y3lPLgBzqwaR",
			[]bucket{{24000, 24015, 2}, {559616, 560127, 5}}},
	} {
		t.Run(name, func(t *testing.T) {
			if h, err := decode(c.text); err != nil || !slices.Equal(h.Buckets, c.want) {
				t.Errorf("%v: %+v, want %v", err, h, c.want)
			}
		})
	}
}

func TestOnlyDoublesHaveARatio(t *testing.T) {
	doubles := three.with(func(w *writer) { w.double, w.ratio = true, 0.001 })
	h, err := decode(doubles.encode(0, 5))
	if want := []bucket{{1, 1, 5}}; err != nil || h.Ratio != 0.001 || !slices.Equal(h.Buckets, want) {
		t.Errorf("%v: %+v, want %v", err, h, want)
	}
	// A DoubleHistogram of HdrHistogram for Java, with the values 0.0015, three times 0.75, and 12.25.
	h, err = decode("DHISTwAAAAMAAAAAAA9CQByEkxQAAAAqeJyTaZkszMDAwMUAAcxQmhFE1P///99uA0TguATT1n5Gtr0OTACquAjq")
	if err != nil || len(h.Buckets) != 3 {
		t.Fatalf("%v: %+v", err, h)
	}
	for i, want := range []float64{0.0015, 0.75, 12.25} {
		if got := float64(h.Buckets[i].Low) * h.Ratio; math.Abs(got-want) > want/1000 {
			t.Errorf("%v, want %v", got, want)
		}
	}
	doubles.double = false
	if _, err := decode(doubles.encode(0, 5)); err == nil ||
		!strings.Contains(err.Error(), "its ratio to doubles is 0.001: want 1") {
		t.Errorf("%v", err)
	}
}

// The library has the same buckets for the same header.
func TestBucketsAreThoseOfTheLibrary(t *testing.T) {
	for _, c := range []struct {
		lowest, highest int64
		figures         int
	}{{1, 3_600_000_000_000, 3}, {1000, 3_600_000_000_000, 3}, {1, 2, 1}, {7, 1 << 40, 2}, {1, math.MaxInt64, 1}, {1,
		1 << 20, 5}} {
		t.Run(fmt.Sprintf("%d to %d, %d figures", c.lowest, c.highest, c.figures), func(t *testing.T) {
			l := hdrhistogram.New(c.lowest, c.highest, c.figures)
			r := rand.New(rand.NewPCG(1, 2))
			for range 500 {
				if err := l.RecordValues(r.Int64N(c.highest)>>r.IntN(62), 1+r.Int64N(1<<40)); err != nil {
					t.Fatal(err)
				}
			}
			text, err := l.EncodeV2()
			if err != nil {
				t.Fatal(err)
			}
			var want []bucket
			for _, bar := range l.Distribution() {
				if bar.Count > 0 {
					want = append(want, bucket{bar.From, bar.To, uint64(bar.Count)})
				}
			}
			h, err := decode(string(text))
			if err != nil || !slices.Equal(h.Buckets, want) {
				t.Errorf("%v: %v, want %v", err, h, want)
			}
		})
	}
}

func TestWhatIsNoHistogramIsAnError(t *testing.T) {
	raw := func(s string) []byte {
		data, err := base64.StdEncoding.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	coded := func(data ...[]byte) string { return base64.StdEncoding.EncodeToString(slices.Concat(data...)) }
	v2 := three.with(func(w *writer) { w.plain = true })
	v1 := v2.with(func(w *writer) { w.version, w.width = 1, 2 })
	for name, c := range map[string]struct{ text, want string }{
		"empty":             {"", "are not those of a histogram of format V0, V1 or V2"},
		"not base64":        {"HIST_", "illegal base64"},
		"another cookie":    {"AAAAAAAAAAAA", "are not those of a histogram"},
		"a head alone":      {coded(raw(three.encode(1))[:6]), "unexpected EOF"},
		"shorter than told": {coded(raw(three.encode(1, 2, 3))[:20]), "12 compressed bytes, but its header says"},
		"doubles of a head": {coded(raw(three.with(func(w *writer) { w.double = true }).encode(1))[:9]),
			"unexpected EOF"},
		"cut in the header":   {coded(raw(v2.encode(1))[:30]), "unexpected EOF"},
		"cut in the counters": {coded(raw(v2.encode(1, 2, 3))[:42]), "it is cut off: it has 2 of 3 bytes of counters"},
		"cut in a counter":    {coded(raw(v1.encode(1, 2, 3))[:45]), "unexpected EOF"},
		"longer":              {coded(raw(v2.encode(1)), []byte{0}), "something follows its counters"},
		"a negative counter":  {v1.encode(1, -1), "a counter of -1"},
		"past the last": {v2.with(func(w *writer) { w.highest = 2 }).encode(append(make([]int64, 2048),
			1)...), "a counter past the last, the 2048th"},
		"zeros past the last": {v2.with(func(w *writer) { w.highest = 2 }).encode(make([]int64, 2050)...),
			"a counter past the last"},
		"more than 2^63": {v2.encode(math.MaxInt64, 1), "more than 2^63 values"},
		"six figures": {v2.with(func(w *writer) { w.figures = 6 }).encode(1),
			"6 figures, from 1 to 3600000000000: want"},
		"no range": {v2.with(func(w *writer) { w.highest = 1 }).encode(1), "want 0 to 5, and a range"},
		"a unit beyond any": {v2.with(func(w *writer) { w.lowest, w.highest = 1<<60, math.MaxInt64 }).encode(1),
			"do not fit into 63 bits"},
		"a ratio that is no": {v2.with(func(w *writer) { w.ratio = math.NaN() }).encode(1),
			"its ratio to doubles is NaN: want"},
		"counters of 6 bytes": {v1.with(func(w *writer) { w.width = 6 }).encode(1),
			"counters of 6 bytes: want 2, 4 or 8"},
		"another one compressed": {coded(binary.BigEndian.AppendUint32(nil, deflatedV2),
			binary.BigEndian.AppendUint32(nil,
				uint32(len(deflated([]byte("none"))))), deflated([]byte("none"))), "what is compressed is not a " +
			"histogram"},
	} {
		t.Run(name, func(t *testing.T) {
			if h, err := decode(c.text); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%+v, %v: want %s", h, err, c.want)
			}
		})
	}
}

func TestALineIsReadWholeOrNotAtAll(t *testing.T) {
	good := three.encode(0, 5)
	for line, want := range map[string]Interval{
		"0.1,1.0,2.0," + good:                    {Start: 0.1, Length: 1},
		"Tag=A b.c,1438613579.290,0.5,2," + good: {Tag: "A b.c", Start: 1438613579.29, Length: 0.5},
		" -0.5, 1, 0, " + good + "\r":            {Start: -0.5, Length: 1},
	} {
		t.Run(line[:20], func(t *testing.T) {
			i, err := ParseInterval(line)
			if err != nil || i.Tag != want.Tag || i.Start != want.Start || i.Length != want.Length ||
				len(i.Buckets) != 1 {
				t.Errorf("%v: %+v", err, i)
			}
		})
	}
	for line, want := range map[string]string{
		"1,2,3":               "3 fields: want [Tag=NAME,]START,LENGTH,MAX,HIST...",
		"1,2,3,4," + good:     "5 fields: want",
		"x 1,2,3," + good:     `START is "x 1", which is no number`,
		"1,,3," + good:        `LENGTH is "", which is no number`,
		"1,2,NaN," + good:     `MAX is "NaN", which is no number`,
		"Tag=A":               "its tag is empty, or nothing follows it",
		"Tag=,1,2,3," + good:  "its tag is empty",
		"1,2,3," + good[:20]:  "its histogram cannot be read: ",
		"1,2,3,HISTF":         "its histogram cannot be read: illegal base64",
		"Tag=A,1,2," + good:   "3 fields",
		"Tag=A,B,1,2," + good: `START is "B"`,
	} {
		t.Run(want, func(t *testing.T) {
			if i, err := ParseInterval(line); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%+v, %v: want %s", i, err, want)
			}
		})
	}
}

// The logs in testdata are parts of the test logs of HdrHistogram for Java; see LICENSE there. The figures are what
// its HistogramLogReader returns for the same lines.
func TestLogsOfJHiccupHaveTheValuesThatHdrHistogramGives(t *testing.T) {
	type figures struct {
		intervals      int
		n              uint64
		p50, p999, max int64 // ends of buckets
	}
	for name, want := range map[string]map[string]figures{
		"jhiccup-v0.hlog": {"": {8, 5840, 393215, 458751, 491519}},
		"jhiccup-v1.hlog": {"": {10, 7289, 393215, 475135, 2801663}},
		"tagged-v2.hlog":  {"": {6, 4487, 344063, 425983, 2768895}, "A": {6, 4487, 344063, 425983, 2768895}},
	} {
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile(filepath.Join("testdata", name))
			if err != nil {
				t.Fatal(err)
			}
			if !IsLog(data) {
				t.Error("it is not recognised")
			}
			all := map[string][]bucket{}
			got := map[string]figures{}
			for line := range strings.Lines(string(data)) {
				if Skips(line) {
					continue
				}
				i, err := ParseInterval(line)
				if err != nil {
					t.Fatal(err)
				}
				all[i.Tag] = append(all[i.Tag], i.Buckets...)
				f := got[i.Tag]
				f.intervals++
				got[i.Tag] = f
			}
			for tag, buckets := range all {
				f := got[tag]
				slices.SortFunc(buckets, func(a, b bucket) int { return int(a.High - b.High) })
				for _, b := range buckets {
					f.n += b.Count
				}
				at := func(q float64) int64 {
					left := int64(math.Ceil(q * float64(f.n)))
					for _, b := range buckets {
						if left -= int64(b.Count); left <= 0 {
							return b.High
						}
					}
					return 0
				}
				f.p50, f.p999, f.max = at(0.5), at(0.999), at(1)
				got[tag] = f
			}
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%v, want %v", got, want)
			}
		})
	}
}

func TestALogIsRecognisedByItsFirstLines(t *testing.T) {
	line := "0.1,1.0,2.0," + three.encode(1) + "\n"
	for name, c := range map[string]struct {
		head string
		want bool
	}{
		"of HdrHistogram": {"#[Histogram log format version 1.3]\n", true},
		"of jHiccup":      {"#[Logged with jHiccup version 2.0.6]\n\n#[Histogram log format version 1.1]\n", true},
		"of NoSQLBench":   {"#logging histograms for session x\n" + line, true},
		"a legend":        {legend + ",\"EndTimestamp\"\r\n", true},
		"a line":          {line, true},
		"a tagged line":   {"# x\nTag=A," + line, true},
		"a cut line":      {line[:30], true},
		"doubles":         {"1,2,3,DHIST", true},
		"numbers":         {"# of HISTograms\n1\n2\n", false},
		"a table":         {"1,2,3,4\n", false},
		"nothing":         {"", false},
		"comments":        {"# x\n", false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := IsLog([]byte(c.head)); got != c.want {
				t.Errorf("%v", got)
			}
		})
	}
}

func FuzzParseInterval(f *testing.F) {
	for version := range 3 {
		for _, plain := range []bool{false, true} {
			f.Add("Tag=A,1,2,3," + three.with(func(w *writer) { w.version, w.plain = version, plain }).encode(3, 0, 0,
				1))
		}
	}
	f.Add("1,2,3," + three.with(func(w *writer) { w.double, w.ratio = true, 0.5 }).encode(3, 0, 0, 1))
	f.Fuzz(func(t *testing.T, line string) {
		IsLog([]byte(line))
		i, err := ParseInterval(line)
		if err != nil {
			return
		}
		var total uint64
		last := int64(-1)
		for _, b := range i.Buckets {
			if b.Low <= last || b.High < b.Low || b.Count == 0 {
				t.Errorf("%+v after %d", b, last)
			}
			last, total = b.High, total+b.Count
		}
		if total > math.MaxInt64 || !(i.Ratio > 0) {
			t.Errorf("%d values, ratio %v", total, i.Ratio)
		}
	})
}
