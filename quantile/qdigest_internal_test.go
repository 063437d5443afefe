package quantile

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/loadgen-go/loadgen/internal/property"
)

// The invariant in the comment of forest holds after any operations.
func TestForestKeepsItsInvariant(t *testing.T) {
	property.Check(t, func(t *rapid.T) {
		o := QDigestOptions{
			Epsilon:      rapid.Float64Range(0.01, 0.9).Draw(t, "epsilon"),
			Uniform:      rapid.Bool().Draw(t, "uniform"),
			MantissaBits: rapid.SampledFrom([]int{7, 10}).Draw(t, "m"),
		}
		digests := make([]*QDigest, rapid.IntRange(1, 3).Draw(t, "digests"))
		for i := range digests {
			d, err := NewQDigest(o)
			if err != nil {
				t.Fatal(err)
			}
			d.grow() // uses the forest from the start
			shift := rapid.IntRange(0, 62).Draw(t, "shift")
			for _, v := range rapid.SliceOfN(rapid.Int64(), 1, 500).Draw(t, "values") {
				for j := range 20 {
					d.Add(time.Duration(v) >> (shift + j%3))
				}
				d.AddN(time.Duration(v)>>shift, uint64(v)%1000)
			}
			checkForest(t, d)
			digests[i] = d
		}
		for _, d := range digests[1:] {
			if err := digests[0].Merge(d); err != nil {
				t.Fatal(err)
			}
			checkForest(t, digests[0])
		}
		if data, err := digests[0].MarshalBinary(); digests[0].n > rawMost { // fewer values are decoded as raw values
			var decoded QDigest
			if err == nil {
				err = decoded.UnmarshalBinary(data)
			}
			if err != nil {
				t.Fatal(err)
			}
			checkForest(t, &decoded)
		}
		f := &digests[0].forest
		f.rebuild()
		before := slices.Clone(f.nodes)
		f.rebuild()
		if !slices.Equal(f.nodes, before) {
			t.Fatal("a second rebuild changes the forest")
		}
	})
}

func checkForest(t *rapid.T, d *QDigest) {
	f, r := &d.forest, &uvarints{}
	f.check(r, d.leafOf(d.min), d.leafOf(d.max))
	if r.err != nil {
		t.Fatal(r.err)
	}
	var n uint64
	for _, node := range f.nodes {
		n += node.count
	}
	if n != d.n {
		t.Fatalf("%d values in the nodes, want %d", n, d.n)
	}
	for leaf := range f.grid.leaves() {
		i, level := leaf>>f.height, f.height
		for f.nodes[i].kids != 0 {
			level--
			i = f.nodes[i].kids + leaf>>level&1
		}
		if f.jump[leaf] != i {
			t.Fatalf("leaf %d jumps to node %d, want %d", leaf, f.jump[leaf], i)
		}
		if level == 0 && f.nodes[i].cap != leafCap {
			t.Fatalf("leaf %d has a cap of %d", leaf, f.nodes[i].cap)
		}
	}
}

func TestGridsCoverEveryDurationInOrder(t *testing.T) {
	for name, g := range map[string]grid{"coarse": coarse, "fine": fine} {
		t.Run(name, func(t *testing.T) {
			for i := range g.leaves() {
				lo, end := g.start(i), g.start(i+1)
				if g.leaf(lo) != i || g.leaf(end-1) != i {
					t.Fatalf("leaf %d is [%d, %d), and its ends are in %d and %d", i, lo, end, g.leaf(lo),
						g.leaf(end-1))
				}
				if width := end - lo; width > 1 && width > lo>>g {
					t.Fatalf("leaf %d = [%d, %d) is wider than 2^-%d of its value", i, lo, end, g)
				}
			}
			if g.start(g.leaves()) != maxLeaf+1 {
				t.Errorf("the last leaf ends at %d", g.start(g.leaves()))
			}
		})
	}
	for _, d := range []time.Duration{0, 1, 5000, 1 << 30, maxLeaf} {
		if fine.leaf(d) != leafOf(d) {
			t.Errorf("%d is in leaf %d and %d", d, fine.leaf(d), leafOf(d))
		}
	}
}

func TestForestSpreadsCountsOverWhereValuesCanBeAlone(t *testing.T) {
	f := newForest(QDigestOptions{Epsilon: 0.1, MantissaBits: 7})
	f.fill(nil)
	const root = 100
	lo := uint32(root << f.height) // the root has 16 leaves
	f.nodes[root].count = 1000
	f.sum()
	for _, c := range []struct {
		name       string
		rank       float64
		first, end uint32
		want       float64
	}{
		{"all leaves", 500, 0, f.grid.leaves(), float64(lo) + 8},
		{"two leaves", 500, lo + 8, lo + 10, float64(lo) + 9},
		{"the upper half", 250, lo + 8, f.grid.leaves(), float64(lo) + 10},
		{"rank 0", 0, lo, lo + 16, float64(lo)},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := f.find(c.rank, c.first, c.end); got != c.want {
				t.Errorf("rank %v is at %v, want %v", c.rank, got, c.want)
			}
		})
	}
	if got := f.find(1000, lo, lo+2); got >= float64(lo+2) || got < float64(lo)+1.99 {
		t.Errorf("the last rank is at %v, outside leaves %d to %d", got, lo, lo+1)
	}
	empty := newForest(QDigestOptions{Epsilon: 0.1, MantissaBits: 7})
	empty.fill(nil)
	empty.sum()
	if got := empty.find(0, 0, 16); got != 0 {
		t.Errorf("in an empty forest, rank 0 is at %v", got)
	}
}

func TestForestStorageIsOfTheRightSize(t *testing.T) {
	d, err := NewQDigest(QDigestOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range time.Duration(200_000) {
		d.Add(i * i)
		if f := &d.forest; cap(f.nodes) > 2*len(f.nodes)+128 {
			t.Fatalf("after %d values %d nodes have room for %d", i, len(f.nodes), cap(f.nodes))
		}
	}
}
