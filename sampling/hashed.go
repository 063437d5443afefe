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

// Hashed is dynamic-window sampling as the prose of the article can soundly be read.
// Of everything added so far it keeps a sample in which each value is with the same
// probability, whatever the order, and exactly the largest values: the points of
// inflection, which a sample of any size would miss.
//
// A value is kept if its hash ends in k zero bits, and then stands for 2^k of its like.
// The window of c*sqrt(n) values fills, k grows by one, and those without one more zero
// are let go: what is left is a sample of probability 2^-k of all values, not of those
// after the change. Nothing periodic resonates with it, since hashes are as good as
// random. Of a random hash only two things are ever asked: how many values pass until
// the next that ends in k zeros, and how many more zeros it ends in. Both are drawn
// when they are needed, and most values cost no hash at all.
//
// The rank error at q is sqrt(q(1-q)/s) in the root mean square, of a sample of s from
// c/2*sqrt(n) to c*sqrt(n); above [Hashed.ExactFrom] it is 0. A merged Hashed is like
// one that was given everything. An Add costs about 1 ns, through an interface 2. It
// takes 10.2*c*sqrt(n) bytes for the sample and 16*t*sqrt(n) for the largest, 105 KB for
// a million values, and 8 B more for each of the sample once it was asked.
//
// Sources: the article's "dynamic window exponential sampling"; Bernoulli sampling by
// hashes that is thinned as it grows is Gibbons, Distinct Sampling for Highly-Accurate
// Answers to Distinct Values Queries, VLDB 2001, section 3; drawing how many are passed
// over is Vitter, Faster Methods for Random Sampling, CACM 27(7), 1984, section 3.
type Hashed struct {
	c, t    float64
	seed    uint64
	merged  []uint64      // seeds of those that were merged into this one, sorted
	drawn   uint64        // of the sequence of random numbers
	n, next uint64        // next is the number of the next value of the sample
	min     time.Duration // the largest there is, if there is none

	k      uint8 // as many zeros a hash ends in at least
	room   int   // values of the sample before it is thinned
	values []time.Duration
	zeros  []uint8 // how many the hash of each ends in

	// The largest: every value above floor, and some that are equal to it.
	largest []time.Duration
	most    int // of them before the least are let go
	floor   time.Duration

	body   []time.Duration // those of the sample that are not above floor, sorted
	sorted uint64          // n when body and largest were sorted

	options *quantile.QDigestOptions // of digest; nil: body answers
	digest  *quantile.QDigest        // body, with weights
}

// HashedOptions set up a [Hashed]. Those that merge have the same Sample and Tail.
type HashedOptions struct {
	// Sample is c: the sample has up to c*sqrt(n) values, and 256 at least. 0 is 4.
	Sample float64
	// Tail is t: the t*sqrt(n) largest are exact, and 256 at least. They are fewer if
	// values fall in the course of time, down to 256, or if very many are the same.
	// 0 is 4.
	Tail float64
	// QDigest, if set, puts the sample into a q-digest when it is asked, each value
	// with its weight, and interpolates linearly: the whole pipeline of the article. It
	// adds the digest's error to the sample's, and takes its memory, in place of the
	// 8 B of a value that is asked.
	QDigest *quantile.QDigestOptions
	// Seed decides which values are kept, by their numbers. 0 is another one for
	// each Hashed of the process: those that merge need different ones.
	Seed uint64
}

const (
	defaultSample, defaultTail = 4, 4
	maxFactor                  = 1e6
	leastKept                  = 256
	noFloor                    = -1 // nothing was let go
)

var seeds atomic.Uint64

