package quantiles

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	hdrhistogram "github.com/HdrHistogram/hdrhistogram-go"
)

// encoded returns a histogram of values as a line of a log.
func encoded(t testing.TB, values ...int64) string {
	t.Helper()
	h := hdrhistogram.New(1, int64(time.Hour), 3)
	for _, v := range values {
		if err := h.RecordValue(v); err != nil {
			t.Fatal(err)
		}
	}
	data, err := h.EncodeV2()
	if err != nil {
		t.Fatal(err)
	}
	return "0.1,1.0,2.0," + string(data)
}

func TestALogIsExpandedToTheMiddlesOfItsBucketsInRandomOrder(t *testing.T) {
	log := "#[Histogram log format version 1.3]\n#[StartTime: 1 (seconds since epoch)]\n" +
		`"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"` + "\n" +
		encoded(t, 1, 2, 3, 100_000) + "\n" + encoded(t, 3, 1_000_000) + "\n" + encoded(t)
	want := []time.Duration{1, 2, 3, 3, 99_999, 1_000_191}
	for _, path := range []string{file(t, "x.hlog", log), file(t, "x.log", log), "-"} {
		t.Run(filepath.Base(path), func(t *testing.T) {
			r := &Reader{Stdin: strings.NewReader(log), Seed: 1}
			d, err := r.Read(path)
			if err != nil {
				t.Fatal(err)
			}
			got := d.Make()
			if slices.IsSorted(got) || !slices.Equal(slices.Sorted(slices.Values(got)), want) ||
				!strings.Contains(d.About, "3 histograms, values in ns, middles of buckets") || r.Logs != 1 {
				t.Errorf("%v, %s", got, d.About)
			}
		})
	}
}

// Logs of jHiccup and of NoSQLBench begin with their own comments.
func TestALogIsRecognisedWhateverItsName(t *testing.T) {
	for name, first := range map[string]string{
		"jHiccup": "#[Logged with jHiccup version 2.0.6]\n", "NoSQLBench": "#logging histograms for session x\n",
		"nothing": "",
	} {
		t.Run(name, func(t *testing.T) {
			r := &Reader{Stdin: strings.NewReader(first + encoded(t, 5, 7))}
			if d, err := r.Read("-"); err != nil || d.N != 2 {
				t.Errorf("%v, %v", d, err)
			}
		})
	}
}

// Histograms with different tags hold different quantities, such as service times and numbers of tries.
func TestTagsOfALogAreNotMixed(t *testing.T) {
	tagged := "Tag=servicetime," + encoded(t, 1000, 1001) + "\nTag=tries," + encoded(t, 1) + "\nTag=tries," +
		encoded(t, 2) + "\n"
	both := tagged + encoded(t, 7)
	for name, c := range map[string]struct {
		log, tag string
		want     []time.Duration
		says     string // contained in the description of the data, or in the error
	}{
		"those without a tag": {both, "", []time.Duration{7},
			"1 histogram without a tag (others are tagged servicetime and tries), "},
		"those of one": {both, "tries", []time.Duration{1, 2}, "2 histograms tagged tries, "},
		"tags alone": {tagged, "", nil,
			"all its histograms have tags, and different tags must not be mixed: want --tag with one of " +
				"servicetime and tries"},
		"one that is not there": {both, "try", nil,
			`no histogram has the tag "try": want one of (none), servicetime and tries`},
		"one that is misspelt": {both, "servicetiem", nil,
			`no histogram has the tag "servicetiem" (did you mean servicetime?): want one of (none), `},
		"none is tagged": {encoded(t, 7), "try", nil, `no histogram has the tag "try": want one of (none)`},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := (&Reader{Tag: c.tag}).Read(file(t, "x.hlog", c.log))
			if c.want == nil {
				if err == nil || !strings.Contains(err.Error(), c.says) {
					t.Errorf("%v, want %s", err, c.says)
				}
				return
			}
			if err != nil || !strings.Contains(d.About, c.says) ||
				!slices.Equal(slices.Sorted(slices.Values(d.Make())), c.want) {
				t.Errorf("%v, %v: want %v, %s", d, err, c.want, c.says)
			}
		})
	}
	tags, err := (&Reader{}).Tags(file(t, "x.hlog", both))
	want := Tags{"": {1, 1}, "servicetime": {1, 2}, "tries": {2, 2}}
	if err != nil || !maps.Equal(tags, want) || !strings.Contains(tags.Text(), "tries") {
		t.Errorf("%v, %v: want %v", tags, err, want)
	}
	for name, c := range map[string]struct{ path, want string }{
		"numbers":     {file(t, "x.txt", "1\n2\n"), "not a log of histograms, and only such logs have tags"},
		"a directory": {t.TempDir(), "not a log of histograms"},
		"an empty":    {file(t, "x.hlog", "# x\n"), ":1: no histogram: want a log that holds some"},
		"a broken":    {file(t, "x.hlog", "1,2,3\n"), ":1: 3 fields"},
	} {
		t.Run(name, func(t *testing.T) {
			if tags, err := (&Reader{}).Tags(c.path); err == nil || !strings.Contains(err.Error(), c.path+c.want) &&
				!strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, %v: want %s", tags, err, c.want)
			}
		})
	}
}

