package comparison

import (
	"cmp"
	"fmt"
	"math"
	"math/big"
	"math/bits"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"golang.org/x/perf/benchmath"
	"pgregory.net/rapid"

	"github.com/loadgen-go/loadgen/internal/property"
)

// exactly returns differences whose resolution is 0.
func exactly(x []float64) []difference {
	d := make([]difference, len(x))
	for i := range x {
		d[i].by = x[i]
	}
	return d
}

// benchstat returns benchstat's p-value.
func benchstat(a, b []float64) float64 {
	sample := func(x []float64) *benchmath.Sample {
		return benchmath.NewSample(slices.Clone(x), &benchmath.DefaultThresholds)
	}
	return min(1, benchmath.AssumeNothing.Compare(sample(a), sample(b)).P)
}

// For more than manyRounds rounds the bound is approximate. It continues the exact bound without a jump.
func TestTheBoundOfManyRoundsContinuesThatOfFewer(t *testing.T) {
	null := newNulls()
	exact, _ := null.signedRankBound(manyRounds)
	next, confidence := null.signedRankBound(manyRounds + 1)
	step, _ := null.signedRankBound(manyRounds - 1)
	if d := (next - exact) - (exact - step); d < -3 || d > 3 || math.Abs(confidence-0.95) > 0.001 {
		t.Errorf("bounds %d, %d, %d; confidence %v", step, exact, next, confidence)
	}
}

// Each row has the c of the exact distribution, and its confidence in per cent.
func TestTheSignedRankBoundIsThatOfTheTables(t *testing.T) {
	for _, row := range []struct {
		n, c       int
		confidence float64
	}{{6, 1, 96.9}, {7, 3, 95.3}, {8, 4, 96.1}, {9, 6, 96.1}, {10, 9, 95.1}, {11, 11, 95.8}, {12, 14, 95.7},
		{15, 26, 95.2}, {16, 30, 95.6}, {20, 53, 95.2}, {25, 90, 95.2}, {30, 138, 95.0}} {
		t.Run(fmt.Sprintf("%d rounds", row.n), func(t *testing.T) {
			c, confidence := newNulls().signedRankBound(row.n)
			if c != row.c || math.Abs(100*confidence-row.confidence) > 0.06 {
				t.Errorf("%d at %.2f%%, want %d at %v%%", c, 100*confidence, row.c, row.confidence)
			}
		})
	}
}

// Counting all patterns of signs one by one gives the same p-value.
func TestTheSignedRankTestIsThatOfAllPatterns(t *testing.T) {
	property.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 10).Draw(t, "n")
		d := rapid.SliceOfN(rapid.Map(rapid.IntRange(-4, 4), func(i int) float64 { return float64(i) }), n, n).Draw(t,
			"d")
		if got, want := signedRank(exactly(d), newNulls()), allPatterns(ratsOf(d)); math.Abs(got-want) > 1e-12 {
			t.Fatalf("p = %v, want %v", got, want)
		}
	})
}

// ratsOf returns the exact values of x.
func ratsOf(x []float64) (rats []*big.Rat) {
	for _, v := range x {
		rats = append(rats, new(big.Rat).SetFloat64(v))
	}
	return rats
}

// allPatterns returns the p-value of the signed-rank test, computed from every pattern of signs in exact arithmetic.
func allPatterns(d []*big.Rat) float64 {
	d = slices.DeleteFunc(slices.Clone(d), func(x *big.Rat) bool { return x.Sign() == 0 })
	size := func(x *big.Rat) *big.Rat { return new(big.Rat).Abs(x) }
	ranks := make([]int, len(d)) // doubled
	for i, x := range d {
		for _, y := range d {
			ranks[i] += 1 + size(x).Cmp(size(y)) // 0, 1 or 2; 1 for itself
		}
		ranks[i]++
	}
	sum := func(positive func(i int) bool) (w int) {
		for i, r := range ranks {
			if positive(i) {
				w += r
			}
		}
		return w
	}
	seen := sum(func(i int) bool { return d[i].Sign() > 0 })
	below, above := 0, 0
	for pattern := range 1 << len(d) {
		w := sum(func(i int) bool { return pattern>>i&1 == 1 })
		if w <= seen {
			below++
		}
		if w >= seen {
			above++
		}
	}
	return min(1, 2*float64(min(below, above))/math.Ldexp(1, len(d)))
}

// The normal approximation continues where the exact distribution ends.
func TestThePValueOfManyRoundsContinuesThatOfFewer(t *testing.T) {
	few, many := make([]float64, manyRounds), make([]float64, manyRounds+1)
	for i := range many {
		many[i] = float64(i%7) - 2.6
	}
	copy(few, many)
	a, b := signedRank(exactly(few), newNulls()), signedRank(exactly(many), newNulls())
	if math.Abs(a-b) > 0.03 || b <= 0 || b >= 1 {
		t.Errorf("p = %v for %d rounds, %v for one more", a, len(few), b)
	}
}

