package comparison_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"github.com/loadgen-go/loadgen/results/comparison"
)

// families returns how many families a simulation draws. In the test suite it is few. The figures in README.md come
// from many more, which take an hour of one processor:
//
//	COMPARISON_FAMILIES=20000 go test -count=1 -timeout 2h -v -run Simulated ./results/comparison
func families(t *testing.T, few int) int {
	t.Helper()
	text, ok := os.LookupEnv("COMPARISON_FAMILIES")
	if !ok {
		return few
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("COMPARISON_FAMILIES=%s: want a number of families", text)
	}
	return n
}

// A machine simulates visits. The noise of successive visits is correlated, the speed of the machine drifts and falls
// over the run, and some visits are outliers.
type machine struct {
	random   *rand.Rand
	noise    float64 // standard deviation of a visit, as a share
	drift    float64 // standard deviation of a round's random drift, and the slowdown over the run, as shares
	memory   float64 // correlation of a visit's noise with the noise of the visit before
	outliers float64 // the share of visits that take 1.1 to 2 times as much
}

// A layout describes a run: the numbers of arms, rates and rounds, and the units measured in each visit. Pairs are the
// arms that are compared, the base first. Each round visits all arms at all rates in random order.
type layout struct {
	arms, rates, rounds int
	units               []string
	pairs               [][2]int
}

// defaultRun is the layout of the default scenario. Its 3 comparisons, 2 rates and 4 primary units make 24 cells.
var defaultRun = layout{
	arms: 6, rates: 2, rounds: 12,
	units: []string{"B/op", "allocs/op", "cpu-sec/op", "p99-latency-sec"},
	pairs: [][2]int{{2, 4}, {3, 4}, {0, 2}}, // two arms are in two of the comparisons
}

// visits simulates a run, and returns the values of all rounds by arm, rate and unit.
func (m *machine) visits(l *layout) [][][][]float64 {
	values := make([][][][]float64, l.arms)
	for arm := range values {
		values[arm] = make([][][]float64, l.rates)
		for rate := range values[arm] {
			values[arm][rate] = make([][]float64, len(l.units))
		}
	}
	recent := make([]float64, len(l.units))
	for u := range recent {
		recent[u] = m.random.NormFloat64()
	}
	perRound, wander := l.arms*l.rates, 0.0
	total := float64(perRound * l.rounds)
	for range l.rounds {
		for _, visit := range m.random.Perm(perRound) {
			wander += m.drift * (m.random.NormFloat64()/math.Sqrt(float64(perRound)) + 1/total)
			slow := wander
			if m.random.Float64() < m.outliers {
				slow += math.Log(1.1 + 0.9*m.random.Float64())
			}
			common := m.random.NormFloat64() // noise that all units of the visit share
			for u := range l.units {
				recent[u] = m.memory*recent[u] + math.Sqrt(1-m.memory*m.memory)*m.random.NormFloat64()
				own := math.Sqrt(0.7)*recent[u] + math.Sqrt(0.3)*common
				series := &values[visit%l.arms][visit/l.arms][u]
				*series = append(*series, math.Exp(slow+m.noise*own))
			}
		}
	}
	return values
}

// cells returns the comparisons of a run, with the default margins.
func (l *layout) cells(values [][][][]float64) (cells []comparison.Cell) {
	for _, pair := range l.pairs {
		for rate := range l.rates {
			for u, unit := range l.units {
				cells = append(cells, comparison.Cell{Rule: comparison.DefaultRule(unit), Paired: true,
					Base: values[pair[0]][rate][u], Head: values[pair[1]][rate][u]})
			}
		}
	}
	return cells
}

// percent returns a share of hits in per cent, with its standard error.
func percent(hits, n int) (share, se float64) {
	p := float64(hits) / float64(n)
	return 100 * p, 100 * math.Sqrt(p*(1-p)/float64(n))
}

// All arms are the same, on a machine that drifts by 1% per round, with correlated noise and outliers.
func TestSimulatedRunsWithoutAChangeSeldomRegress(t *testing.T) {
	for _, row := range []struct{ noise, most float64 }{{0.01, 2}, {0.03, 2}, {0.1, 3}} {
		t.Run(fmt.Sprintf("noise %v%%", 100*row.noise), func(t *testing.T) {
			n := families(t, 1000)
			m := machine{rand.New(rand.NewPCG(1, 12)), row.noise, 0.01, 0.5, 0.05}
			beyond, differ := 0, 0
			for range n {
				var any, anyBeyond bool
				for _, r := range judge(t, defaultRun.cells(m.visits(&defaultRun))...) {
					any = any || r.Verdict.Differs()
					anyBeyond = anyBeyond || r.Verdict == regressed || r.Verdict == improved
				}
				if any {
					differ++
				}
				if anyBeyond {
					beyond++
				}
			}
			share, se := percent(beyond, n)
			anyShare, _ := percent(differ, n)
			t.Logf("%d families: %.2f%% +-%.2f regressed or improved, %.2f%% differ in any way", n, share, se,
				anyShare)
			if share > row.most || anyShare > 100*comparison.Alpha {
				t.Errorf("%.2f%% of families, want at most %v%%; %.2f%% differ in any way, want at most 5%%", share,
					row.most, anyShare)
			}
		})
	}
}

