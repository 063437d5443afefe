package rounds

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/visit"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/scenarios"
)

// scenario returns a scenario of four cells and as many rounds.
func scenario(t *testing.T, rounds int, seed uint64) *scenarios.Scenario {
	t.Helper()
	s, err := scenarios.Decode("x.yaml", fmt.Appendf(nil,
		"qps: [100, 200]\nspans: [none, sdk]\nduration: 1s\nrounds: %d\nseed: %d\n", rounds, seed))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// visiting returns a runner whose visits f makes, of sides of those names, and the visits of each side
// that it keeps.
func visiting(s *scenarios.Scenario, f func(side int, req *visit.Request) (*results.Visit, error),
	sides ...string) (r *runner, kept [][]*results.Visit) {
	o := &Options{Scenario: s}
	for _, name := range sides {
		o.Sides = append(o.Sides, Side{Name: name})
	}
	kept = make([][]*results.Visit, len(sides))
	return &runner{Options: o, cells: o.cells(),
		visit: func(_ context.Context, side int, req *visit.Request) (*results.Visit, error) { return f(side, req) },
		keep:  func(side int, v *results.Visit) error { kept[side] = append(kept[side], v); return nil }}, kept
}

// visited returns a visit of so many calls.
func visited(cell scenarios.Cell, calls uint64) *results.Visit {
	return &results.Visit{Cell: cell, Record: &record.Record{Offered: calls}}
}

// orderOf returns the visits of a run, each as the side, the cell and the seed.
func orderOf(t *testing.T, seed uint64) (order []string) {
	t.Helper()
	const rounds = 20
	s := scenario(t, rounds, seed)
	r, kept := visiting(s, func(side int, req *visit.Request) (*results.Visit, error) {
		order = append(order, fmt.Sprint(side, " ", req.Cell, " ", req.Seed))
		return visited(req.Cell, 0), nil
	}, "base", "head")
	if complete, err := r.run(t.Context()); !complete || err != nil {
		t.Fatalf("complete %v, %v", complete, err)
	}
	for side, visits := range kept {
		for i, v := range visits {
			k := (v.Round-1)*8 + v.Order - 1
			if want := fmt.Sprint(side, " ", v.Cell, " ", Seed(s, v.Round)); v.Round != 1+i/4 || order[k] != want {
				t.Errorf("visit %d is called %d of round %d: %s, and was %s", i, v.Order, v.Round, want, order[k])
			}
		}
	}
	return order
}

func TestEveryRoundVisitsEveryCellOfEverySideOnceInAnOrderOfItsOwn(t *testing.T) {
	order := orderOf(t, 7)
	if len(order) != 20*8 {
		t.Fatalf("%d visits, want 160", len(order))
	}
	orders, seeds := map[string]bool{}, map[string]bool{}
	for round := range slices.Chunk(order, 8) {
		seen, own := map[string]bool{}, ""
		for _, v := range round {
			turn, seed := v[:strings.LastIndexByte(v, ' ')], v[strings.LastIndexByte(v, ' '):]
			if seen[turn] || own != "" && seed != own {
				t.Errorf("%s is visited twice in a round, or with a seed of its own:\n%s", turn,
					strings.Join(round, "\n"))
			}
			seen[turn], own = true, seed
		}
		orders[strings.ReplaceAll(strings.Join(round, ", "), own, "")], seeds[own] = true, true
	}
	if len(orders) != 20 || len(seeds) != 20 { // of 40,320 orders
		t.Errorf("20 rounds have %d orders and %d seeds", len(orders), len(seeds))
	}
}

// The seed of a run that is kept makes the same run again, with a later version, too.
func TestASeedGivesTheSameOrder(t *testing.T) {
	order := orderOf(t, 7)
	if again := orderOf(t, 7); !slices.Equal(order, again) {
		t.Errorf("one seed, two orders:\n%v\n%v", order, again)
	}
	if other := orderOf(t, 8); slices.Equal(order[:8], other[:8]) {
		t.Errorf("two seeds, one order:\n%v", order)
	}
	const seed = " 11571392758654473394\n"
	want := strings.Join([]string{"1 spans=none/qps=200", "1 spans=sdk/qps=100", "0 spans=none/qps=200",
		"0 spans=sdk/qps=200", "1 spans=none/qps=100", "0 spans=sdk/qps=100", "1 spans=sdk/qps=200",
		"0 spans=none/qps=100", ""}, seed)
	if got := strings.Join(order[:8], "\n") + "\n"; got != want {
		t.Errorf("the first round of seed 7 is\n%s\nwant\n%s", got, want)
	}
}

func TestTheEndOfTheContextEndsARunAndKeepsWhatWasMeasured(t *testing.T) {
	cut := func(cell scenarios.Cell, calls uint64) *results.Visit {
		v := visited(cell, calls)
		v.Record.Interrupted = true
		return v
	}
	for _, c := range []struct {
		name     string
		at       int // the visit in which it ends; 0: before
		visit    func(scenarios.Cell) *results.Visit
		kept     int
		complete bool
	}{
		{"before the first visit", 0, nil, 0, false},
		{"in a visit that fails", 3, func(c scenarios.Cell) *results.Visit {
			return &results.Visit{Cell: c, Error: "exit 2"}
		}, 2, false},
		{"in a visit before its first call", 3, func(c scenarios.Cell) *results.Visit { return cut(c, 0) }, 2, false},
		{"in a visit that hands over what it has", 3, func(c scenarios.Cell) *results.Visit { return cut(c, 9) }, 3,
			false},
		{"at the end of a visit", 3, func(c scenarios.Cell) *results.Visit { return visited(c, 9) }, 3, false},
		{"in the last visit, which hands over what it has", 8,
			func(c scenarios.Cell) *results.Visit { return cut(c, 9) }, 8, false},
		{"at the end of the last visit", 8, func(c scenarios.Cell) *results.Visit { return visited(c, 9) }, 8, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, end := context.WithCancel(t.Context())
			defer end()
			if c.at == 0 {
				end()
			}
			made := 0
			r, kept := visiting(scenario(t, 2, 7), func(_ int, req *visit.Request) (*results.Visit, error) {
				if made++; made != c.at {
					return visited(req.Cell, 1), nil
				}
				end()
				return c.visit(req.Cell), nil
			}, "")
			complete, err := r.run(ctx)
			if kept := len(kept[0]); complete != c.complete || err != nil || made != c.at || kept != c.kept {
				t.Errorf("complete %v, %v, %d visits, of which %d are kept; want %v, %d and %d", complete, err, made,
					kept, c.complete, c.at, c.kept)
			}
		})
	}
}

