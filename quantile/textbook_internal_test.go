package quantile

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/loadgen-go/loadgen/internal/property"
)

// The two parts of the digest property (section 3.1 of the paper) and the size limit that follows from it
// hold after any inserts.
func TestTextbookKeepsTheDigestProperty(t *testing.T) {
	property.Check(t, func(t *rapid.T) {
		d, err := NewTextbookQDigest(rapid.Float64Range(0.05, 0.9).Draw(t, "epsilon"))
		if err != nil {
			t.Fatal(err)
		}
		shift := rapid.IntRange(0, 62).Draw(t, "shift")
		for _, v := range rapid.SliceOfN(rapid.Int64(), 1, 2000).Draw(t, "values") {
			d.Add(time.Duration(v) >> shift)
		}
		d.flush()
		checkDigest(t, d)
	})
}

func checkDigest(t *rapid.T, d *TextbookQDigest) {
	counts, total := map[uint32]uint64{}, uint64(0)
	for _, n := range d.nodes {
		counts[n.id] = n.count
		total += n.count
	}
	if total != d.n || len(counts) != len(d.nodes) {
		t.Fatalf("%d nodes with %d ids count %d of %d values", len(d.nodes), len(counts), total, d.n)
	}
	limit := d.n / d.k
	for id, count := range counts {
		if count == 0 {
			t.Fatalf("node %d counts nothing", id)
		}
		if id < 1<<treeBits && count > limit {
			t.Fatalf("node %d counts %d, more than floor(n/k) = %d", id, count, limit)
		}
		if id > 1 && count+counts[id^1]+counts[id/2] <= limit {
			t.Fatalf("node %d, its sibling and its parent count %d, and could be folded (floor(n/k) = %d)",
				id, count+counts[id^1]+counts[id/2], limit)
		}
	}
	if limit > 0 && uint64(len(d.nodes)) > 3*d.k {
		t.Fatalf("%d nodes, more than 3k = %d", len(d.nodes), 3*d.k)
	}
	if !slices.IsSortedFunc(d.nodes, func(a, b textbookNode) int { return int(a.id) - int(b.id) }) {
		t.Fatal("nodes are not in order of id")
	}
}

func TestLeavesCoverEveryDurationInOrder(t *testing.T) {
	property.Check(t, func(t *rapid.T) {
		d := time.Duration(rapid.Int64Range(0, int64(maxLeaf)).Draw(t, "d"))
		i := leafOf(d)
		lo, end := leafStart(i), leafStart(i+1)
		if d < lo || d >= end || leafOf(lo) != i || leafOf(end-1) != i {
			t.Fatalf("%d is in leaf %d, which is [%d, %d)", d, i, lo, end)
		}
		if width := end - lo; width > 1 && width > lo>>leafBits {
			t.Fatalf("leaf %d = [%d, %d) is wider than 2^-%d of its value", i, lo, end, leafBits)
		}
	})
	if last := leafOf(1<<63 - 1); last >= 1<<treeBits || last != leafOf(maxLeaf) {
		t.Errorf("the longest duration is in leaf %d", last)
	}
}
