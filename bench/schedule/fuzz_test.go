package schedule_test

import (
	"testing"

	"github.com/loadgen-go/loadgen/bench/schedule"
)

// A process that is parsed, printed and parsed again is the same.
func FuzzParseProcess(f *testing.F) {
	for _, text := range []string{"poisson", "constant", "uniform", "gamma:0.5", "weibull:1e309", "pareto:-1", ":",
		""} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := schedule.ParseProcess(text)
		if err != nil {
			return
		}
		if again, err := schedule.ParseProcess(p.String()); err != nil || again != p {
			t.Errorf("%q is %v, which is read as %v, %v", text, p, again, err)
		}
	})
}

func FuzzParseRate(f *testing.F) {
	for _, text := range []string{"1k", "10/s", "3/7s", "0.1", "1e400", "-1", "1/0s", ""} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		q, err := schedule.ParseRate(text)
		if err != nil {
			return
		}
		if again, err := schedule.ParseRate(q.String()); err != nil || again != q {
			t.Errorf("%q is %v, which is read as %v, %v", text, q, again, err)
		}
	})
}

func FuzzParseProfile(f *testing.F) {
	for _, text := range []string{"const:5k/s@30s", "ramp:1k..20k/s@1m + const:1/s", "step:1k..5k/s@1m(steps=5)",
		"spike:1..2/s@1m(at=30s,for=5s)", "sine:1k..5k/s@1m(period=20s)", "stages:0..1k@10s..5k@30s..0/s@10s",
		"const:0/s", "ramp:", ""} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := schedule.ParseRateCurve(text)
		if err != nil {
			return
		}
		if again, err := schedule.ParseRateCurve(p.String()); err != nil || !again.Equal(p) ||
			again.Calls() != p.Calls() {
			t.Errorf("%q is %v, which is read as %v, %v", text, p, again, err)
		}
	})
}
