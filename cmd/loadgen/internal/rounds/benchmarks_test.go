package rounds_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/revision"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/rounds"
)

// scripted returns benchmarks of two test binaries that are one shell script, and their files.
func scripted(t *testing.T, text string, n int) *rounds.BenchFiles {
	t.Helper()
	b := &rounds.Benchmarks{Match: "Encode", Time: "1x", Rounds: n, Seed: 7, Grace: grace}
	program := script(t, text)
	for i, name := range []string{"base", "head"} {
		b.Sides[i] = rounds.BenchSide{Side: revision.Side{Name: name}, Program: program, Package: t.TempDir()}
	}
	files, err := b.Create(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestBenchmarksThatCannotBeRunEndTheRun(t *testing.T) {
	for script, want := range map[string]string{
		"echo PASS": `none matches "Encode": want some on both sides (--benchmarks)`,
		"echo BenchmarkEncode 1 1 ns/op; echo panic: no >&2; exit 2": "exit status 2\nBenchmarkEncode 1 1 " +
			"ns/op\npanic: no",
		"echo BenchmarkEncode 1 1 ns/op": "it ended before all benchmarks had run, without PASS",
	} {
		t.Run(script, func(t *testing.T) {
			n, err := scripted(t, script, 1).Run(t.Context())
			if n != 0 || err == nil || !strings.Contains(err.Error(), want) ||
				!strings.Contains(err.Error(), " (commit ), round 1: ") {
				t.Errorf("%d rounds, %v; want %q", n, err, want)
			}
		})
	}
}

func TestBenchmarksAreNotWrittenOverOthers(t *testing.T) {
	files := scripted(t, "exit 0", 1)
	if _, err := files.Create(filepath.Dir(files.Paths[0])); err == nil ||
		!strings.Contains(err.Error(), "base.bench is there already: want a new directory") {
		t.Error(err)
	}
}

// What is printed beside results is kept, and is no comment of ours.
func TestTheBenchmarksOfBothSidesAreWrittenByRounds(t *testing.T) {
	files := scripted(t, `printf 'BenchmarkEncode 1 1 ns/op\n# round 9\nPASS\nok'`, 2)
	if n, err := files.Run(t.Context()); n != 2 || err != nil {
		t.Fatalf("%d rounds, %v", n, err)
	}
	for i, name := range []string{"base", "head"} {
		const round = "BenchmarkEncode 1 1 ns/op\n # round 9\nok\n"
		want := "# loadgen run --bench  side=" + name + "  commit=  seed=7  rounds=2  order=random\n# round 1\n" +
			round +
			"# round 2\n" + round
		if got, err := os.ReadFile(files.Paths[i]); err != nil || string(got) != want {
			t.Errorf("%v, %s has\n%s\nwant\n%s", err, files.Paths[i], got, want)
		}
	}
}