func TestACellThatIsCertainToMissItsObjectiveIsNotVisitedAgain(t *testing.T) {
	for _, c := range []struct {
		name   string
		abort  bool
		quorum scenarios.Quorum
		missed [2]string // the objectives that the second cell misses, by turns
		want   int       // visits of it, of 6 rounds
	}{
		{"in most visits", true, 0, [2]string{"p99", "p99"}, 3},
		{"in all visits", true, 100, [2]string{"p99", "p99"}, 1},
		{"in half of the visits", true, 50, [2]string{"p99", "p99"}, 4},
		{"by turns, and each in most visits", true, 0, [2]string{"p99", "errors"}, 5},
		{"by turns, and each in half of the visits", true, 50, [2]string{"p99", "errors"}, 6},
		{"unless visits go on", false, 100, [2]string{"p99", "p99"}, 6},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := scenario(t, 6, 7)
			s.Abort, s.SLOVisits = c.abort, c.quorum
			visits := map[string]int{}
			r, kept := visiting(s, func(_ int, req *visit.Request) (*results.Visit, error) {
				v, cell := visited(req.Cell, 0), req.Cell.String()
				for _, slo := range []string{"p99", "errors"} {
					met := req.Cell != s.Cells()[1] || c.missed[visits[cell]%2] != slo
					v.Record.SLOs = append(v.Record.SLOs, record.SLOResult{SLO: slo, Judged: true, Met: met})
				}
				visits[cell]++
				return v, nil
			}, "")
			if complete, err := r.run(t.Context()); !complete || err != nil {
				t.Fatalf("complete %v, %v", complete, err)
			}
			for i, cell := range s.Cells() {
				want := 6
				if i == 1 {
					want = c.want
				}
				if got := visits[cell.String()]; got != want {
					t.Errorf("%v is visited %d times, want %d", cell, got, want)
				}
			}
			if kept := len(kept[0]); kept != 18+c.want {
				t.Errorf("%d visits are kept", kept)
			}
		})
	}
}

