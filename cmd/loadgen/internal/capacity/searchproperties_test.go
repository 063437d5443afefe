package capacity_test

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/capacity"
	"github.com/loadgen-go/loadgen/internal/property"
)

// anyOptions draws options that are valid.
func anyOptions(t *rapid.T) capacity.Options {
	start := rapid.Float64Range(1, 1e5).Draw(t, "start")
	return capacity.Options{
		Arms:      rapid.SampledFrom([][]string{{"none"}, {"none", "sdk"}, {"none", "pooled", "sdk"}}).Draw(t, "arms"),
		Start:     start,
		Least:     start / rapid.Float64Range(1, 50).Draw(t, "least"),
		Most:      start * rapid.Float64Range(1, 500).Draw(t, "most"),
		Precision: rapid.Float64Range(0.02, 0.25).Draw(t, "precision"),
		Probe:     time.Second,
		Calls:     rapid.Uint64Range(0, 500).Draw(t, "calls"),
		Budget:    time.Duration(rapid.IntRange(1, 60).Draw(t, "budget")) * time.Second,
		Seed:      rapid.Uint64().Draw(t, "seed"),
	}
}

// A liar answers probes at random or, if it is honest, as a noisy target would. Its seed determines the answers.
type liar struct {
	random *rand.Rand
	honest bool
	edge   float64
}

// anyLiar draws a function that returns equal liars.
func anyLiar(t *rapid.T, o capacity.Options) func() *liar {
	seed, honest := rapid.Uint64().Draw(t, "answers"), rapid.Bool().Draw(t, "honest")
	edge := o.Start * rapid.Float64Range(0.1, 100).Draw(t, "edge")
	return func() *liar { return &liar{rand.New(rand.NewPCG(seed, 1)), honest, edge} }
}

func (l *liar) evidence(ask capacity.Ask) capacity.Evidence {
	e := capacity.Evidence{Ask: ask, Achieved: ask.Rate, Due: 1000, Burn: l.random.ExpFloat64(), Took: ask.Duration}
	if l.random.IntN(8) == 0 {
		e.Limited = "generator-limited"
	}
	if l.random.IntN(8) == 0 {
		e.Spoiled = "saturated"
	}
	if l.random.IntN(8) == 0 {
		e.Took = time.Duration(l.random.Int64N(int64(2 * ask.Duration)))
	}
	e.Met = l.random.IntN(2) == 0
	if l.honest {
		e.Met = ask.Rate < l.edge*math.Exp(l.random.NormFloat64()/20)
	}
	return e
}

func search(t *rapid.T, o capacity.Options, require float64) *capacity.Search {
	s, err := capacity.New(o)
	if err != nil {
		t.Fatal(err)
	}
	s.Require(require)
	return s
}

// again is the search after a stay on disk.
func again(t *rapid.T, s *capacity.Search, require float64) *capacity.Search {
	data, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	read := new(capacity.Search)
	if err := json.Unmarshal(data, read); err != nil {
		t.Fatal(err)
	}
	read.Require(require)
	return read
}

func anyRequirement(t *rapid.T, o capacity.Options) float64 {
	if rapid.Bool().Draw(t, "required") {
		return rapid.Float64Range(o.Least, o.Most).Draw(t, "require")
	}
	return 0
}

func TestASearchGoesOnFromDiskAsIfItHadNeverStopped(t *testing.T) {
	property.Check(t, func(t *rapid.T) {
		o := anyOptions(t)
		l, require := anyLiar(t, o)(), anyRequirement(t, o)
		s := search(t, o, require)
		for n := 0; ; n++ {
			want, ok := s.Next()
			if n%16 == 0 || !ok {
				read := again(t, s, require)
				if got, gotOK := read.Next(); want != got || ok != gotOK {
					t.Fatalf("asks for %+v, %v; from disk for %+v, %v", want, ok, got, gotOK)
				}
				if diff := cmp.Diff(s.Answer(), read.Answer()); diff != "" {
					t.Fatalf("answers otherwise from disk (-never stopped +read):\n%s", diff)
				}
			}
			if !ok {
				return
			}
			s.Add(l.evidence(want))
		}
	})
}

func TestWhateverIsSeenAsksAndAnswersKeepTheirBounds(t *testing.T) {
	property.Check(t, func(t *rapid.T) {
		o := anyOptions(t)
		l, require := anyLiar(t, o)(), anyRequirement(t, o)
		s := search(t, o, require)
		const slight = 1 + 1e-9
		for ask, ok := s.Next(); ok; ask, ok = s.Next() {
			if ask.Rate < o.Least/slight || ask.Rate > o.Most*slight || ask.Duration < o.Probe {
				t.Fatalf("asks for %+v, outside %v to %v", ask, o.Least, o.Most)
			}
			if s.Spent()+ask.Duration > o.Budget {
				t.Fatalf("asks for %v after %v, of a budget of %v", ask.Duration, s.Spent(), o.Budget)
			}
			s.Add(l.evidence(ask))
		}
		held := map[string]float64{} // the highest rate of which a probe held
		for _, e := range s.Evidence() {
			if e.Held() {
				held[e.Arm] = max(held[e.Arm], e.Rate)
			}
		}
		for _, a := range s.Answer().Arms {
			if !(a.Low <= a.Capacity && a.Capacity <= a.High) || a.Low < 0 || a.High > o.Most*slight {
				t.Fatalf("Low %v, Capacity %v, High %v", a.Low, a.Capacity, a.High)
			}
			if a.Told > held[a.Arm]*slight || a.Told > 0 && a.Visits < 6 {
				t.Fatalf("%v/s is told by %d visits, and the highest rate that held was %v/s", a.Told, a.Visits,
					held[a.Arm])
			}
			if a.Verdict == capacity.GeneratorLimited && a.Low != a.High {
				t.Fatalf("limited by the generator, and yet an interval: %+v", a)
			}
			if k := a.Taken; k != nil && !(k.Low <= k.Share && k.Share <= k.High) {
				t.Fatalf("taken %+v", *k)
			}
		}
	})
}

func TestMoreBudgetNeverTurnsAnAnswerIntoNothing(t *testing.T) {
	property.Check(t, func(t *rapid.T) {
		o := anyOptions(t)
		answers := anyLiar(t, o)
		run := func(budget time.Duration) []capacity.Arm {
			o.Budget = budget
			s, l := search(t, o, 0), answers()
			for ask, ok := s.Next(); ok; ask, ok = s.Next() {
				s.Add(l.evidence(ask))
			}
			return s.Answer().Arms
		}
		budget := o.Budget
		less, more := run(budget), run(budget+time.Duration(rapid.IntRange(1, 20).Draw(t, "more"))*time.Second)
		for i := range less {
			if less[i].Verdict != capacity.Undecided && more[i].Verdict == capacity.Undecided {
				t.Fatalf("%+v became %+v", less[i], more[i])
			}
		}
	})
}
