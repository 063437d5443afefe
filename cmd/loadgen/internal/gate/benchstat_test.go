package gate

import (
	"encoding/csv"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/perf/benchunit"
)

// published holds the results of an encoder before a change, in the manner of benchstat's own example.
const published = `goos: linux
goarch: amd64
pkg: example.com/encoding
BenchmarkGobEncode 100 13552735 ns/op 56.63 MB/s
BenchmarkGobEncode 100 13553943 ns/op 56.63 MB/s
BenchmarkGobEncode 100 13606356 ns/op 56.41 MB/s
BenchmarkGobEncode 100 13683198 ns/op 56.09 MB/s
BenchmarkJSONEncode 50 32395067 ns/op 59.90 MB/s
BenchmarkJSONEncode 50 32334214 ns/op 60.01 MB/s
BenchmarkJSONEncode 50 31992891 ns/op 60.65 MB/s
BenchmarkJSONEncode 50 31735022 ns/op 61.15 MB/s
`

// publishedAfter holds the results after the change.
const publishedAfter = `goos: linux
goarch: amd64
pkg: example.com/encoding
BenchmarkGobEncode 100 11773189 ns/op 65.19 MB/s
BenchmarkGobEncode 100 11942588 ns/op 64.27 MB/s
BenchmarkGobEncode 100 11786159 ns/op 65.12 MB/s
BenchmarkGobEncode 100 11628583 ns/op 66.00 MB/s
BenchmarkJSONEncode 50 32036529 ns/op 60.57 MB/s
BenchmarkJSONEncode 50 32156552 ns/op 60.34 MB/s
BenchmarkJSONEncode 50 31288355 ns/op 62.02 MB/s
BenchmarkJSONEncode 50 31559706 ns/op 61.49 MB/s
`

// made returns the text of random benchmarks with n rounds, with ties and zeros.
func made(r *rand.Rand, n int, factor float64) string {
	var b strings.Builder
	for bench := range 6 {
		for range n {
			size := math.Exp(6 * float64(bench))
			fmt.Fprintf(&b, "BenchmarkB%d-8 100 %.4g ns/op %d B/op %d allocs/op %.3f MB/s\n", bench,
				size*factor*math.Exp(0.1*r.NormFloat64()), 64+r.IntN(3), r.IntN(2)*bench, 5*math.Exp(r.NormFloat64()))
		}
	}
	return b.String()
}

// The medians and the p-values of the unpaired test agree with benchstat's for the same files, in all digits that
// benchstat prints. For unequal counts with ties, benchstat's p-values are wrong; see package comparison.
func TestMediansAndPValuesAreThoseOfBenchstat(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	tool, err := exec.Command("go", "tool", "-n", "benchstat").Output()
	if err != nil {
		t.Fatal(err)
	}
	for name, texts := range map[string][2]string{
		"example":   {published, publishedAfter},
		"4 rounds":  {made(r, 4, 1), made(r, 4, 1.1)},
		"10 rounds": {made(r, 10, 1), made(r, 10, 1.02)},
		"12 and 9":  {made(r, 12, 1), made(r, 9, 1.02)},
		"60 rounds": {made(r, 60, 1), made(r, 60, 1.05)},
		"one round": {made(r, 1, 1), made(r, 1, 1)},
	} {
		t.Run(name, func(t *testing.T) {
			base, head := write(t, "base.txt", texts[0]), write(t, "head.txt", texts[1])
			got, err := Compare(&Options{Inputs: []string{base, head}})
			if err != nil {
				t.Fatal(err)
			}
			want := benchstat(t, strings.TrimSpace(string(tool)), base, head)
			for _, c := range got.Tables[0].Cells {
				w, ok := want[c.Name+" "+c.Unit]
				if !ok {
					t.Errorf("benchstat has no %s in %s: %v", c.Name, c.Unit, want)
					continue
				}
				p := "-"
				if c.P != nil {
					p = fmt.Sprintf("%.3f", *c.P)
				}
				if tied := c.Unit == "B/op" || c.Unit == "allocs/op"; tied && c.Base.Rounds != c.Head.Rounds {
					p = w.p
				}
				class := benchunit.ClassOf(c.Unit)
				have := row{c.median(c.Base), c.median(c.Head), p}
				w.base, w.head = benchunit.Scale(number(t, w.base), class), benchunit.Scale(number(t, w.head), class)
				if have != w {
					t.Errorf("%s in %s: %v, benchstat has %v", c.Name, c.Unit, have, w)
				}
			}
			if n := len(got.Tables[0].Cells); n != len(want) {
				t.Errorf("%d cells, benchstat has %d", n, len(want))
			}
		})
	}
}

type row struct{ base, head, p string }

// benchstat runs benchstat, and returns the rows of its tables by name and unit.
func benchstat(t *testing.T, tool, base, head string) map[string]row {
	t.Helper()
	out, err := exec.Command(tool, "-format", "csv", base, head).Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	rows := map[string]row{}
	unit := ""
	for line := range strings.Lines(string(out)) {
		f, err := csv.NewReader(strings.NewReader(line)).Read()
		if err != nil || len(f) < 7 {
			continue
		}
		switch {
		case f[2] == "CI":
			unit = f[1]
		case f[0] != "" && f[0] != "geomean" && unit != "":
			p, _, _ := strings.Cut(strings.TrimPrefix(f[6], "p="), " ")
			if p > "1" { // benchstat prints more than 1 if there are many ties
				p = "1.000"
			}
			rows[f[0]+" "+unit] = row{f[1], f[3], p}
		}
	}
	return rows
}

// number parses s.
func number(t *testing.T, s string) float64 {
	t.Helper()
	x, err := strconv.ParseFloat(s, 64)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// write writes a file in a directory of its own, and returns its path.
func write(t testing.TB, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// BenchmarkCompare reads and judges 10,000 lines, 20 for each of 250 benchmarks on either side.
func BenchmarkCompare(b *testing.B) {
	var inputs []string
	for side := range 2 {
		r := rand.New(rand.NewPCG(1, uint64(side)))
		var text strings.Builder
		for k := range 250 {
			for range 20 {
				fmt.Fprintf(&text, "BenchmarkB/n=%d-8 100 %.4g ns/op %d B/op 3 allocs/op\n", k,
					1000*math.Exp(0.1*r.NormFloat64()), 64+r.IntN(3))
			}
		}
		inputs = append(inputs, write(b, "side.txt", text.String()))
	}
	for b.Loop() {
		r, err := Compare(&Options{Inputs: inputs})
		if err != nil || len(r.Text(screen(80, "never"), false)) == 0 {
			b.Fatal(err)
		}
	}
}