// NewHashed returns an empty Hashed, or all that is wrong with the options.
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
			errs = append(errs, fmt.Errorf("sampling: HashedOptions.%s is %v: want more than 0, and %v at most", name,
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

// Add implements [quantile.Estimator]. It is written so that the compiler inlines it:
// most values are only counted.
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

// moreZeros is how many zeros a hash ends in of which it is known that it has k.
func (s *Hashed) moreZeros() uint8 { return s.k + uint8(bits.TrailingZeros64(s.random())) }

// seek draws the number of the next value whose hash ends in k zeros. What was drawn
// for another k is void, and no loss: how long one waited says nothing about how long
// one has to wait.
//
// Source: inversion of the geometric distribution, Devroye, Non-Uniform Random Variate
// Generation, 1986, section X.2.
func (s *Hashed) seek() {
	gap := uint64(1)
	if s.k > 0 {
		uniform := (float64(s.random()>>11) + 0.5) / (1 << 53) // never 0 nor 1
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

// fit takes room for a sample of the window there is now, and thins the sample until
// it fits. The window grows on: an eighth more room, and it is moved less often.
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

// thin lets go of the values whose hashes do not end in k zeros.
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

// withRoom is a with room for n in all, and no more than that if it has to be moved.
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

// cut keeps as many of the largest as are to be kept now, and takes room for twice as
// many if it lets go of few: those are to be passed over seldom, and moved seldom.
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

// largestFirst moves the n largest of a to its front, in any order.
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
	// The sample stands for all that are not above floor. Some that are equal to it
	// are among the largest, too.
	i, _ := slices.BinarySearch(s.largest, s.floor+1)
	all := s.n - uint64(len(s.largest)-i)
	share := float64(rank) / float64(all)
	switch {
	case s.digest != nil && s.digest.Count() > 0:
		return max(s.digest.Quantile(share), s.min)
	case len(s.body) > 0:
		return s.body[quantile.Rank(share, uint64(len(s.body)))-1]
	}
	return s.floor // nothing of them was sampled
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

// digested is the sample that is not above floor as a q-digest.
func (s *Hashed) digested() *quantile.QDigest {
	d, err := quantile.NewQDigest(*s.options)
	if err != nil {
		panic(err) // NewHashed has made one
	}
	for v, weight := range s.weighted {
		d.AddN(v, weight)
	}
	return d
}

// weighted are the values of the sample that are not above floor, and how many of
// their like each stands for.
func (s *Hashed) weighted(yield func(d time.Duration, weight uint64) bool) {
	for _, d := range s.values {
		if s.floor == noFloor || d <= s.floor {
			if !yield(d, 1<<s.k) {
				return
			}
		}
	}
}

// RankError is the root mean square of the rank error at q, as a share of all values: what
// is to be expected of one draw. It is 0 where quantiles are exact.
func (s *Hashed) RankError(q float64) float64 {
	q = min(max(q, 0), 1)
	if s.k == 0 || q > s.ExactFrom() {
		return 0
	}
	return math.Sqrt(q * (1 - q) / float64(max(len(s.values), 1)))
}

// ExactFrom is the q above which quantiles are exact: those of the largest values.
func (s *Hashed) ExactFrom() float64 {
	if s.n == 0 {
		return 0
	}
	return float64(s.n-uint64(len(s.largest))) / float64(s.n)
}

// Merge implements [quantile.Estimator]. The coarser of the two samples decides for
// both, and so does the higher floor: of shards that follow one another in sorted data,
// only the largest of the last are left.
//
// Those with one seed keep the same numbers, and a sample of both would be one of half of
// them. They do not merge, nor do two that have values of one seed merged into them, or of
// one another: what was merged once is refused the second time.
func (s *Hashed) Merge(other quantile.Estimator) error {
	o, ok := other.(*Hashed)
	refuse := func(why string) error { return fmt.Errorf("%w a %T into a %T: %s", quantile.ErrMerge, other, s, why) }
	switch {
	case !ok || o == nil:
		return refuse("it is nil, or not the same kind")
	case o == s:
		return refuse("they are one")
	case o.c != s.c || o.t != s.t:
		return refuse(fmt.Sprintf("Sample is %v and %v, Tail %v and %v", o.c, s.c, o.t, s.t))
	case (o.options == nil) != (s.options == nil) || o.options != nil && *o.options != *s.options:
		return refuse("their q-digests have other options")
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

// mostHashed is how many values a Hashed holds, so that no count wraps.
const mostHashed = 1 << 62

// holds reports whether values of s were drawn with a seed, or are to be.
func (s *Hashed) holds(seed uint64) bool {
	_, found := slices.BinarySearch(s.merged, seed)
	return found || seed == s.seed
}

// both returns a seed that both of two hold values of.
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

// noteSeeds notes that s holds the values of o.
func (s *Hashed) noteSeeds(o *Hashed) {
	if len(o.merged) > 0 {
		s.merged = append(s.merged, o.merged...)
		slices.Sort(s.merged)
	}
	at, _ := slices.BinarySearch(s.merged, o.seed)
	s.merged = slices.Insert(s.merged, at, o.seed)
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

// Sampled is how many values are in the sample, the largest apart.
func (s *Hashed) Sampled() int { return len(s.values) }

// Count is how many durations were added.
func (s *Hashed) Count() uint64 { return s.n }

// Min is the smallest duration added, exactly; 0 if there is none.
func (s *Hashed) Min() time.Duration {
	if s.n == 0 {
		return 0
	}
	return s.min
}

// Max is the largest duration added, exactly; 0 if there is none.
func (s *Hashed) Max() time.Duration { return s.Quantile(1) }

// StateBytes implements [quantile.Sizer].
func (s *Hashed) StateBytes() int {
	bytes := 8*(cap(s.values)+cap(s.largest)+cap(s.body)+cap(s.merged)) + cap(s.zeros)
	if s.digest != nil {
		bytes += s.digest.StateBytes()
	}
	return bytes
}