// A setting is a family of independent cells.
type setting struct {
	cells, rounds int
	margin        float64
	noise         float64 // standard deviation of the ratio of head and base within a round, in logarithms
	correlation   float64 // between head and base within rounds
	change        float64 // of the first cell, as a share
}

// family draws the cells of a family.
func (s *setting) family(random *rand.Rand) (cells []comparison.Cell) {
	// The ratio has the variance 2 sd^2 (1-correlation).
	sd := s.noise / math.Sqrt(2*(1-s.correlation))
	shared, own := math.Sqrt(math.Abs(s.correlation))*sd, math.Sqrt(1-math.Abs(s.correlation))*sd
	for i := range s.cells {
		c := comparison.Cell{Rule: rule("sec/op", lower, share(s.margin)), Paired: true}
		for range s.rounds {
			x := shared * random.NormFloat64()
			y := x
			if s.correlation < 0 {
				y = -x
			}
			c.Base = append(c.Base, math.Exp(x+own*random.NormFloat64()))
			c.Head = append(c.Head, math.Exp(y+own*random.NormFloat64()))
		}
		if i == 0 {
			c.Head = times(c.Head, 1+s.change)
		}
		cells = append(cells, c)
	}
	return cells
}

// found returns the number of families, of n, in which the first cell regressed.
func (s *setting) found(t *testing.T, n int) (hits int) {
	random := rand.New(rand.NewPCG(2, uint64(s.cells*s.rounds)))
	for range n {
		if judge(t, s.family(random)...)[0].Verdict == regressed {
			hits++
		}
	}
	return hits
}

// One of 12 cells rises by 5%, in 10 rounds whose ratios vary by 3%. Noise that base and head share makes the
// rank-sum test miss more changes.
func TestSimulatedChangesAreFound(t *testing.T) {
	for _, row := range []struct{ correlation, least float64 }{{0, 85}, {0.2, 80}} {
		t.Run(fmt.Sprintf("correlation %v", row.correlation), func(t *testing.T) {
			n := families(t, 1000)
			s := setting{cells: 12, rounds: 10, margin: 0.01, noise: 0.03, correlation: row.correlation, change: 0.05}
			share, se := percent(s.found(t, n), n)
			t.Logf("%d families: found in %.1f%% +-%.1f", n, share, se)
			if share < row.least {
				t.Errorf("found in %.1f%%, want at least %v%%", share, row.least)
			}
		})
	}
}

// The test prints the rows of the table in README.md, which say how often a change of the first cell is found at a
// margin of 1%.
func TestSimulatedPowerOfRoundsAndCells(t *testing.T) {
	if _, long := os.LookupEnv("COMPARISON_FAMILIES"); !long {
		t.Skip("it prints a table and asserts nothing: set COMPARISON_FAMILIES to run it")
	}
	n := (families(t, 0) + 4) / 5
	for _, cells := range []int{12, 24, 36} {
		for _, rounds := range []int{6, 8, 10, 12, 16, 20} {
			line := fmt.Sprintf("| %d | %d |", cells, rounds)
			for _, s := range []setting{
				{change: 0.05, noise: 0.03},
				{change: 0.05, noise: 0.03, correlation: 0.2},
				{change: 0.05, noise: 0.03, correlation: 0.5},
				{change: 0.1, noise: 0.07, correlation: 0.2},
				{change: 0.2, noise: 0.1},
				{change: 0.5, noise: 0.1},
			} {
				s.cells, s.rounds, s.margin = cells, rounds, 0.01
				share, _ := percent(s.found(t, n), n)
				line += fmt.Sprintf(" %.0f |", share)
			}
			t.Log(line)
		}
	}
}

