//go:build unix

package cli

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// BenchmarkCompareBesideBenchstat runs 'loadgen compare' and benchstat in turn on the same two files, each in a
// process of its own, and tells how many times faster the first is and how much memory it takes at its peak:
//
//	go test -run '^$' -bench BesideBenchstat -benchtime 5x ./cmd/loadgen/internal/cli
func BenchmarkCompareBesideBenchstat(b *testing.B) {
	tool, err := exec.Command("go", "tool", "-n", "benchstat").Output()
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct{ lines, rounds int }{{10_000, 20}, {100_000, 50}, {40_000, 20_000}} {
		b.Run(fmt.Sprintf("lines=%d/rounds=%d", c.lines, c.rounds), func(b *testing.B) {
			var texts [2]string
			for side := range texts {
				texts[side] = scaleText(c.lines/2/c.rounds, c.rounds, uint64(side))
			}
			dir := files(b, map[string]string{"base": texts[0], "head": texts[1]})
			var ours, theirs time.Duration
			peak := int64(0)
			for b.Loop() {
				cmd, _, stderr := command(b, "compare", "base", "head")
				cmd.Dir = dir
				began := time.Now()
				if err := cmd.Run(); err != nil {
					b.Fatalf("%v\n%s", err, stderr)
				}
				ours += time.Since(began)
				peak = max(peak, cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss)
				if c.rounds > 1000 {
					continue // benchstat takes minutes
				}
				began = time.Now()
				// no path that has =, which it takes for a label
				other := exec.Command(strings.TrimSpace(string(tool)), "base", "head")
				other.Dir = dir
				// it exits with 0 in any case
				if out, err := other.CombinedOutput(); err != nil || !strings.Contains(string(out), "geomean") {
					b.Fatalf("%v\n%s", err, out)
				}
				theirs += time.Since(began)
			}
			b.ReportMetric(ours.Seconds()/float64(b.N), "compare-sec/op")
			b.ReportMetric(float64(peak)/1024, "peak-RSS-MiB")
			if theirs > 0 {
				b.ReportMetric(float64(theirs)/float64(ours), "x-benchstat")
			}
		})
	}
}

// scaleText is text of benchmarks of so many rounds, with ties.
func scaleText(benchmarks, rounds int, seed uint64) string {
	r := rand.New(rand.NewPCG(1, seed))
	var text strings.Builder
	for k := range benchmarks {
		for range rounds {
			fmt.Fprintf(&text, "BenchmarkB/n=%d-8 100 %.4g ns/op %d B/op 3 allocs/op\n", k,
				1000*math.Exp(0.1*r.NormFloat64()), 64+r.IntN(3))
		}
	}
	return text.String()
}
