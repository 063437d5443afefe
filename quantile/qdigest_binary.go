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

// The encoding of a QDigest: 'Q', the version, MantissaBits, 1 if it is uniform or
// 0, and Epsilon as the 8 bytes of a float, least significant first; then, as
// uvarints, the count and how many were clamped. Up to rawMost values follow in
// order, as uvarints of the differences. Of more there follow, as uvarints, the
// minimum, the maximum and the number of nodes; one bit a node, breadth first and
// least significant first, whether it has children; and the counts of the nodes
// in that order, as uvarints.
const (
	qdigestMagic   = 'Q'
	qdigestVersion = 1
	qdigestHeader  = 12
)

var (
	_ encoding.BinaryMarshaler   = (*QDigest)(nil)
	_ encoding.BinaryUnmarshaler = (*QDigest)(nil)
)

// MarshalBinary encodes d, in about 1.3 B a node: 2 KB by default at a million
// values, and at most 2 B more than the differences of the values need while they
// are kept as they are. It tidies d first; digests that hold the same are encoded
// alike. The error is nil.
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

// append encodes the nodes, which are breadth first since the rebuild.
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

// UnmarshalBinary makes d what was encoded, options included. Data that
// MarshalBinary did not write are an error, and leave d as it was. It takes memory
// in proportion to the data, and the table of the leaves.
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
		return nil, errors.New("it does not begin as one")
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
	// What is left to be wrong: a mode of 2, a number written in more bytes than it
	// needs, padding that is not zero, siblings that should have been folded.
	if again, err := d.MarshalBinary(); err != nil || !bytes.Equal(again, data) {
		return nil, errors.New("it is not in the form that digests are written in")
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

// decode reads the nodes, which are to count n values.
func (f *forest) decode(r *uvarints, n uint64) {
	total := r.next(uint64(f.roots()) << (f.height + 1))
	bitmap := (total + 7) / 8
	if r.err != nil || total < uint64(f.roots()) || uint64(len(r.rest)) < bitmap+total {
		r.fail("%d nodes: want %d or more, and as many bytes as they need", total, f.roots())
		return
	}
	kids := r.rest[:bitmap]
	r.rest = r.rest[bitmap:]
	f.nodes = make([]node, total)
	levels := make([]uint8, total)
	for i := range f.roots() {
		levels[i] = f.height
	}
	free := uint64(f.roots()) // the next pair
	for i := range total {
		if kids[i/8]>>(i%8)&1 == 1 {
			if levels[i] == 0 || free+2 > total {
				r.fail("node %d has children: it is a leaf, or they are past the last node", i)
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
		r.fail("%d nodes are nobody's children, %d values are in no node", total-free, n)
	}
}

// check fails unless each node has room for its count, and all the counted lie
// among the leaves from first to last.
func (f *forest) check(r *uvarints, first, last uint32) {
	var all, right uint64
	for i := range f.nodes {
		all += f.nodes[i].count
	}
	var visit func(i, lo uint32, level uint8)
	visit = func(i, lo uint32, level uint8) {
		n, weight := f.nodes[i], right
		if f.uniform {
			weight = all
		}
		if level > 0 && n.count > f.room(weight) {
			r.fail("a node counts %d values, and has room for %d", n.count, f.room(weight))
		}
		if end := lo + 1<<level; n.count > 0 && (end <= first || lo > last) {
			r.fail("%d values lie in leaves %d to %d, outside the extremes'", n.count, lo, end-1)
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

// uvarints reads numbers; after the first failure all are 0.
type uvarints struct {
	rest []byte
	err  error
}

// next is the next number, which may be at most most.
func (r *uvarints) next(most uint64) uint64 {
	if r.err != nil {
		return 0
	}
	v, n := binary.Uvarint(r.rest)
	if n <= 0 {
		r.fail("a number is cut off, or has more than 64 bits")
		return 0
	}
	if v > most {
		r.fail("%d where at most %d can be", v, most)
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
