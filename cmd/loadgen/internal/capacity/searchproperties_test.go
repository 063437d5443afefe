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
)

// anyOptions draws options that are valid.
func anyOptions(t *rapid.T) capacity.Options {
	start := rapid.Float64Range(1, 1e5).Draw(t, "start")
	return capacity.Options{
		Arms:      rapid.SampledFrom([][]string{{"none"}, {"none", "sdk"}, {"none", "pooled", "sdk"}}).Draw(t, "arms"),
		Start:     start,
		Least:     start / rapid.Float64Range(1, 50).Draw(t, "least"),
		Most:      start * rapid.Float64Range(1, 500).Draw(t, "most"),
		Precision: rapid.Float64Range(0.005, 0.2).Draw(t, "precision"),
		Probe:     time.Second,
		Budget:    time.Duration(rapid.IntRange(1, 40).Draw(t, "budget")) * time.Second,
		Seed:      rapid.Uint64().Draw(t, "seed"),
	}
}

// A liar answers a probe with anything at all, or with what a noisy target would, by its seed.
type liar struct {
	random *rand.Rand
	honest bool
	edge   float64
}

func anyLiar(t *rapid.T, o capacity.Options) func() *liar {
	seed, honest := rapid.Uint64().Draw(t, "answers"), rapid.Bool().Draw(t, "honest")
	edge := o.Start * rapid.Float64Range(0.1, 100).Draw(t, "edge")
	return func() *liar { return &liar{rand.New(rand.NewPCG(seed, 1)), honest, edge} }
}

func (l *liar) evidence(ask capacity.Ask) capacity.Evidence {
	e := capacity.Evidence{Ask: ask, Achieved: ask.Rate}
	if l.random.IntN(8) == 0 {
		e.Limited = "generator-limited"
	}
	if l.random.IntN(8) == 0 {
		e.Duration = time.Duration(l.random.Int64N(int64(ask.Duration)))
	}
	for range l.random.IntN(12) {
		m := l.random.NormFloat64()
		if l.honest {
			m = 4*math.Log(l.edge/ask.Rate) + m/10
		} else if l.random.IntN(9) == 0 {
			m = []float64{math.NaN(), math.Inf(1), math.Inf(-1), 0}[l.random.IntN(4)]
		}
		e.Margins = append(e.Margins, m)
	}
	return e
}

func search(t *rapid.T, o capacity.Options) *capacity.Search {
	s, err := capacity.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// again is the search after a stay on disk.
func again(t *rapid.T, s *capacity.Search) *capacity.Search {
	data, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	read := new(capacity.Search)
	if err := json.Unmarshal(data, read); err != nil {
		t.Fatal(err)
	}
	return read
}

func TestASearchGoesOnFromDiskAsIfItHadNeverStopped(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := anyOptions(t)
		l := anyLiar(t, o)()
		s := search(t, o)
		for {
			read := again(t, s)
			want, ok := s.Next()
			got, gotOK := read.Next()
			if want != got || ok != gotOK {
				t.Fatalf("asks for %+v, %v; from disk for %+v, %v", want, ok, got, gotOK)
			}
			if diff := cmp.Diff(s.Answer(), read.Answer()); diff != "" {
				t.Fatalf("answers otherwise from disk (-never stopped +read):\n%s", diff)
			}
			if !ok {
				return
			}
			e := l.evidence(want)
			s.Add(e)
		}
	})
}

func TestWhateverIsSeenAsksAndAnswersKeepTheirBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := anyOptions(t)
		l := anyLiar(t, o)()
		s := search(t, o)
		for ask, ok := s.Next(); ok; ask, ok = s.Next() {
			if ask.Rate < o.Least || ask.Rate > o.Most {
				t.Fatalf("asks for %v, outside %v to %v", ask.Rate, o.Least, o.Most)
			}
			if s.Spent()+ask.Duration > o.Budget {
				t.Fatalf("asks for %v after %v, of a budget of %v", ask.Duration, s.Spent(), o.Budget)
			}
			s.Add(l.evidence(ask))
			for _, a := range s.Answer().Arms {
				if !(a.Low <= a.Holds && a.Holds <= a.High) || a.Low < 0 || a.High > o.Most {
					t.Fatalf("Low %v, Holds %v, High %v", a.Low, a.Holds, a.High)
				}
				if a.Verdict == capacity.GeneratorLimited && a.Low != a.High {
					t.Fatalf("limited by the generator, and yet a capacity: %+v", a)
				}
				if k := a.Taken; k != nil && !(k.Low <= k.Share && k.Share <= k.High) {
					t.Fatalf("taken %+v", *k)
				}
			}
		}
	})
}

func TestMoreBudgetNeverTurnsAnAnswerIntoNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := anyOptions(t)
		answers := anyLiar(t, o)
		run := func(budget time.Duration) []capacity.Arm {
			o.Budget = budget
			s, l := search(t, o), answers()
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
