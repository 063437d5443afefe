package quantile

import (
	"bytes"
	"encoding"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"
)

// The encoding of a QDigest is: 'Q', the version, MantissaBits, 1 if it is uniform or else 0, Epsilon as
// the 8 bytes of a float64, least significant byte first, and as uvarints the count and the number of
// clamped values. If there are at most rawMost values, they follow in ascending order, as uvarints of
// their differences. Otherwise there follow, as uvarints, the minimum, the maximum and the number of
// nodes; then one bit per node that is set if the node has children, breadth first and least
// significant bit first; and then the counts of the nodes in that order, as uvarints.
const (
	qdigestMagic   = 'Q'
	qdigestVersion = 1
	qdigestHeader  = 12
)

var (
	_ encoding.BinaryMarshaler   = (*QDigest)(nil)
	_ encoding.BinaryUnmarshaler = (*QDigest)(nil)
)

// MarshalBinary encodes d in about 1.3 B per node, which is 2 KB for a million values by default. While
// values are kept as they are, it takes at most 2 B more than the differences of the values. It first
// brings d into a canonical form, so digests with the same contents have the same encoding. The error
// is always nil.
func (d *QDigest) MarshalBinary() ([]byte, error) {
	o := d.Options()
	b := []byte{qdigestMagic, qdigestVersion, byte(o.MantissaBits), 0}
	if o.Uniform {
		b[3] = 1
	}
	b = binary.LittleEndian.AppendUint64(b, math.Float64bits(o.Epsilon))
	b = binary.AppendUvarint(b, d.n)
	b = binary.AppendUvarint(b, d.clamped)
	if d.forest.empty() {
		last := time.Duration(0)
		for _, v := range d.sort() {
			b = binary.AppendUvarint(b, uint64(v-last))
			last = v
		}
		return b, nil
	}
	b = binary.AppendUvarint(b, uint64(d.min))
	b = binary.AppendUvarint(b, uint64(d.max))
	d.forest.rebuild()
	d.stale = true
	return d.forest.append(b), nil
}

// append appends the encoded nodes to b. The nodes must be in breadth-first order, as after rebuild.
func (f *forest) append(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(f.nodes)))
	bitmap := len(b)
	b = append(b, make([]byte, (len(f.nodes)+7)/8)...)
	for i := range f.nodes {
		if f.nodes[i].kids != 0 {
			b[bitmap+i/8] |= 1 << (i % 8)
		}
	}
	for i := range f.nodes {
		b = binary.AppendUvarint(b, f.nodes[i].count)
	}
	return b
}

// UnmarshalBinary sets d to the encoded digest, with its options. It returns an error, and leaves d
// unchanged, if the data was not written by MarshalBinary. Its memory is proportional to the length of
// data, plus the table of the leaves.
func (d *QDigest) UnmarshalBinary(data []byte) error {
	out, err := decodeQDigest(data)
	if err != nil {
		return fmt.Errorf("quantile: encoding of a q-digest: %w", err)
	}
	*d = *out
	return nil
}

func decodeQDigest(data []byte) (*QDigest, error) {
	if len(data) < qdigestHeader || data[0] != qdigestMagic {
		return nil, errors.New("it does not begin with the byte 'Q' and a header")
	}
	if data[1] != qdigestVersion {
		return nil, fmt.Errorf("its version is %d: want %d", data[1], qdigestVersion)
	}
	d := &QDigest{options: QDigestOptions{
		MantissaBits: int(data[2]),
		Uniform:      data[3] == 1,
		Epsilon:      math.Float64frombits(binary.LittleEndian.Uint64(data[4:])),
	}}
	if err := d.options.check(); err != nil {
		return nil, err
	}
	r := &uvarints{rest: data[qdigestHeader:]}
	n := r.next(mostMerged)
	d.clamped = r.next(n)
	if n <= rawMost {
		d.decodeRaw(r, n)
	} else {
		d.decodeForest(r, n)
	}
	if r.err == nil && len(r.rest) > 0 {
		r.fail("%d bytes are left over", len(r.rest))
	}
	if r.err != nil {
		return nil, r.err
	}
	// This detects all other errors: a mode of 2, a number with more bytes than necessary, padding
	// that is not zero, siblings that should have been folded.
	if again, err := d.MarshalBinary(); err != nil || !bytes.Equal(again, data) {
		return nil, errors.New("it is not in the form that MarshalBinary writes")
	}
	return d, nil
}

