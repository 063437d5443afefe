package hdrlog

import (
	"bufio"
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"
	"strings"
)

// A Histogram is a decoded histogram of HdrHistogram.
type Histogram struct {
	Buckets []bucket // buckets that count at least one value, in ascending order
	// Ratio is the factor of the values of the buckets. It is 1, except for a
	// DoubleHistogram.
	Ratio float64
}

// A bucket counts values from Low to High, inclusive.
type bucket struct {
	Low, High int64
	Count     uint64
}

// Middle returns the middle of the bucket, rounded down.
func (b bucket) Middle() int64 { return b.Low + (b.High-b.Low)/2 }

// The cookies that encodings begin with, without the four bits that hold the width of a
// counter. Source: AbstractHistogram and DoubleHistogram of HdrHistogram for Java.
const (
	plainV0, deflatedV0     = 0x1c849308, 0x1c849309
	plainV1, deflatedV1     = 0x1c849301, 0x1c849302
	plainV2, deflatedV2     = 0x1c849303, 0x1c849304
	plainDouble, zlibDouble = 0x0c72124e, 0x0c72124f
	widthMask               = 0xf0
)

// decode decodes a histogram of format V0, V1 or V2, compressed or not, of integers
// or of doubles, in base64. It returns the same values as HdrHistogram for Java.
func decode(text string) (*Histogram, error) {
	data, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil {
		return nil, err
	}
	h := &Histogram{}
	double := false
	switch cookie, _ := cookieOf(data); cookie {
	case plainDouble, zlibDouble:
		const head = 16 // bytes: cookie, figures, and the ratio of the highest to the lowest value
		if len(data) < head {
			return nil, io.ErrUnexpectedEOF
		}
		data, double = data[head:], true
	}
	if err := h.decode(data); err != nil {
		return nil, err
	}
	if !double && h.Ratio != 1 {
		return nil, fmt.Errorf("it has integer values, but its ratio to doubles is %v: want 1", h.Ratio)
	}
	return h, nil
}

// cookieOf returns the cookie of an encoding, and the width of a counter, in bytes, that the cookie holds.
func cookieOf(data []byte) (cookie uint32, width int) {
	if len(data) < 4 {
		return 0, 0
	}
	c := binary.BigEndian.Uint32(data)
	switch c {
	case plainDouble, zlibDouble:
		return c, 0
	}
	return c &^ widthMask, int(c&widthMask>>4) &^ 1
}

// decode decodes a histogram of integers.
func (h *Histogram) decode(data []byte) error {
	switch cookie, _ := cookieOf(data); cookie {
	case deflatedV0, deflatedV1, deflatedV2:
	case plainV0, plainV1, plainV2:
		return h.body(bytes.NewReader(data))
	default:
		return errors.New("its first bytes are not those of a histogram of format V0, V1 or V2")
	}
	const envelope = 8 // bytes: cookie and length
	if len(data) < envelope {
		return io.ErrUnexpectedEOF
	}
	length := int64(int32(binary.BigEndian.Uint32(data[4:])))
	if data = data[envelope:]; length < 0 || length > int64(len(data)) {
		return fmt.Errorf("it has %d compressed bytes, but its header says %d", len(data), length)
	}
	z, err := zlib.NewReader(bytes.NewReader(data[:length]))
	if err != nil {
		return err
	}
	return h.body(z)
}

// A header is the part before the counters.
type header struct {
	cookie          uint32
	width           int    // of a counter, in bytes; not used by V2
	payload         uint32 // length of the counters in bytes; not used by V0
	figures         int32
	lowest, highest int64
	ratio           float64
}

// readHeader reads the header of any format. It ignores the normalizing offset of V1 and V2, which
// describes how the writer arranged the counters in memory. They are written in the order of their values in any case.
func readHeader(r io.Reader) (h header, err error) {
	var first [4]byte
	if _, err := io.ReadFull(r, first[:]); err != nil {
		return h, err
	}
	h.cookie, h.width = cookieOf(first[:])
	h.ratio = 1
	fields := []any{&h.payload, new(int32), &h.figures, &h.lowest, &h.highest, &h.ratio}
	switch h.cookie {
	case plainV0:
		fields = []any{&h.figures, &h.lowest, &h.highest, new(int64)} // the last is the total
	case plainV1, plainV2:
	default:
		return h, errors.New("what is compressed is not a histogram of format V0, V1 or V2")
	}
	for _, f := range fields {
		if err := binary.Read(r, binary.BigEndian, f); err != nil {
			return h, unexpected(err)
		}
	}
	if h.cookie != plainV2 && h.width != 2 && h.width != 4 && h.width != 8 {
		return h, fmt.Errorf("counters of %d bytes: want 2, 4 or 8", h.width)
	}
	if !(h.ratio > 0) || math.IsInf(h.ratio, 0) {
		return h, fmt.Errorf("its ratio to doubles is %v: want a number above 0", h.ratio)
	}
	return h, nil
}

