// Package property runs the property tests of this module from fixed seeds.
//
// rapid draws a new seed for every run, which makes a test suite fail by chance: a fault that is found in one run in a
// hundred fails runs that have nothing to do with it. Here each property starts from a seed of its own, derived from
// the name of its test, so that go test has the same result every time. scripts/explore tries new seeds, and adds each
// seed that fails to testdata/found.tsv beside the test. [Check] runs the seeds in that file first.
package property

import (
	"flag"
	"fmt"
	"hash/fnv"
	"os"
	"strconv"
	"strings"
	"sync"

	"pgregory.net/rapid"
)

// Found is the file with the seeds that have failed, relative to the directory of a package. Each line has the name of
// a test, the seed and the failure, separated by tabs. Empty lines and lines that begin with # are ignored.
const Found = "testdata/found.tsv"

// flags guards the flags of rapid, which are the only way to give it a seed.
var flags sync.Mutex

// Check reports a test case that falsifies prop as a failure of t, like [rapid.Check], but starts from a fixed seed.
// It first runs each seed that [Found] has for the test. A seed in -rapid.seed or RAPID_SEED replaces the fixed seed.
// No files are written below testdata/rapid.
//
// The properties of a process run one at a time. A property must not call Check.
func Check(t rapid.TB, prop func(*rapid.T)) {
	t.Helper()
	flags.Lock()
	defer flags.Unlock()
	defer set("rapid.nofailfile", "true")()
	if given := flag.Lookup("rapid.seed").Value.String(); given != "0" {
		rapid.Check(t, prop)
		return
	}
	seeds, err := found(Found, t.Name())
	if err != nil {
		t.Fatal(err)
	}
	for _, seed := range seeds {
		check(t, prop, seed, "1")
	}
	check(t, prop, fixed(t.Name()), flag.Lookup("rapid.checks").Value.String())
}

func check(t rapid.TB, prop func(*rapid.T), seed uint64, checks string) {
	t.Helper()
	defer set("rapid.seed", strconv.FormatUint(seed, 10))()
	defer set("rapid.checks", checks)()
	rapid.Check(t, prop)
}

// set sets a flag of rapid, and returns a function that restores its value.
func set(name, value string) (restore func()) {
	f := flag.Lookup(name)
	before := f.Value.String()
	if err := f.Value.Set(value); err != nil {
		panic(fmt.Sprintf("property: setting the flag -%s of rapid: %v", name, err))
	}
	return func() { _ = f.Value.Set(before) } // cannot fail: it was the value of the flag
}

// fixed returns the seed of the named test. It is the same on every machine, and never 0, which rapid takes for a
// random seed.
func fixed(test string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(test)) // Write of a hash never fails
	return h.Sum64() | 1
}

// found returns the seeds that the file at path has for the named test. If the file does not exist, there are none.
func found(path, test string) (seeds []uint64, err error) {
	data, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	n := 0
	for line := range strings.Lines(string(data)) {
		n++
		line = strings.TrimRight(line, "\n")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, rest, _ := strings.Cut(line, "\t")
		text, _, _ := strings.Cut(rest, "\t")
		seed, err := strconv.ParseUint(text, 10, 64)
		if err != nil || seed == 0 {
			return nil, fmt.Errorf(
				"%s:%d: seed %q: want lines with the name of a test, a tab, and a number of at least 1", path,
				n, text)
		}
		if name == test {
			seeds = append(seeds, seed)
		}
	}
	return seeds, nil
}

// Names returns a generator of names that a text must have room for: of runes of one and of two columns, a third of
// them long.
func Names() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		least := rapid.SampledFrom([]int{1, 12, 90}).Draw(t, "least")
		runes := rapid.SampledFrom([]rune("abcdefgh/=-.0123\u4e16"))
		return rapid.StringOfN(runes, least, least+30, -1).Draw(t, "name")
	})
}