// The critical values come from tables of the two-sided test at 5%. The bound is one more.
func TestTheRankSumBoundIsThatOfTheTables(t *testing.T) {
	null := newNulls()
	for _, row := range []struct{ n, m, critical int }{
		{4, 4, 0}, {5, 5, 2}, {6, 6, 5}, {10, 10, 23}, {8, 12, 22}, {20, 20, 127},
	} {
		t.Run(fmt.Sprintf("%d and %d values", row.n, row.m), func(t *testing.T) {
			got, confidence := null.rankSumBound(row.n, row.m)
			if got != row.critical+1 || confidence < 0.95 {
				t.Errorf("%d at %v, want %d", got, confidence, row.critical+1)
			}
		})
	}
	if c, _ := null.rankSumBound(3, 3); c != 0 {
		t.Errorf("three and three values have the bound %d, want none", c)
	}
	exact, _ := null.rankSumBound(manyRanks, manyRanks)
	next, _ := null.rankSumBound(manyRanks+1, manyRanks+1)
	if next <= exact || next > exact+60 {
		t.Errorf("the bound goes from %d to %d", exact, next)
	}
}

// samples draws two samples, with many ties, some or none. Same makes their sizes equal.
func samples(t *rapid.T, largest int, same bool) (a, b []float64) {
	n, m := rapid.IntRange(1, largest).Draw(t, "n"), rapid.IntRange(1, largest).Draw(t, "m")
	if same {
		m = n
	}
	values := rapid.SampledFrom([]int{1, 2, 5, 20, 1 << 40}).Draw(t, "values")
	value := rapid.Map(rapid.IntRange(1, values), func(i int) float64 { return float64(i) })
	return rapid.SliceOfN(value, n, n).Draw(t, "a"), rapid.SliceOfN(value, m, m).Draw(t, "b")
}

// The sizes include the largest ones for which p-values are exact, and slightly larger ones.
func TestThePValueOfRankSumsIsBenchstats(t *testing.T) {
	for name, same := range map[string]bool{"equal counts": true, "unequal counts": false} {
		t.Run(name, func(t *testing.T) {
			property.Check(t, func(t *rapid.T) {
				a, b := samples(t, rapid.SampledFrom([]int{4, 12, manyTies + 3, manyRanks + 3}).Draw(t, "largest"),
					same)
				n, m, tied := len(a), len(b), len(distinct(slices.Concat(a, b))) < len(a)+len(b)
				if n != m && tied && max(n, m) <= manyTies {
					t.Skip("benchstat is wrong in this case")
				}
				got, want := rankSum(a, b, newNulls()), max(benchstat(a, b), leastRankSum(n, m))
				if math.Abs(got-want) > 1e-11 {
					t.Fatalf("p = %v, benchstat has %v", got, want)
				}
			})
		})
	}
}

// Counting all ways to choose the first sample gives the same p-value, and swapping the samples does not change it.
func TestTheRankSumTestIsThatOfAllChoices(t *testing.T) {
	property.Check(t, func(t *rapid.T) {
		a, b := samples(t, 7, false)
		n, values := len(a), slices.Concat(a, b)
		above := func(pattern int) (u int) { // U, doubled
			for i, x := range values {
				for j, y := range values {
					if pattern>>i&1 == 1 && pattern>>j&1 == 0 {
						u += 1 + cmp.Compare(x, y)
					}
				}
			}
			return u
		}
		seen, below, least, choices := above(1<<n-1), 0, 0, 0
		for pattern := range 1 << len(values) {
			if bits.OnesCount(uint(pattern)) != n {
				continue
			}
			choices++
			if u := above(pattern); u <= seen {
				below++
				if u == seen {
					least++
				}
			}
		}
		want := min(1, 2*float64(min(below, choices-below+least))/float64(choices))
		got, swapped := rankSum(a, b, newNulls()), rankSum(b, a, newNulls())
		if math.Abs(got-want) > 1e-12 || math.Abs(swapped-want) > 1e-12 {
			t.Fatalf("p = %v, swapped %v, want %v", got, swapped, want)
		}
	})
}

// On either side, 1 of the 15 ways to choose two of the values is as extreme.
func TestUnequalCountsWithTiesAreNotCertain(t *testing.T) {
	a, b := []float64{4, 4}, []float64{3, 0, 0, 0}
	if p := rankSum(a, b, newNulls()); math.Abs(p-2.0/15) > 1e-12 || benchstat(a, b) != 0 {
		t.Errorf("p = %v, want %v; benchstat %v", p, 2.0/15, benchstat(a, b))
	}
}

