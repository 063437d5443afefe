package property

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// drawn returns the values that a property of a test called name draws.
func drawn(t *testing.T, name string) (values []uint64) {
	t.Helper()
	Check(named{t, name}, func(t *rapid.T) { values = append(values, rapid.Uint64().Draw(t, "n")) })
	return values
}

// named is a test with another name.
type named struct {
	*testing.T
	name string
}

func (n named) Name() string { return n.name }

func TestAPropertySeesTheSameValuesInEveryRunAndItsOwn(t *testing.T) {
	first := drawn(t, "TestOne")
	if again := drawn(t, "TestOne"); !slices.Equal(first, again) {
		t.Errorf("first %v, then %v", first[:3], again[:3])
	}
	if other := drawn(t, "TestOther"); slices.Equal(first, other) {
		t.Errorf("two tests see the same values: %v", first[:3])
	}
	if len(first) < 2 || first[0] == first[1] {
		t.Errorf("%d values: %v", len(first), first)
	}
}

func TestASeedThatIsGivenTakesThePlaceOfTheFixedOne(t *testing.T) {
	fixed := drawn(t, "TestOne")
	defer set("rapid.seed", "99")()
	if given := drawn(t, "TestOne"); slices.Equal(fixed, given) {
		t.Errorf("the values are the same with and without -rapid.seed: %v", fixed[:3])
	}
}

func TestFlagsAreAsTheyWereAfterACheck(t *testing.T) {
	flags := []string{"rapid.seed", "rapid.checks", "rapid.nofailfile"}
	var before, after []string
	for _, name := range flags {
		before = append(before, flag.Lookup(name).Value.String())
	}
	drawn(t, "TestOne")
	for _, name := range flags {
		after = append(after, flag.Lookup(name).Value.String())
	}
	if !slices.Equal(before, after) {
		t.Errorf("the flags %v were %v, and are now %v", flags, before, after)
	}
}

func TestSeedsThatHaveFailedOnceAreRunFirst(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, Found, "# a comment\n\nTestOther\t7\tof another test\nTestOne\t3\tp99 < p50\nTestOne\t5\n")
	defer set("rapid.checks", "1")()
	values := drawn(t, "TestOne")
	if err := os.Remove(Found); err != nil {
		t.Fatal(err)
	}
	var want []uint64
	for _, seed := range []string{"3", "5"} {
		restore := set("rapid.seed", seed)
		want = append(want, drawn(t, "TestOne")...)
		restore()
	}
	want = append(want, drawn(t, "TestOne")...)
	if !slices.Equal(values, want) {
		t.Errorf("values %v, want %v: those of the seeds 3, 5 and the fixed seed", values, want)
	}
}

func TestARowThatCannotBeReadIsAnErrorWithItsLine(t *testing.T) {
	for name, line := range map[string]string{
		"no seed":      "TestOne",
		"not a number": "TestOne\tseven\tx",
		"zero":         "TestOne\t0\tx",
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "found.tsv")
			write(t, path, "# seeds\n"+line+"\n")
			if _, err := found(path, "TestOne"); err == nil || !strings.Contains(err.Error(), "found.tsv:2: ") {
				t.Errorf("error %v, want one with the line", err)
			}
		})
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
