package bench_test

import (
	"testing"

	"github.com/loadgen-go/loadgen/bench"
)

func FuzzParseOverload(f *testing.F) {
	for _, text := range append(bench.Overloads(), "catch-up(k=NaN)", "catch-up(k=1e400)", "catch-up(k= 3 )",
		"catch-up(", "") {
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
