package sampling

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"slices"
	"sync/atomic"
	"time"

	"github.com/loadgen-go/loadgen/internal/rng"
	"github.com/loadgen-go/loadgen/quantile"
)

// Hashed is a sound reading of the dynamic-window sampling that the article describes in prose. It keeps
// a sample of all values added so far, in which each value is with the same probability, in any order
// of adding. It also keeps the exact largest values: the "points of inflection", which a sample of any
// size would miss.
//
// A value is kept if its hash ends in k zero bits, and then represents 2^k values. When the window of
// c*sqrt(n) values is full, k grows by one, and the values whose hashes do not end in k zeros are
// removed. The rest is a sample of all values with the probability 2^-k, not only of the values after
// the change. Since hashes are random, nothing periodic can resonate with the sample.
//
// Only two properties of a hash are ever needed: how many values pass until the next hash that ends in
// k zeros, and how many more zeros it ends in. Both are drawn at random when they are needed, so most
// values need no hash at all.
//
// The root mean square of the rank error at q is sqrt(q(1-q)/s), where s is the size of the sample, from
// c/2*sqrt(n) to c*sqrt(n). Above [Hashed.ExactFrom] the error is 0. A merged Hashed has the same error
// as one to which all values were added. Add takes about 1 ns, or 2 ns through an interface. The sample
// takes 10.2*c*sqrt(n) bytes and the largest values take 16*t*sqrt(n) bytes, which is 105 KB for a
// million values. After the first Quantile, each value of the sample takes 8 bytes more.
//
// Sources: the article's "dynamic window exponential sampling"; for Bernoulli sampling by hashes that is
// thinned as it grows, Gibbons, Distinct Sampling for Highly-Accurate Answers to Distinct Values
// Queries, VLDB 2001, section 3; for drawing the number of skipped values, Vitter, Faster Methods for
// Random Sampling, CACM 27(7), 1984, section 3.
type Hashed struct {
	c, t    float64
	seed    uint64
	merged  []uint64      // seeds of the Hasheds that were merged into this one, sorted
	drawn   uint64        // how many random numbers were drawn
	n, next uint64        // next is the number of the next value of the sample
	min     time.Duration // smallest value; the largest Duration if there is none

	k      uint8 // hashes of the sample end in at least k zeros
	room   int   // size of the sample that makes it thinned
	values []time.Duration
	zeros  []uint8 // number of zeros that the hash of each value ends in

	// The largest values: all values above floor, and some that are equal to floor.
	largest []time.Duration
	most    int // length of largest at which the smallest are removed
	floor   time.Duration

	body   []time.Duration // values of the sample that are not above floor, sorted
	sorted uint64          // n at the time when body and largest were sorted

	options *quantile.QDigestOptions // options of digest; nil: quantiles come from body
	digest  *quantile.QDigest        // the values of body, with weights
}

// HashedOptions are the settings of a [Hashed]. Hasheds can only be merged if Sample and Tail are the same.
type HashedOptions struct {
	// Sample is c: the sample has up to c*sqrt(n) values, but at least 256. 0 is 4.
	Sample float64
	// Tail is t: the t*sqrt(n) largest values, but at least 256, are exact. They may be fewer,
	// down to 256, if values fall over time or if very many values are equal. 0 is 4.
	Tail float64
	// QDigest, if set, puts the sample into a q-digest for Quantile, each value with its weight,
	// and interpolates linearly, which is the complete pipeline of the article. The error of the
	// digest adds to the error of the sample. The digest takes memory instead of the 8 bytes per
	// value of the sample.
	QDigest *quantile.QDigestOptions
	// Seed determines which values are kept. The default, 0, gives each Hashed of the process a
	// different seed. Hasheds that are to be merged need different seeds.
	Seed uint64
}

const (
	defaultSample, defaultTail = 4, 4
	maxFactor                  = 1e6
	leastKept                  = 256
	noFloor                    = -1 // nothing has been removed from largest
)

var seeds atomic.Uint64