// A visit that cannot be judged misses nothing.
func TestOnlyAnObjectiveThatWasJudgedIsMissed(t *testing.T) {
	s := scenario(t, 6, 7)
	s.Abort, s.SLOVisits = true, 100
	made := 0
	r, _ := visiting(s, func(_ int, req *visit.Request) (*results.Visit, error) {
		made++
		v := visited(req.Cell, 0)
		v.Record.SLOs = []record.SLOResult{{SLO: "p99"}}
		return v, nil
	}, "")
	if complete, err := r.run(t.Context()); !complete || err != nil || made != 24 {
		t.Errorf("complete %v, %v, after %d visits", complete, err, made)
	}
}

func TestASideThatCannotBeVisitedEndsAComparisonAfterItsFirstRound(t *testing.T) {
	for _, c := range []struct {
		name  string
		sides []string
		fails func(side, cell, made int) bool
		made  int
		err   string
	}{
		{"one of two", []string{"base", "head"}, func(side, _, _ int) bool { return side == 1 }, 8,
			"no visit of head could be made, the first because it is broken"},
		{"one of two, but for one cell", []string{"base", "head"}, func(side, cell, _ int) bool {
			return side == 1 && cell > 0
		}, 16, ""},
		{"after the first round", []string{"base", "head"}, func(_, _, made int) bool { return made > 8 }, 16, ""},
		{"the only one", []string{""}, func(int, int, int) bool { return true }, 8, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			made, s := 0, scenario(t, 2, 7)
			r, kept := visiting(s, func(side int, req *visit.Request) (*results.Visit, error) {
				made++
				if c.fails(side, slices.Index(s.Cells(), req.Cell), made) {
					return &results.Visit{Cell: req.Cell, Error: "it is broken"}, nil
				}
				return visited(req.Cell, 1), nil
			}, c.sides...)
			complete, err := r.run(t.Context())
			if fmt.Sprint(err) != orNil(c.err) || complete != (c.err == "") || made != c.made {
				t.Errorf("complete %v, %v, after %d visits; want %q after %d", complete, err, made, c.err, c.made)
			}
			if kept := len(slices.Concat(kept...)); kept != made {
				t.Errorf("%d visits are kept of %d", kept, made)
			}
		})
	}
}

// orNil returns what an error without a text is printed as.
func orNil(text string) string {
	if text == "" {
		return "<nil>"
	}
	return text
}

func TestAnInputThatHasChangedEndsTheRun(t *testing.T) {
	changed := &visit.ChangedError{Input: results.Input{Kind: results.Replay, Name: "calls.txt"}}
	made := 0
	r, kept := visiting(scenario(t, 2, 7), func(_ int, req *visit.Request) (*results.Visit, error) {
		if made++; made == 3 {
			return nil, changed
		}
		return visited(req.Cell, 1), nil
	}, "")
	if complete, err := r.run(t.Context()); complete || !errors.Is(err, changed) || len(kept[0]) != 2 {
		t.Errorf("complete %v, %v, %d visits are kept", complete, err, len(kept[0]))
	}
}

func TestAVisitThatCannotBeWrittenEndsTheRun(t *testing.T) {
	full := errors.New("the disk is full")
	made := 0
	r, _ := visiting(scenario(t, 2, 7), func(_ int, req *visit.Request) (*results.Visit, error) {
		made++
		return visited(req.Cell, 1), nil
	}, "")
	r.keep = func(int, *results.Visit) error { return full }
	if complete, err := r.run(t.Context()); complete || !errors.Is(err, full) || made != 1 {
		t.Errorf("complete %v, %v, after %d visits", complete, err, made)
	}
}