// unexpected returns err, or io.ErrUnexpectedEOF if err is io.EOF.
func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// body decodes the header and the counters.
func (h *Histogram) body(r io.Reader) error {
	head, err := readHeader(r)
	if err != nil {
		return unexpected(err)
	}
	g, err := newGeometry(head.lowest, head.highest, head.figures)
	if err != nil {
		return err
	}
	h.Ratio = head.ratio
	const widest = 9 // largest size of a counter in V2, in bytes
	payload := &io.LimitedReader{R: r, N: 8 * g.counters}
	if head.cookie != plainV0 {
		payload.N = int64(head.payload)
	}
	if payload.N > widest*g.counters {
		return fmt.Errorf("%d bytes of %d counters: want at most %d of each", payload.N, g.counters, widest)
	}
	if err := h.counters(bufio.NewReader(payload), head, g); err != nil {
		return err
	}
	if head.cookie != plainV0 && payload.N > 0 {
		return fmt.Errorf("it is cut off: it has %d of %d bytes of counters", int64(head.payload)-payload.N,
			head.payload)
	}
	if n, err := io.Copy(io.Discard, io.LimitReader(r, 1)); err != nil || n > 0 {
		return errors.Join(err, errors.New("something follows its counters"))
	}
	return nil
}

// counters decodes the counters, which are in the order of their values.
func (h *Histogram) counters(r *bufio.Reader, head header, g geometry) error {
	next := func() (int64, error) { return readWord(r, head.width) }
	if head.cookie == plainV2 {
		next = func() (int64, error) { return readZigZag(r) }
	}
	var total uint64
	for i := int64(0); ; i++ {
		count, err := next()
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		case count < 0 && head.cookie != plainV2:
			return fmt.Errorf("a counter of %d", count)
		case count < 0: // the number of zeros
			if i -= count + 1; i < 0 || i >= g.counters {
				return fmt.Errorf("a counter past the last, the %dth", g.counters)
			}
		case count > 0:
			if i >= g.counters {
				return fmt.Errorf("a counter past the last, the %dth", g.counters)
			}
			if total += uint64(count); total > math.MaxInt64 {
				return errors.New("it counts more than 2^63 values")
			}
			low, high := g.bucket(i)
			h.Buckets = append(h.Buckets, bucket{low, high, uint64(count)})
		}
	}
}

// readWord reads a counter of V0 or V1.
func readWord(r io.Reader, width int) (int64, error) {
	var b [8]byte
	if _, err := io.ReadFull(r, b[:width]); err != nil {
		return 0, err
	}
	switch width {
	case 2:
		return int64(int16(binary.BigEndian.Uint16(b[:]))), nil
	case 4:
		return int64(int32(binary.BigEndian.Uint32(b[:]))), nil
	}
	return int64(binary.BigEndian.Uint64(b[:])), nil
}

// readZigZag reads a counter of V2. Each byte has 7 bits, the lowest bits first, except the ninth
// byte, which has 8. The lowest bit of the number is its sign. Source: ZigZagEncoding of HdrHistogram
// for Java.
func readZigZag(r io.ByteReader) (int64, error) {
	const most = 9 // bytes
	var v uint64
	for i := range most {
		b, err := r.ReadByte()
		if err != nil {
			if i > 0 {
				err = unexpected(err)
			}
			return 0, err
		}
		if i == most-1 {
			v |= uint64(b) << (7 * i)
			break
		}
		v |= uint64(b&0x7f) << (7 * i)
		if b < 0x80 {
			break
		}
	}
	return int64(v>>1) ^ -int64(v&1), nil
}

// A geometry determines which values a counter counts.
type geometry struct {
	unit, half int // log2 of the unit, and of half the number of counters of an octave
	counters   int64
}

// newGeometry returns the geometry of a range of values with a number of significant figures.
func newGeometry(lowest, highest int64, figures int32) (g geometry, err error) {
	lowest = max(lowest, 1) // hdrhistogram-go 1.0 writes other values, but means 1
	if figures < 0 || figures > 5 || highest < 2 || highest/2 < lowest {
		return g, fmt.Errorf("%d figures, from %d to %d: want 0 to 5, and a range of one octave at least", figures,
			lowest, highest)
	}
	exact := uint64(2 * math.Pow10(int(figures))) // values below have a counter of their own
	g.half = bits.Len64(exact-1) - 1
	g.unit = bits.Len64(uint64(lowest)) - 1
	if g.unit+g.half > 61 {
		return g, fmt.Errorf("%d figures from %d: they do not fit into 63 bits", figures, lowest)
	}
	octaves := int64(1)
	for end := uint64(1) << (g.half + 1 + g.unit); end <= uint64(highest); end <<= 1 {
		octaves++
	}
	g.counters = (octaves + 1) << g.half
	return g, nil
}

// bucket returns the range of values that the i-th counter counts.
func (g geometry) bucket(i int64) (low, high int64) {
	octave, sub := i>>g.half-1, i&(1<<g.half-1)
	if octave < 0 {
		octave = 0
	} else {
		sub += 1 << g.half
	}
	shift := octave + int64(g.unit)
	low = sub << shift
	return low, low + (1<<shift - 1)
}