// In the default run with half its rounds, one cell that does not vary falls by 80%. It is missed only if the noise of
// the other cells looks opposed by chance.
func TestSimulatedLargeChangesAreFoundInSixRounds(t *testing.T) {
	run := defaultRun
	run.rounds = 6
	for _, noise := range []float64{0.01, 0.03, 0.1} {
		t.Run(fmt.Sprintf("noise %v%%", 100*noise), func(t *testing.T) {
			n, found := families(t, 500), 0
			m := machine{rand.New(rand.NewPCG(4, 6)), noise, 0.01, 0.5, 0.05}
			for range n {
				cells := run.cells(m.visits(&run))
				cells[1].Base, cells[1].Head = repeat(20, run.rounds), repeat(4, run.rounds)
				if judge(t, cells...)[1].Verdict == improved {
					found++
				}
			}
			share, se := percent(found, n)
			t.Logf("%d families: improved in %.2f%% +-%.2f", n, share, se)
			if share < 99.5 {
				t.Errorf("improved in %.2f%%, want at least 99.5%%", share)
			}
		})
	}
}

// Noise that slows down one side speeds up the other. Without the check for opposed noise in family.test, up to 25% of
// families would have a false verdict.
func TestSimulatedOpposedNoiseIsNoDifference(t *testing.T) {
	n := families(t, 200)
	worst, hits, total := 0.0, 0, 0
	for _, cells := range []int{1, 3, 12, 24} {
		for _, rounds := range []int{10, 12} {
			for _, correlation := range []float64{0, -0.2, -0.35, -0.5, -0.8} {
				s := setting{cells: cells, rounds: rounds, noise: 0.03, correlation: correlation}
				random := rand.New(rand.NewPCG(3, uint64(cells*rounds)))
				alarms := 0
				for range n {
					for _, r := range judge(t, s.family(random)...) {
						if r.Adjusted < comparison.Alpha {
							alarms++
							break
						}
					}
				}
				share, se := percent(alarms, n)
				t.Logf("%d cells, %d rounds, correlation %v: %.2f%% +-%.2f", cells, rounds, correlation, share, se)
				if n < 10_000 {
					share -= 3 * se // few families have a large standard error
				}
				worst, hits, total = max(worst, share), hits+alarms, total+n
			}
		}
	}
	if share, _ := percent(hits, total); share > 5 || worst > 5.5 {
		t.Errorf("%.2f%% of all families have a false verdict, want at most 5%%; at worst %.2f%%, "+
			"want 5.5%%", share, worst)
	}
}

// Each visit of the base is in one of two narrow modes and the visit of the head in the other, as if one of two cores
// were faster. If by chance all rounds are alike, a wide gap lies between base and head.
func TestSimulatedOpposedModesAreNoDifference(t *testing.T) {
	n := families(t, 300)
	worst, hits, total := 0.0, 0, 0
	for _, rounds := range []int{6, 7, 8} {
		for _, groups := range []int{1, 2, 6} { // groups of cells that share their visits
			for _, cells := range []int{1, 4} {
				for i, width := range []float64{0.001, 0.1} { // width of a mode, as a share of their distance
					random := rand.New(rand.NewPCG(uint64(rounds), uint64(100*groups+10*cells+i)))
					alarms := 0
					for range n {
						for _, r := range judge(t, modal(random, rounds, groups, cells, width)...) {
							if r.Adjusted < comparison.Alpha {
								alarms++
								break
							}
						}
					}
					share, se := percent(alarms, n)
					t.Logf("%d rounds, %d groups of %d cells, modes of %v: %.2f%% +-%.2f", rounds, groups, cells,
						width, share, se)
					if n < 10_000 {
						share -= 3 * se
					}
					worst, hits, total = max(worst, share), hits+alarms, total+n
				}
			}
		}
	}
	if share, _ := percent(hits, total); share > 5 || worst > 5.5 {
		t.Errorf("%.2f%% of all families have a false verdict, want at most 5%%; at worst %.2f%%, want 5.5%%", share,
			worst)
	}
}

// modal draws a family with groups of cells. All cells of a group have the same opposed modes.
func modal(random *rand.Rand, rounds, groups, cells int, width float64) (list []comparison.Cell) {
	for range groups {
		mode := make([]float64, rounds)
		for i := range mode {
			mode[i] = float64(random.IntN(2)) - 0.5
		}
		for range cells {
			c := comparison.Cell{Rule: rule("sec/op", lower, share(0)), Paired: true}
			for i := range rounds {
				c.Base = append(c.Base, math.Exp(0.3*(mode[i]+width*random.NormFloat64())))
				c.Head = append(c.Head, math.Exp(0.3*(-mode[i]+width*random.NormFloat64())))
			}
			list = append(list, c)
		}
	}
	return list
}