// benchstat's normal distribution gives p = 3e-14 here, though 2 of the 61 ways to choose the one value are as
// extreme.
func TestOneValueAgainstManyIsNotCertain(t *testing.T) {
	one, many := []float64{100}, slices.Repeat([]float64{120}, 60)
	p, want := rankSum(one, many, newNulls()), 2.0/61
	if normal := benchstat(one, many); math.Abs(p-want) > 1e-12 || normal > 1e-9 {
		t.Errorf("p = %v, want %v; benchstat %v", p, want, normal)
	}
}

// Worked by hand, as in Holm's paper: 0.01, 0.02, 0.03 and 0.04 are multiplied by 4, 3, 2 and 1.
func TestHolmCorrectsInOrder(t *testing.T) {
	got := holm([]float64{0.03, 0.01, 0.04, 0.02})
	for i, want := range []float64{0.06, 0.04, 0.06, 0.06} {
		if math.Abs(got[i]-want) > 1e-12 {
			t.Errorf("%v, want 0.06 0.04 0.06 0.06", got)
			break
		}
	}
	if got := holm([]float64{0.9, 0.8}); got[0] != 1 || got[1] != 1 {
		t.Errorf("%v, want none above 1", got)
	}
}

// Smaller p-values are never corrected to larger ones, so that a cell that is not significant with the smallest
// possible p-values is never significant.
func TestHolmIsMonotone(t *testing.T) {
	property.Check(t, func(t *rapid.T) {
		p := rapid.SliceOfN(rapid.Float64Range(0, 1), 1, 8).Draw(t, "p")
		less := slices.Clone(p)
		for i := range less {
			less[i] *= rapid.SampledFrom([]float64{1, 1, 0.5, 0.01}).Draw(t, "by")
		}
		above, below := holm(p), holm(less)
		for i := range p {
			if below[i] > above[i] {
				t.Fatalf("%v corrects to %v, %v to %v", p, above, less, below)
			}
		}
	})
}

// In the example of Benjamini and Hochberg's paper, table 2, the procedure finds 4 of 15 at 5%, and Holm's finds 3.
func TestMarksAreThoseOfBenjaminiAndHochberg(t *testing.T) {
	p := []float64{0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459,
		0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1}
	random := rand.New(rand.NewPCG(1, 1))
	random.Shuffle(len(p), func(i, j int) { p[i], p[j] = p[j], p[i] })
	var f family
	for _, x := range p {
		f = append(f, &reading{Result: Result{P: x}})
	}
	f.mark()
	for i, r := range f {
		if r.Marked != (p[i] < 0.01) {
			t.Errorf("p = %v: marked %v", p[i], r.Marked)
		}
	}
}

func TestTheLeastPValueIsThatOfTheClearestDifference(t *testing.T) {
	for n := 2; n <= 12; n++ {
		t.Run(fmt.Sprintf("%d rounds", n), func(t *testing.T) {
			up, a, b := make([]float64, n), make([]float64, n), make([]float64, n)
			for i := range up {
				up[i], a[i], b[i] = float64(i+1), float64(i), float64(i+100)
			}
			if got, want := signedRank(exactly(up), newNulls()), math.Ldexp(1, 1-n); math.Abs(got-want) > 1e-12 {
				t.Errorf("signed ranks: %v, want %v", got, want)
			}
			if got, want := rankSum(a, b, newNulls()), leastRankSum(n, n); math.Abs(got-want) > 1e-12 {
				t.Errorf("rank sums: %v, want %v", got, want)
			}
			if n >= MinPairs && leastPaired(n) != 2*apartP(n) {
				t.Errorf("least %v, want %v, the doubled p-value of a gap", leastPaired(n), 2*apartP(n))
			}
		})
	}
}

func TestHowManyRoundsAFamilyNeeds(t *testing.T) {
	for _, row := range []struct{ cells, paired, unpaired, apart int }{
		{0, 6, 4, 6}, {1, 6, 4, 6}, {2, 6, 5, 6}, {11, 6, 6, 6}, {12, 7, 6, 6}, {24, 7, 7, 6}, {36, 7, 7, 6},
		{51, 8, 7, 6}, {52, 8, 7, 7}, {60, 8, 7, 7}, {270, 9, 8, 8},
	} {
		t.Run(fmt.Sprintf("%d cells", row.cells), func(t *testing.T) {
			paired, unpaired, apart := Need(row.cells, true), Need(row.cells, false), NeedApart(row.cells)
			if paired != row.paired || unpaired != row.unpaired || apart != row.apart {
				t.Errorf("need %d, unpaired %d, with a gap %d; want %+v", paired, unpaired, apart, row)
			}
		})
	}
}