func TestValuesOfALogAreInTheUnitThatIsGiven(t *testing.T) {
	// Doubles: 0.0015, three times 0.75, and 12.25, by HdrHistogram for Java.
	const doubles = "0.1,1,1,DHISTwAAAAMAAAAAAA9CQByEkxQAAAAqeJyTaZkszMDAwMUAAcxQmhFE1P///99uA0TguATT1n5Gtr0OTACquAjq"
	for name, c := range map[string]struct {
		log  string
		unit time.Duration
		want []time.Duration
	}{
		"microseconds": {encoded(t, 5, 100_000), time.Microsecond, []time.Duration{5_000, 99_999_000}},
		"doubles": {doubles, time.Second, []time.Duration{1_499_176, 750_243_187, 750_243_187, 750_243_187,
			12_253_905_296}},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := (&Reader{Unit: c.unit}).Read(file(t, "x.hlog", c.log))
			if err != nil || !slices.Equal(slices.Sorted(slices.Values(d.Make())), c.want) {
				t.Errorf("%v, %v", slices.Sorted(slices.Values(d.Make())), err)
			}
		})
	}
	for name, c := range map[string]struct {
		log  string
		unit time.Duration
		want string
	}{
		"doubles of no unit": {doubles, 0, ":1: a histogram of doubles, whose unit is not known: want --unit"},
		"centuries": {encoded(t, int64(time.Hour)), 1e9 * time.Second,
			":1: a value of 3.600256335871e+12 is more than 292 years: want another --unit"},
	} {
		t.Run(name, func(t *testing.T) {
			if d, err := (&Reader{Unit: c.unit}).Read(file(t, "x.hlog", c.log)); err == nil ||
				!strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, %v: want %s", d, err, c.want)
			}
		})
	}
}

func TestALogThatCannotBeReadIsAnErrorWithItsPlace(t *testing.T) {
	good := encoded(t, 5)
	for name, c := range map[string]struct{ text, want string }{
		"three fields":    {good + "\n\n1,2,3", `:3: 3 fields: want [Tag=NAME,]START,LENGTH,MAX,HIST...`},
		"a tag alone":     {"Tag=A", ":1: its tag is empty, or nothing follows it"},
		"no histogram":    {"1,2,3,HISTF", ":1: its histogram cannot be read"},
		"a cut histogram": {good[:len(good)-9], ":1: its histogram cannot be read"},
		"no number":       {"1.2.3,2,3,x", `:1: START is "1.2.3"`},
		"nothing":         {"# nothing", ":1: no values: want a log of histograms"},
		"an empty one":    {encoded(t), ":1: no values"},
	} {
		t.Run(name, func(t *testing.T) {
			path := file(t, "x.hlog", c.text)
			if d, err := (&Reader{}).Read(path); err == nil || !strings.HasPrefix(err.Error(), path+c.want) {
				t.Errorf("%v, want %s; %d values", err, c.want, d.N)
			}
		})
	}
}