func (d *QDigest) decodeRaw(r *uvarints, n uint64) {
	if uint64(len(r.rest)) < n {
		r.fail("%d bytes are too few for %d values", len(r.rest), n)
		return
	}
	v := time.Duration(0)
	for range n {
		v += time.Duration(r.next(uint64(math.MaxInt64 - v)))
		d.extremes.add(v)
		d.raw = append(d.raw, v)
	}
	d.sorted = true
}

func (d *QDigest) decodeForest(r *uvarints, n uint64) {
	d.min = time.Duration(r.next(math.MaxInt64))
	d.max = time.Duration(r.next(math.MaxInt64))
	f := newForest(d.options)
	f.decode(r, n)
	if r.err != nil {
		return
	}
	f.rebuild()
	d.n, d.forest, d.stale = n, f, true
	d.shorten()
	d.forest.check(r, d.leafOf(d.min), d.leafOf(d.max))
}

// decode decodes the nodes, which must count n values.
func (f *forest) decode(r *uvarints, n uint64) {
	total := r.next(uint64(f.roots()) << (f.height + 1))
	bitmap := (total + 7) / 8
	if r.err != nil || total < uint64(f.roots()) || uint64(len(r.rest)) < bitmap+total {
		r.fail("%d nodes: want at least %d, and enough bytes for them", total, f.roots())
		return
	}
	kids := r.rest[:bitmap]
	r.rest = r.rest[bitmap:]
	f.nodes = make([]node, total)
	levels := make([]uint8, total)
	for i := range f.roots() {
		levels[i] = f.height
	}
	free := uint64(f.roots()) // index of the next pair of children
	for i := range total {
		if kids[i/8]>>(i%8)&1 == 1 {
			if levels[i] == 0 || free+2 > total {
				r.fail("node %d has children, but it is a leaf, or there are no more nodes", i)
				return
			}
			f.nodes[i].kids = uint32(free)
			levels[free], levels[free+1] = levels[i]-1, levels[i]-1
			free += 2
		}
		f.nodes[i].count = r.next(n)
		n -= f.nodes[i].count
	}
	if free != total || n != 0 {
		r.fail("%d nodes have no parent, %d values are in no node", total-free, n)
	}
}

// check reports an error if a node exceeds its room, or if values are counted outside the leaves from first
// to last.
func (f *forest) check(r *uvarints, first, last uint32) {
	var total, right uint64
	for i := range f.nodes {
		total += f.nodes[i].count
	}
	var visit func(i, lo uint32, level uint8)
	visit = func(i, lo uint32, level uint8) {
		n, weight := f.nodes[i], right
		if f.uniform {
			weight = total
		}
		if level > 0 && n.count > f.room(weight) {
			r.fail("a node counts %d values, but has room for only %d", n.count, f.room(weight))
		}
		if end := lo + 1<<level; n.count > 0 && (end <= first || lo > last) {
			r.fail("%d values are in the leaves %d to %d, outside the extremes", n.count, lo, end-1)
		}
		if n.kids != 0 {
			visit(n.kids+1, lo+1<<(level-1), level-1)
			visit(n.kids, lo, level-1)
		}
		right += n.count
	}
	for i := f.roots(); i > 0; i-- {
		visit(i-1, (i-1)<<f.height, f.height)
	}
}

// uvarints reads numbers. After the first error it returns 0.
type uvarints struct {
	rest []byte
	err  error
}

// next returns the next number, which must not exceed most.
func (r *uvarints) next(most uint64) uint64 {
	if r.err != nil {
		return 0
	}
	v, n := binary.Uvarint(r.rest)
	if n <= 0 {
		r.fail("a number is truncated or has more than 64 bits")
		return 0
	}
	if v > most {
		r.fail("a number is %d: want at most %d", v, most)
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

func (r *uvarints) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf(format, args...)
	}
}