// Values that are equal as printed are ties, even if reading them converts their unit.
func TestTiesAreThoseOfTheValuesAsPrinted(t *testing.T) {
	units := []float64{1, 1e-9, 1e-6, 1e-3, 0.1, 1e6, 1 / 3.0}
	property.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 9).Draw(t, "n")
		printed := rapid.Map(rapid.IntRange(1, 12), func(i int) string { return fmt.Sprintf("%d.%d", 90+i/4, i%4) })
		a, b := rapid.SliceOfN(printed, n, n).Draw(t, "a"), rapid.SliceOfN(printed, n, n).Draw(t, "b")
		absolute := rapid.Bool().Draw(t, "absolute")
		unit := rapid.SampledFrom(units).Draw(t, "unit")
		var exact []*big.Rat
		var base, head []float64
		for i := range n {
			x, y := ratOf(a[i]), ratOf(b[i])
			if absolute {
				exact = append(exact, new(big.Rat).Sub(y, x))
			} else {
				exact = append(exact, logLike(new(big.Rat).Quo(y, x)))
			}
			base, head = append(base, floatOf(a[i])*unit), append(head, floatOf(b[i])*unit)
		}
		got := signedRank(differences(base, head, absolute), newNulls())
		if want := allPatterns(exact); math.Abs(got-want) > 1e-12 {
			t.Fatalf("times %v: p = %v, want %v, the p-value of the printed values", unit, got, want)
		}
	})
}

// ratOf returns the number that s prints.
func ratOf(s string) *big.Rat {
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		panic(s)
	}
	return r
}

// floatOf returns the float64 closest to s.
func floatOf(s string) float64 {
	x, err := strconv.ParseFloat(s, 64)
	if err != nil {
		panic(err)
	}
	return x
}

// logLike returns a number with the sign of log r, whose size grows with the size of log r: q-1 for q, and 1-q for
// 1/q.
func logLike(r *big.Rat) *big.Rat {
	one := big.NewRat(1, 1)
	if r.Cmp(one) >= 0 {
		return new(big.Rat).Sub(r, one)
	}
	return new(big.Rat).Sub(one, new(big.Rat).Inv(r))
}

// In 8 rounds the difference is +10 in 7 of them and -10 in one. All are ties in any unit.
func TestAUnitThatIsConvertedKeepsItsTies(t *testing.T) {
	for _, k := range []float64{1, 1e-9, 1e-6, 0.1, 1e6} {
		for _, minus := range []int{1, 4, 8} {
			t.Run(fmt.Sprintf("x%v, minus in round %d", k, minus), func(t *testing.T) {
				var base, head []float64
				for i := 1; i <= 8; i++ {
					x, d := float64(100*i), 10.0
					if i == minus {
						d = -10
					}
					base, head = append(base, x*k), append(head, (x+d)*k)
				}
				if p := signedRank(differences(base, head, true), newNulls()); p != 0.0703125 {
					t.Errorf("p = %v, want 0.0703125", p)
				}
			})
		}
	}
}

// The k-th difference and the k-th Walsh average are exactly the values that a full sort gives.
func TestSelectionIsThatOfTheSortedList(t *testing.T) {
	property.Check(t, func(t *rapid.T) {
		value := rapid.OneOf(rapid.Float64Range(-1e3, 1e3), rapid.Float64Range(-1e-300, 1e300),
			rapid.Map(rapid.IntRange(-3, 3), func(i int) float64 { return float64(i) / 3 }))
		a, b := rapid.SliceOfN(value, 1, 12).Draw(t, "a"), rapid.SliceOfN(value, 1, 12).Draw(t, "b")
		slices.Sort(a)
		slices.Sort(b)
		var diffs, averages []float64
		for i, x := range a {
			for _, y := range b {
				diffs = append(diffs, y-x)
			}
			for _, y := range a[i:] {
				averages = append(averages, x/2+y/2)
			}
		}
		slices.Sort(diffs)
		slices.Sort(averages)
		for k, want := range diffs {
			if got := kth(allDifferences{a, b}, k+1); got != want {
				t.Fatalf("difference %d is %v, want %v", k+1, got, want)
			}
		}
		for k, want := range averages {
			if got := kth(walsh(a), k+1); got != want {
				t.Fatalf("average %d is %v, want %v", k+1, got, want)
			}
		}
	})
}

func TestEveryFloatHasItsRank(t *testing.T) {
	property.Check(t, func(t *rapid.T) {
		x, y := rapid.Float64().Draw(t, "x"), rapid.Float64().Draw(t, "y")
		if ofRank(rankOf(x)) != x || x < y && rankOf(x) >= rankOf(y) {
			t.Fatalf("%v and %v have the ranks %d and %d", x, y, rankOf(x), rankOf(y))
		}
	})
}
