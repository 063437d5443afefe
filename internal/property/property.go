// Package property runs the property tests of this module from fixed seeds.
//
// rapid draws a fresh seed for every run, which makes a test suite fail by chance: a fault that one run in a hundred
// finds fails a run that has nothing to do with it. Here each property starts from a seed of its own, derived from the
// name of its test, so that go test gives the same answer every time. Fresh seeds are for scripts/explore, which
// writes what it finds as a row of testdata/found.tsv beside the test; [Check] runs those rows first, for ever after.
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

// Found is the file, relative to the directory of a package, with the seeds that have failed once. Each line has the
// name of a test, the seed and what failed, separated by tabs. Empty lines and lines that begin with # are ignored.
const Found = "testdata/found.tsv"

// flags guards the flags of rapid, which are the only way to give it a seed.
var flags sync.Mutex

// Check reports a test case that falsifies prop as a failure of t, as [rapid.Check] does, but starts from a fixed
// seed. It first runs each seed that [Found] has for the test. A seed given by -rapid.seed or RAPID_SEED takes the
// place of the fixed one, and no files are written below testdata/rapid.
//
// Properties of one process run one at a time. A property must not call Check.
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

// set sets a flag of rapid, and returns a function that sets it back.
func set(name, value string) (restore func()) {
	f := flag.Lookup(name)
	before := f.Value.String()
	if err := f.Value.Set(value); err != nil {
		panic(fmt.Sprintf("property: rapid's flag -%s: %v", name, err))
	}
	return func() { _ = f.Value.Set(before) } // it was the flag's own value
}

// fixed returns the seed of the named test: the same on every machine, and never 0, which rapid takes for "any".
func fixed(test string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(test)) // a hash takes every write
	return h.Sum64() | 1
}

// found returns the seeds that the file at path has for the named test. Without such a file there are none.
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
			return nil, fmt.Errorf("%s:%d: seed %q: want the name of a test, a tab, and a number of at least 1", path,
				n, text)
		}
		if name == test {
			seeds = append(seeds, seed)
		}
	}
	return seeds, nil
}
