package cli

import (
	"bytes"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/fleet"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/quantiles"
)

// What a flag takes is in the range that its error names.
func FuzzFlags(f *testing.F) {
	for _, text := range []string{"1%", "0.01", "64KB", "1e6", "100k", "NaN", "-1", "1e309%", "Inf", "1,2,4,8", "k",
		"", "p99<1ms, errors<0.1%"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		in := func(name string, x, least, most float64, err error) {
			if err == nil && !(x >= least && x <= most) {
				t.Errorf("%s: %q is %v", name, text, x)
			}
		}
		x, err := parseShare(text)
		in("share", x, 0, 10, err)
		n, err := parseBytes(text)
		in("bytes", float64(n), 0, 1<<50, err)
		n, err = parseCount(text)
		in("count", float64(n), 1, quantiles.MaxValues, err)
		x, err = parseHeadroom(text)
		in("headroom", x, 0, fleet.MostHeadroom, err)
		n, err = parseFailures(text)
		in("failures", float64(n), 0, fleet.MostFailures, err)
		all, err := parseQuantiles([]string{text})
		in("quantile", slices.Min(append(all, math.Inf(1))), 0, 1, err)
		var share percentFlag
		err = share.Set(text)
		in("precision", float64(share), 0.001, 0.25, err)
		var rate rateFlag
		if err := rate.Set(text); err == nil && rate.String() == "" {
			t.Errorf("rate: %q is none", text)
		}
		if workers, err := readWorkers(text); err == nil {
			in("workers", float64(workers[0]), 1, mostWorkers, nil)
		}
		if slos, err := readObjectives(text); err == nil && len(slos) == 0 {
			t.Errorf("objectives: %q is none", text)
		}
		outsideBraces(text)
	})
}

// A process that is asked by somebody else than loadgen says so, and does not panic.
func TestARequestThatIsNoneIsRefused(t *testing.T) {
	for _, request := range []string{`{}`, `null`, `[]`, ``, `{"scenario":null}`, `{"visit":{}}`,
		`{"scenario":{"qps":["1k"],"duration":"1s"},"cell":{"spans":"none","qps":"5"}}`} {
		for _, name := range []string{"visit", "probe"} {
			t.Run(name+" "+request, func(t *testing.T) {
				var stdout, stderr bytes.Buffer
				code := dispatch(t.Context(), nil, []string{name}, strings.NewReader(request), &stdout, &stderr)
				if code != exitUnusable || stdout.Len() > 0 || !strings.Contains(stderr.String(), "request") &&
					!strings.Contains(stderr.String(), "reading what to") {
					t.Errorf("exit %d\n%s\n%s", code, &stdout, &stderr)
				}
			})
		}
	}
}
