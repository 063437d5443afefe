package buckets

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

func TestNewBoundsAreRolledOutIfTheyReadTheTruth(t *testing.T) {
	values := lognormal(50_000)
	truth := NewSample("run", "", append([]time.Duration{}, values...))
	slower := make([]time.Duration, len(values))
	for i, v := range values {
		slower[i] = v * 13 / 10
	}
	o := Options{Quantiles: []float64{.95, .99}, Buckets: 10, Drift: 2}
	good, old := boundsFor(truth, &o), known[0].Bounds
	bad := seconds(.001, .1, 10)
	other := func() []time.Duration { // other calls of the same distribution
		r := rand.New(rand.NewPCG(8, 8))
		var all []time.Duration
		for range 20_000 {
			all = append(all, time.Duration(math.Exp(math.Log(4e6)+.8*r.NormFloat64())))
		}
		return all
	}
	for _, c := range []struct {
		name          string
		old, new      []time.Duration
		ofOld, ofNew  []time.Duration
		most          float64
		verdict, want string
	}{
		{"better", old, good, values, values, .05, RollOut, "with the old ones, p95 by 33.8%"},
		{"other calls, as fast", old, good, values, other(), .05, RollOut, "with the new bounds, p9"},
		{"not good enough", old, good, values, values, .0001, Keep, "0.01% is allowed"},
		{"worse", old, bad, values, values, 10, Keep, "and nothing by more than 33.8% with the old ones"},
		{"the same", old, old, values, values, .5, Keep, "and nothing by more than 33.8%"},
		{"the new one is slower", old, good, values, slower, .05, CannotTell, "new has not counted the measured"},
		{"the old one is slower", old, good, slower, values, .05, CannotTell, "old has not counted the measured"},
	} {
		t.Run(c.name, func(t *testing.T) {
			was, is := counted(c.ofOld, c.old), counted(c.ofNew, c.new)
			was.From, is.From = "old", "new"
			got, err := Judge(truth, was, is, o.Quantiles, c.most)
			if err != nil {
				t.Fatal(err)
			}
			if got.Verdict != c.verdict || !strings.Contains(got.Why, c.want) {
				t.Errorf("%s: %s; want %s: %s", got.Verdict, got.Why, c.verdict, c.want)
			}
		})
	}
}

func TestTooFewCallsAreNotJudged(t *testing.T) {
	few := lognormal(300)
	h := counted(few, known[0].Bounds)
	_, err := Judge(NewSample("run", "", few), h, h, []float64{.95, .99}, .05)
	for _, want := range []string{"p99 needs 368 values, run has 300",
		"test: p99 needs 368 calls, and 300 were counted"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func TestWhatASampleCannotStateIsAnError(t *testing.T) {
	slow := counted(drawn(1000, func(*rand.Rand) float64 { return 2e10 }), known[0].Bounds)
	zeros := NewSample("zeros", "", make([]time.Duration, 1000))
	for name, c := range map[string]struct {
		x    *Sample
		want string
	}{
		"beyond the last bound": {FromHistogram(slow), "p50 is beyond the last bound of latency_seconds, 10s"},
		"zeros":                 {zeros, "p50 of zeros is 0, and an error is a share of it"},
		"too few":               {NewSample("few", "", lognormal(3)), "p50 needs 6 values, few has 3"},
	} {
		if err := c.x.Check([]float64{.5}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func TestListsOfBounds(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"default", "default 11"},
		{"default,otel-http", "default 11, otel-http 14"},
		{"5ms, 10ms,1s", "given 3"},
		{"0.005,0.01,1", "given 3"},
		{"10ms,decades,20ms", "decades 10, given 2"},
		{"10ms,5ms", `error "5ms" follows 10ms: want ascending bounds`},
		{"0", "error \"0\": want bounds above 0"},
		{"defalt", `error "defalt" (did you mean default?): want default, otel-http, decades, durations`},
		{"", `error "": want default`},
		{"1e300", `error "1e300": want`},
	} {
		schemes, err := ParseBounds(c.text)
		var parts []string
		for _, s := range schemes {
			parts = append(parts, fmt.Sprint(s.Name, " ", len(s.Bounds)))
		}
		got := strings.Join(parts, ", ")
		if err != nil {
			got = "error " + err.Error()
		}
		if !strings.HasPrefix(got, c.want) {
			t.Errorf("%q: %s, want %s", c.text, got, c.want)
		}
	}
}
