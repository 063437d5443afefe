package quantile_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/loadgen-go/loadgen/quantile"
	"github.com/loadgen-go/loadgen/quantile/quantiletest"
)

func encodeQDigest(t testing.TB, d *quantile.QDigest) []byte {
	t.Helper()
	data, err := d.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func decodeQDigest(t testing.TB, data []byte) *quantile.QDigest {
	t.Helper()
	var d quantile.QDigest
	if err := d.UnmarshalBinary(data); err != nil {
		t.Fatal(err)
	}
	return &d
}

func TestQDigestDecodesToWhatWasEncoded(t *testing.T) {
	for _, o := range qdigestSettings {
		for size, n := range map[string]int{
			"empty":               0,
			"one value":           1,
			"the most raw values": 4096,
			"the smallest forest": 4097,
			"a large forest":      100_000,
		} {
			t.Run(fmt.Sprintf("%s, %+v", size, o), func(t *testing.T) {
				values := append(quantiletest.Lognormal(n), -1, math.MaxInt64)[2:]
				d := qdigest(o, values...)
				data := encodeQDigest(t, d)
				got := decodeQDigest(t, data)
				if got.Count() != d.Count() || got.Min() != d.Min() || got.Max() != d.Max() ||
					got.Clamped() != d.Clamped() || got.Options() != d.Options() {
					t.Errorf("%d values from %v to %v", got.Count(), got.Min(), got.Max())
				}
				for i := range 101 {
					if q := float64(i) / 100; got.Quantile(q) != d.Quantile(q) {
						t.Errorf("Quantile(%v) = %v, was %v", q, got.Quantile(q), d.Quantile(q))
					}
				}
				// Later values have the same effect on both.
				more := quantiletest.Lognormal(5000)
				for _, v := range more {
					d.Add(v)
					got.Add(v)
				}
				if !bytes.Equal(encodeQDigest(t, d), encodeQDigest(t, got)) {
					t.Error("after more values the encodings differ")
				}
			})
		}
	}
}

func TestQDigestsOfTheSameAreEncodedAlike(t *testing.T) {
	values := quantiletest.Lognormal(3000)
	a, b := qdigest(quantile.QDigestOptions{}, values...), qdigest(quantile.QDigestOptions{})
	for i := range values { // in another order, with quantiles read in between
		b.Add(values[len(values)-1-i])
		b.Quantile(0.5)
	}
	if !bytes.Equal(encodeQDigest(t, a), encodeQDigest(t, b)) {
		t.Error("the encoding depends on the order of the first values")
	}
	values = quantiletest.Lognormal(50_000)
	a, b = qdigest(quantile.QDigestOptions{}, values...), qdigest(quantile.QDigestOptions{}, values...)
	b.Quantile(0.5)
	b.Bounds(0.5)
	if data := encodeQDigest(t, a); !bytes.Equal(data, encodeQDigest(t, b)) ||
		!bytes.Equal(data, encodeQDigest(t, a)) {
		t.Error("reading or encoding changes the encoding")
	}
}

// A form holds the parts of an encoding.
type form struct {
	head                 []byte
	epsilon              float64
	n, clamped, min, max uint64
	nodes                uint64
	kids                 []int // the nodes that have children
	counts               map[int]uint64
	tail                 []byte
}

// ofOneLeaf returns the encoding of a digest with 5,000 times 50 us. The leaf is 1219. It is below root
// 76 and the nodes 288, 290 and 293.
func ofOneLeaf() form {
	return form{
		head: []byte{'Q', 1, 7, 0}, epsilon: 0.1, n: 5000, min: 50_000, max: 50_000,
		nodes: 296, kids: []int{76, 288, 290, 293}, counts: map[int]uint64{295: 5000},
	}
}

func (f form) header() []byte {
	b := binary.LittleEndian.AppendUint64(bytes.Clone(f.head), math.Float64bits(f.epsilon))
	return binary.AppendUvarint(binary.AppendUvarint(b, f.n), f.clamped)
}

func (f form) bytes() []byte {
	b := f.header()
	for _, v := range []uint64{f.min, f.max, f.nodes} {
		b = binary.AppendUvarint(b, v)
	}
	written := min(f.nodes, 1000)
	bitmap := make([]byte, (written+7)/8)
	for _, i := range f.kids {
		bitmap[i/8] |= 1 << (i % 8)
	}
	b = append(b, bitmap...)
	for i := range written {
		b = binary.AppendUvarint(b, f.counts[int(i)])
	}
	return append(b, f.tail...)
}

func TestQDigestIsEncodedAsDocumented(t *testing.T) {
	d := qdigest(quantile.QDigestOptions{})
	d.AddN(50*time.Microsecond, 5000)
	if got, want := encodeQDigest(t, d), ofOneLeaf().bytes(); !bytes.Equal(got, want) {
		t.Errorf("encoded as\n%x, want\n%x", got, want)
	}
	few := qdigest(quantile.QDigestOptions{Uniform: true, MantissaBits: 10}, 1000, -1, 300)
	want := append(form{head: []byte{'Q', 1, 10, 1}, epsilon: 0.1, n: 3, clamped: 1}.header(), 0, 0xac, 2, 0xbc, 5)
	if got := encodeQDigest(t, few); !bytes.Equal(got, want) {
		t.Errorf("encoded as\n%x, want\n%x", got, want)
	}
}

func TestQDigestRejectsDataItDidNotEncode(t *testing.T) {
	forest := func(change func(*form)) []byte {
		f := ofOneLeaf()
		change(&f)
		return f.bytes()
	}
	raw := func(n uint64, rest ...byte) []byte {
		return append(form{head: []byte{'Q', 1, 7, 0}, epsilon: 0.1, n: n}.header(), rest...)
	}
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"nothing":             {nil, "does not begin"},
		"another thing":       {forest(func(f *form) { f.head[0] = 'T' }), "does not begin"},
		"another version":     {forest(func(f *form) { f.head[1] = 2 }), "version is 2"},
		"other leaves":        {forest(func(f *form) { f.head[2] = 8 }), "MantissaBits is 8"},
		"unknown mode":        {forest(func(f *form) { f.head[3] = 2 }), "form"},
		"epsilon NaN":         {forest(func(f *form) { f.epsilon = math.NaN() }), "Epsilon is NaN"},
		"epsilon 0":           {forest(func(f *form) { f.epsilon = 0 }), "Epsilon is 0"},
		"too many values":     {forest(func(f *form) { f.n = 1<<62 + 1 }), "at most"},
		"more clamped":        {forest(func(f *form) { f.clamped = 5001 }), "at most 5000"},
		"huge maximum":        {forest(func(f *form) { f.max = 1 << 63 }), "at most"},
		"outside extremes":    {forest(func(f *form) { f.min, f.max = 1e6, 1e6 }), "outside the extremes"},
		"below the minimum":   {forest(func(f *form) { f.min = 60_000; f.max = 60_000 }), "outside the extremes"},
		"fewer than roots":    {forest(func(f *form) { f.nodes, f.kids = 287, nil }), "287 nodes"},
		"nodes without bytes": {forest(func(f *form) { f.nodes = 4000 }), "4000 nodes"},
		"nodes beyond any":    {forest(func(f *form) { f.nodes = 1 << 40 }), "at most"},
		"child of a leaf": {forest(func(f *form) { f.kids = append(f.kids, 295); f.nodes += 2 }),
			"node 295 has children"},
		"pair past the last": {forest(func(f *form) { f.kids = append(f.kids, 77) }), "no more nodes"},
		"without a parent":   {forest(func(f *form) { f.nodes += 2 }), "have no parent"},
		"too few counted":    {forest(func(f *form) { f.counts[295]-- }), "1 values are in no node"},
		"too many counted":   {forest(func(f *form) { f.counts[295]++ }), "at most 5000"},
		"counted by more":    {forest(func(f *form) { f.counts[294] = 1 }), "at most"},
		"more than its room": {forest(func(f *form) { f.counts = map[int]uint64{288: 5000} }), "room for only 0"},
		"unfolded siblings": {forest(func(f *form) {
			f.kids, f.nodes, f.counts = []int{76, 77, 288, 292, 295}, 298, map[int]uint64{297: 5000}
		}), "form"},
		"left over":         {forest(func(f *form) { f.tail = []byte{0} }), "left over"},
		"raw left over":     {raw(1, 5, 0), "left over"},
		"raw without bytes": {raw(3, 5), "too few for 3"},
		"raw past the end":  {raw(2, append(bytes.Repeat([]byte{0xff}, 8), 0x7f, 1)...), "at most 0"},
		"a long number":     {raw(1, 0x85, 0), "form"},
		"a longer number":   {raw(1, bytes.Repeat([]byte{0xff}, 11)...), "more than 64 bits"},
	} {
		t.Run(name, func(t *testing.T) {
			d := qdigest(quantile.QDigestOptions{}, 7)
			err := d.UnmarshalBinary(c.data)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("the error is %v, want %q in it", err, c.want)
			}
			if d.Count() != 1 || d.Quantile(0.5) != 7 {
				t.Error("the digest was changed")
			}
		})
	}
}