// NewHashed returns an empty Hashed, or an error that lists everything that is wrong with o.
func NewHashed(o HashedOptions) (*Hashed, error) {
	if o.Sample == 0 {
		o.Sample = defaultSample
	}
	if o.Tail == 0 {
		o.Tail = defaultTail
	}
	var errs []error
	for name, x := range map[string]float64{"Sample": o.Sample, "Tail": o.Tail} {
		if !(x > 0 && x <= maxFactor) {
			errs = append(errs, fmt.Errorf("sampling: HashedOptions.%s is %v: want more than 0 and at most %v", name,
				x, maxFactor))
		}
	}
	if o.QDigest != nil {
		d, err := quantile.NewQDigest(*o.QDigest)
		errs = append(errs, err)
		if err == nil {
			resolved := d.Options()
			o.QDigest = &resolved
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if o.Seed == 0 {
		o.Seed = rng.Mix(seeds.Add(1))
	}
	s := &Hashed{c: o.Sample, t: o.Tail, seed: o.Seed, options: o.QDigest, floor: noFloor, min: math.MaxInt64}
	s.fit()
	s.cut()
	s.seek()
	return s, nil
}

var (
	_ quantile.Estimator = (*Hashed)(nil)
	_ quantile.Sizer     = (*Hashed)(nil)
)

// Add implements [quantile.Estimator]. It is short enough for the compiler to inline it, since most
// values are only counted.
func (s *Hashed) Add(d time.Duration) {
	s.n++
	if s.n == s.next || d > s.floor || d < s.min {
		s.note(d)
	}
}

func (s *Hashed) note(d time.Duration) {
	d = max(d, 0)
	s.min = min(s.min, d)
	if s.n == s.next {
		s.keep(d, s.moreZeros())
		s.seek()
	}
	if d > s.floor {
		s.keepLargest(d)
	}
}

func (s *Hashed) random() uint64 {
	s.drawn++
	return rng.Mix(s.drawn*rng.Golden + s.seed)
}

// moreZeros returns how many zeros a hash ends in that is known to end in at least k.
func (s *Hashed) moreZeros() uint8 { return s.k + uint8(bits.TrailingZeros64(s.random())) }

// seek draws the number of the next value whose hash ends in k zeros. If a number was drawn for another
// k, it is dropped. That does not bias the sample, because the geometric distribution is memoryless.
//
// Source: inversion of the geometric distribution, Devroye, Non-Uniform Random Variate
// Generation, 1986, section X.2.
func (s *Hashed) seek() {
	gap := uint64(1)
	if s.k > 0 {
		uniform := (float64(s.random()>>11) + 0.5) / (1 << 53) // never 0 or 1
		gap += uint64(math.Log(uniform) / math.Log1p(-math.Ldexp(1, -int(s.k))))
	}
	s.next = s.n + gap
}

func (s *Hashed) keep(d time.Duration, zeros uint8) {
	s.values, s.zeros = append(s.values, d), append(s.zeros, zeros)
	if len(s.values) > s.room {
		s.fit()
	}
}

// fit sets the size of the window for the current n, and thins the sample until it fits. It allocates
// an eighth more, so that the sample is moved less often while the window grows.
func (s *Hashed) fit() {
	s.room = max(leastKept, int(s.c*math.Sqrt(float64(s.n))))
	for len(s.values) > s.room {
		s.thin(s.k + 1)
	}
	if cap(s.values) <= s.room {
		room := s.room + s.room/8 + 1
		s.values, s.zeros = withRoom(s.values, room), withRoom(s.zeros, room)
	}
}

// thin removes the values whose hashes do not end in k zeros.
func (s *Hashed) thin(k uint8) {
	s.k = k
	kept := 0
	for i, z := range s.zeros {
		s.values[kept], s.zeros[kept] = s.values[i], z
		if z >= k {
			kept++
		}
	}
	s.values, s.zeros = s.values[:kept], s.zeros[:kept]
}

// withRoom returns a with capacity for at least n elements. If it must move a, the capacity is n.
func withRoom[E any](a []E, n int) []E {
	if cap(a) >= n {
		return a
	}
	return append(make([]E, 0, n), a...)
}

func (s *Hashed) keepLargest(d time.Duration) {
	s.largest = append(s.largest, d)
	if len(s.largest) == s.most {
		s.cut()
	}
}

// cut removes all but the largest values that should be kept for the current n. If it would remove only
// a few, it doubles the room instead, so that both cutting and moving are rare.
func (s *Hashed) cut() {
	least := max(leastKept, int(math.Ceil(s.t*math.Sqrt(float64(s.n)))))
	if s.most < least+least/4 {
		s.most = 2 * least
		s.largest = withRoom(s.largest, s.most)
		return
	}
	largestFirst(s.largest, least)
	s.largest = s.largest[:least]
	s.floor = slices.Min(s.largest)
}

// largestFirst moves the n largest elements of a to its front, in any order.
//
// Source: Hoare, Algorithm 65: Find, Communications of the ACM 4(7), 1961.
func largestFirst(a []time.Duration, n int) {
	for lo, hi := 0, len(a)-1; lo < hi; {
		pivot, i, j := a[lo+(hi-lo)/2], lo, hi
		for i <= j {
			for a[i] > pivot {
				i++
			}
			for a[j] < pivot {
				j--
			}
			if i <= j {
				a[i], a[j] = a[j], a[i]
				i, j = i+1, j-1
			}
		}
		switch {
		case n-1 <= j:
			hi = j
		case n-1 >= i:
			lo = i
		default:
			return
		}
	}
}

// Quantile implements [quantile.Estimator].
func (s *Hashed) Quantile(q float64) time.Duration {
	rank := quantile.Rank(q, s.n)
	switch {
	case s.n == 0:
		return 0
	case rank == 1:
		return s.min
	}
	s.sort()
	if above := s.n - rank; above < uint64(len(s.largest)) {
		return s.largest[uint64(len(s.largest))-1-above]
	}
	// The sample represents all values that are not above floor. Some values equal to floor are also
	// in largest.
	i, _ := slices.BinarySearch(s.largest, s.floor+1)
	sampled := s.n - uint64(len(s.largest)-i)
	share := float64(rank) / float64(sampled)
	switch {
	case s.digest != nil && s.digest.Count() > 0:
		return max(s.digest.Quantile(share), s.min)
	case len(s.body) > 0:
		return s.body[quantile.Rank(share, uint64(len(s.body)))-1]
	}
	return s.floor // the sample has none of these values
}

func (s *Hashed) sort() {
	if s.sorted == s.n {
		return
	}
	s.sorted = s.n
	slices.Sort(s.largest)
	if s.options != nil {
		s.digest = s.digested()
		return
	}
	s.body = withRoom(s.body[:0], len(s.values))
	for d := range s.weighted {
		s.body = append(s.body, d)
	}
	slices.Sort(s.body)
}

// digested returns a q-digest of the sample's values that are not above floor.
func (s *Hashed) digested() *quantile.QDigest {
	d, err := quantile.NewQDigest(*s.options)
	if err != nil {
		panic(err) // cannot fail: NewHashed has checked the options
	}
	for v, weight := range s.weighted {
		d.AddN(v, weight)
	}
	return d
}

// weighted yields the values of the sample that are not above floor, and how many values each of them
// represents.
func (s *Hashed) weighted(yield func(d time.Duration, weight uint64) bool) {
	for _, d := range s.values {
		if s.floor == noFloor || d <= s.floor {
			if !yield(d, 1<<s.k) {
				return
			}
		}
	}
}

// RankError returns the expected rank error at q: its root mean square over all possible samples, as a
// share of all values. It is 0 if the quantile is exact.
func (s *Hashed) RankError(q float64) float64 {
	q = min(max(q, 0), 1)
	if s.k == 0 || q > s.ExactFrom() {
		return 0
	}
	return math.Sqrt(q * (1 - q) / float64(max(len(s.values), 1)))
}

// ExactFrom returns the q above which quantiles are exact, because they are among the largest values.
func (s *Hashed) ExactFrom() float64 {
	if s.n == 0 {
		return 0
	}
	return float64(s.n-uint64(len(s.largest))) / float64(s.n)
}

// Merge implements [quantile.Estimator]. The result has at least the larger k of the two samples, and the
// higher floor. So if shards are consecutive parts of sorted data, only the largest values of the last shard
// are left.
//
// Two Hasheds with the same seed keep values with the same numbers, so a merged sample would not be
// random. Merge refuses them. It also refuses two Hasheds that contain values of the same seed from
// earlier merges; so nothing can be merged twice.
func (s *Hashed) Merge(other quantile.Estimator) error {
	o, ok := other.(*Hashed)
	refuse := func(why string) error { return fmt.Errorf("%w a %T into a %T: %s", quantile.ErrMerge, other, s, why) }
	switch {
	case !ok || o == nil:
		return refuse("it is nil or of another type")
	case o == s:
		return refuse("it cannot be merged into itself")
	case o.c != s.c || o.t != s.t:
		return refuse(fmt.Sprintf("Sample is %v and %v, Tail %v and %v", o.c, s.c, o.t, s.t))
	case (o.options == nil) != (s.options == nil) || o.options != nil && *o.options != *s.options:
		return refuse("their q-digests have different options")
	case o.seed == s.seed:
		return refuse(fmt.Sprintf("both have seed %d: want different ones", s.seed))
	case o.n == 0:
		return nil
	}
	switch seed, found := both(s, o); {
	case found:
		return refuse(fmt.Sprintf("both hold values of seed %d: want different ones", seed))
	case o.n > mostHashed-min(s.n, mostHashed):
		return refuse("together they hold more than 2^62 values")
	}
	s.noteSeeds(o)
	s.min = min(s.min, o.min)
	s.n += o.n
	s.mergeSample(o)
	s.mergeLargest(o)
	return nil
}

// mostHashed is the largest number of values in a Hashed. It keeps all counts from overflowing.
const mostHashed = 1 << 62

// holds reports whether s contains values that were drawn with seed, or is going to.
func (s *Hashed) holds(seed uint64) bool {
	_, found := slices.BinarySearch(s.merged, seed)
	return found || seed == s.seed
}

// both returns a seed for which a and b both hold values.
func both(a, b *Hashed) (seed uint64, found bool) {
	if len(a.merged) > len(b.merged) {
		a, b = b, a
	}
	for _, seed := range append(a.merged[:len(a.merged):len(a.merged)], a.seed) {
		if b.holds(seed) {
			return seed, true
		}
	}
	return 0, false
}

// noteSeeds records that s contains the values of o.
func (s *Hashed) noteSeeds(o *Hashed) {
	if len(o.merged) > 0 {
		s.merged = append(s.merged, o.merged...)
		slices.Sort(s.merged)
	}
	i, _ := slices.BinarySearch(s.merged, o.seed)
	s.merged = slices.Insert(s.merged, i, o.seed)
}

func (s *Hashed) mergeSample(o *Hashed) {
	if o.k > s.k {
		s.thin(o.k)
	}
	s.fit()
	for i, z := range o.zeros {
		if z >= s.k {
			s.keep(o.values[i], z)
		}
	}
	s.seek()
}

func (s *Hashed) mergeLargest(o *Hashed) {
	if o.floor > s.floor {
		s.floor = o.floor
		s.largest = slices.DeleteFunc(s.largest, func(d time.Duration) bool { return d < s.floor })
	}
	for _, d := range o.largest {
		if d >= s.floor {
			s.keepLargest(d)
		}
	}
}

// Sampled returns the number of values in the sample, without the largest values.
func (s *Hashed) Sampled() int { return len(s.values) }

// Count returns how many durations were added.
func (s *Hashed) Count() uint64 { return s.n }

// Min returns the smallest duration added, exactly, or 0 if there is none.
func (s *Hashed) Min() time.Duration {
	if s.n == 0 {
		return 0
	}
	return s.min
}

// Max returns the largest duration added, exactly, or 0 if there is none.
func (s *Hashed) Max() time.Duration { return s.Quantile(1) }

// StateBytes implements [quantile.Sizer].
func (s *Hashed) StateBytes() int {
	bytes := 8*(cap(s.values)+cap(s.largest)+cap(s.body)+cap(s.merged)) + cap(s.zeros)
	if s.digest != nil {
		bytes += s.digest.StateBytes()
	}
	return bytes
}
