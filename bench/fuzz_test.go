package bench_test

import (
	"testing"

	"github.com/loadgen-go/loadgen/bench"
)

// What is read is printed as what reads the same.
func FuzzParseProcess(f *testing.F) {
	for _, text := range []string{"poisson", "constant", "uniform", "gamma:0.5", "weibull:1e309", "pareto:-1", ":",
		""} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := bench.ParseProcess(text)
		if err != nil {
			return
		}
		if again, err := bench.ParseProcess(p.String()); err != nil || again != p {
			t.Errorf("%q is %v, which is read as %v, %v", text, p, again, err)
		}
	})
}

func FuzzParseQPS(f *testing.F) {
	for _, text := range []string{"1k", "10/s", "3/7s", "0.1", "1e400", "-1", "1/0s", ""} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		q, err := bench.ParseQPS(text)
		if err != nil {
			return
		}
		if again, err := bench.ParseQPS(q.String()); err != nil || again != q {
			t.Errorf("%q is %v, which is read as %v, %v", text, q, again, err)
		}
	})
}

func FuzzParseOverload(f *testing.F) {
	for _, text := range append(bench.Overloads(), "catch-up(k=NaN)", "catch-up(k=1e400)", "catch-up(k= 3 )", "catch-up(", "") {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		o, err := bench.ParseOverload(text)
		if err != nil {
			return
		}
		if again, err := bench.ParseOverload(o.String()); err != nil || again != o {
			t.Errorf("%q is %v, which is read as %v, %v", text, o, again, err)
		}
	})
}

func FuzzParsePace(f *testing.F) {
	f.Add("auto")
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		if p, err := bench.ParsePace(text); err == nil && p.String() != text || err != nil && p != nil {
			t.Errorf("%q is %v, %v", text, p, err)
		}
	})
}

func FuzzParseProfile(f *testing.F) {
	for _, text := range []string{"const:5k/s@30s", "ramp:1k..20k/s@1m + const:1/s", "step:1k..5k/s@1m(steps=5)",
		"spike:1..2/s@1m(at=30s,for=5s)", "sine:1k..5k/s@1m(period=20s)", "stages:0..1k@10s..5k@30s..0/s@10s", "const:0/s", "ramp:", ""} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := bench.ParseProfile(text)
		if err != nil {
			return
		}
		if again, err := bench.ParseProfile(p.String()); err != nil || !again.Equal(p) || again.Calls() != p.Calls() {
			t.Errorf("%q is %v, which is read as %v, %v", text, p, again, err)
		}
	})
}