func TestQDigestRejectsTruncatedData(t *testing.T) {
	for name, n := range map[string]int{"raw values": 10, "forest": 10_000} {
		t.Run(name, func(t *testing.T) {
			data := encodeQDigest(t, qdigest(quantile.QDigestOptions{}, quantiletest.Lognormal(n)...))
			for i := range data {
				var d quantile.QDigest
				if err := d.UnmarshalBinary(data[:i]); err == nil {
					t.Fatalf("%d of %d bytes were accepted", i, len(data))
				}
			}
		})
	}
}

// A zero digest is an empty digest with the default options, also with more than rawMost values.
func TestAZeroQDigestHasTheDefaultOptions(t *testing.T) {
	var zero quantile.QDigest
	made := qdigest(quantile.QDigestOptions{})
	for i := range 10_000 {
		zero.Add(time.Duration(i) * time.Microsecond)
		made.Add(time.Duration(i) * time.Microsecond)
	}
	fromZero, err := zero.MarshalBinary()
	fromMade, err2 := made.MarshalBinary()
	if err != nil || err2 != nil || !bytes.Equal(fromZero, fromMade) || zero.Options() != made.Options() {
		t.Errorf("%v, %v: options are %+v", err, err2, zero.Options())
	}
	if err := made.Merge(&zero); err != nil {
		t.Error(err)
	}
}

