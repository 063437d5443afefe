package capacity

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/loadgen-go/loadgen/bench"
)

func TestAProbeIsSplitOnlyWhereItsPartsCanTell(t *testing.T) {
	for _, c := range []struct {
		slo              string
		rate             float64
		duration, warmup time.Duration
		parts            int
	}{
		{"p99 < 5ms", 10_000, 2 * time.Second, 100 * time.Millisecond, 2},
		{"p99 < 5ms", 100, 20 * time.Second, 0, 1},                 // too few calls
		{"p99 < 5ms", 1e6, 200 * time.Millisecond, 0, 1},           // parts too short to be worth it
		{"p99 < 5ms", 10_000, 2 * time.Second, time.Second, 1},     // warm-ups would be most of it
		{"errors < 1%", 10_000, 2 * time.Second, 0, 1},             // of which batches do not tell
		{"p99 < 5ms over every 1s", 10_000, 2 * time.Second, 0, 1}, // likewise
		{"max < 5ms", 10_000, 2 * time.Second, 0, 1},               // likewise
		{"mean < 5ms", 10_000, 2 * time.Second, 0, 2},
	} {
		parts := Parts(c.rate, c.duration, c.warmup, objectivesOf(t, c.slo))
		var sum time.Duration
		batches := 0
		for _, p := range parts {
			sum, batches = sum+p.Duration, batches+p.Batches
		}
		if len(parts) != c.parts || sum != c.duration || batches != Batches || parts[0].Batches < looks {
			t.Errorf("%s at %v/s for %v: %v, want %d parts of %d batches", c.slo, c.rate, c.duration, parts, c.parts, Batches)
		}
	}
}

func TestPartsAreJoinedAsIfTheyWereOneVisit(t *testing.T) {
	slos := objectivesOf(t, "p99 < 5ms", "errors < 1%")
	part := func(errors float64, latency ...float64) *Part {
		m := float64(MaxMargin)
		if errors > 0 {
			m = math.Log(0.01 / errors)
		}
		return &Part{Latency: latency, Others: []float64{MaxMargin, m},
			Probe: Probe{Scheduled: time.Second, Offered: 1000, Cores: errors, Objectives: make([]bench.SLOResult, 2)}}
	}
	// None, and 3% of as many calls, are 1.5%: the bound is missed, though the mean of margins is above 0.
	p := Join(Ask{Arm: "a"}, slos, []*Part{part(0, 1, 2), part(0.03, 3, -4)})
	share := math.Log(1 / 1.5)
	for i, want := range []float64{share, share, share, -4} {
		if math.Abs(p.Evidence.Margins[i]-want) > 1e-4 {
			t.Fatalf("margins %v, want one for all of a share of 1.5%%, but for latencies that were worse", p.Evidence.Margins)
		}
	}
	if p.Held() || p.Visits != 2 || p.Scheduled != 2*time.Second || p.Offered != 1000 || p.Cores != 0.015 {
		t.Errorf("%+v", p)
	}
	late := part(0, -1, -1)
	late.Evidence.Limited, late.Evidence.Resource = "generator-limited", "generator: late"
	if p = Join(Ask{}, slos, []*Part{part(0, 2, 2), late}); p.Evidence.Limited != "" {
		t.Error("a probe that held in all blames the generator")
	}
	if p = Join(Ask{}, slos, []*Part{part(0, -2, 0), late}); p.Evidence.Limited == "" || p.Evidence.Resource == "" {
		t.Error("a probe that failed where the generator was late blames the target")
	}
}

// At the boundary either decision is false. Five thousand probes tell the share of them to half a
// percent, at every look that is possible and at those that are made; and of batches that
// remember one another.
func TestLookingSeveralTimesSeldomDecidesWhatIsOnTheEdge(t *testing.T) {
	s := &Search{}
	for name, c := range map[string]struct {
		memory float64 // correlation of a batch with the one before
		lookAt []int
		most   float64
	}{
		"every batch":                   {0, []int{4, 5, 6, 7, 8, 9}, 0.05},
		"between visits":                {0, []int{4}, 0.02},
		"between visits, with a memory": {0.2, []int{4}, 0.05},
	} {
		r := rand.New(rand.NewPCG(7, 7))
		wrong, low := 0, 0
		const probes = 5_000
		for range probes {
			e, x := Evidence{}, r.NormFloat64()
			for _, n := range c.lookAt {
				for len(e.Margins) < n {
					x = c.memory*x + math.Sqrt(1-c.memory*c.memory)*r.NormFloat64()
					e.Margins = append(e.Margins, x)
				}
				if s.Done(&e) {
					wrong++
					if mean(e.Margins) < 0 {
						low++
					}
					break
				}
			}
		}
		share := float64(wrong) / probes
		t.Logf("%s: %.2f%% are decided, %d of %d as failing", name, 100*share, low, wrong)
		if share > c.most || math.Abs(float64(low)-float64(wrong)/2) > 3*math.Sqrt(float64(wrong))/2 {
			t.Errorf("%s: %.2f%% are decided, %d of %d as failing; want at most %.1f%%, to both sides alike", name, 100*share, low, wrong, 100*c.most)
		}
	}
}