// A full digest can be encoded and decoded, however it became full.
func TestAFullQDigestTakesNoMoreAndIsDecoded(t *testing.T) {
	d := qdigest(quantile.QDigestOptions{})
	d.AddN(time.Millisecond, 1<<62)
	d.Add(7)
	text, err := d.MarshalBinary()
	if err != nil || d.Count() != 1<<62 {
		t.Fatalf("%v, %d values", err, d.Count())
	}
	var again quantile.QDigest
	if err := again.UnmarshalBinary(text); err != nil {
		t.Fatal(err)
	}
	again.Add(7)
	if again.Count() != 1<<62 || again.Min() != time.Millisecond {
		t.Errorf("%d values from %v", again.Count(), again.Min())
	}
}

// The decoder must not allocate much memory for a few bytes.
func TestQDigestDecoderTakesLittleMemory(t *testing.T) {
	f := ofOneLeaf()
	f.head[2], f.nodes, f.n = 10, 33792, 1<<62
	data := f.bytes()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	err := new(quantile.QDigest).UnmarshalBinary(data)
	runtime.ReadMemStats(&after)
	if spent := after.TotalAlloc - before.TotalAlloc; err == nil || spent > 256<<10 {
		t.Errorf("decoding %d bytes allocated %d bytes (%v)", len(data), spent, err)
	}
}

func FuzzQDigestUnmarshal(f *testing.F) {
	for _, o := range qdigestSettings {
		for _, n := range []int{0, 3, 5000} {
			f.Add(encodeQDigest(f, qdigest(o, quantiletest.Lognormal(n)...)))
		}
	}
	f.Add(ofOneLeaf().bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		var d quantile.QDigest
		if d.UnmarshalBinary(data) != nil {
			return
		}
		if again := encodeQDigest(t, &d); !bytes.Equal(again, data) {
			t.Fatalf("%x is encoded again as %x", data, again)
		}
		last := time.Duration(0)
		for i := range 21 {
			q := float64(i) / 20
			lo, hi := d.Bounds(q)
			if v := d.Quantile(q); v < last || v < d.Min() || v > d.Max() || lo > hi {
				t.Fatalf("Quantile(%v) = %v after %v, bounds %v to %v", q, v, last, lo, hi)
			} else {
				last = v
			}
		}
		n, o := d.Count(), qdigest(d.Options(), 0, 50_000, math.MaxInt64)
		if n > 1<<62-20_000 {
			return
		}
		for i := range time.Duration(5000) {
			d.Add(i * i)
		}
		d.AddN(time.Second, 3)
		merge(t, &d, o)
		merge(t, &d, decodeQDigest(t, encodeQDigest(t, &d)))
		if want := 2 * (n + 5006); d.Count() != want {
			t.Fatalf("%d values, want %d", d.Count(), want)
		}
		decodeQDigest(t, encodeQDigest(t, &d))
	})
}
