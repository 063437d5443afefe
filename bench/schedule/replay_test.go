package schedule_test

import (
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/loadgen-go/loadgen/bench/schedule"
)

func replay(t testing.TB, r schedule.ReplaySpec, lines ...string) *schedule.Replay {
	t.Helper()
	p, err := r.Read(strings.NewReader(strings.Join(lines, "\n")))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestInstantsOfARecordingAreReadInEveryForm(t *testing.T) {
	const ms = time.Millisecond
	for name, c := range map[string]struct {
		lines []string
		want  []time.Duration
	}{
		"seconds": {[]string{"# seconds", "0", "", "  0.5 ", "1e0", "1.000000001"},
			[]time.Duration{0, 500 * ms, 1000 * ms, 1000*ms + 1}},
		"durations":    {[]string{"100ms", "150ms", "1.5s"}, []time.Duration{0, 50 * ms, 1400 * ms}},
		"both":         {[]string{"1", "1500ms"}, []time.Duration{0, 500 * ms}},
		"below 0":      {[]string{"-1.5", "-0.0000000001", "0"}, []time.Duration{0, 1500*ms - 1, 1500 * ms}},
		"epoch":        {[]string{"1700000000.123456789", "1700000000.123456790"}, []time.Duration{0, 1}},
		"milliseconds": {[]string{"1700000000000", "1700000000123.5"}, []time.Duration{0, 123500 * time.Microsecond}},
		"microseconds": {[]string{"1700000000000000", "1700000000000001"}, []time.Duration{0, time.Microsecond}},
		"nanoseconds":  {[]string{"1700000000000000000", "1.700000000000000001e18"}, []time.Duration{0, 1}},
		"dates": {[]string{"2024-02-29T23:59:59.999999999Z", "2024-03-01T01:00:00+01:00"},
			[]time.Duration{0, 1}},
		"JSON": {[]string{`{"time":"2024-02-29T12:00:00Z"}`, ` {"ts":"2024-02-29T12:00:01Z","time":null}`,
			`{"timestamp":"2024-02-29T12:00:02Z"}`,
			`{"@timestamp":"2024-02-29T12:00:03Z","other":{"t":[1]}}`, `{"t":"2024-02-29T12:00:04Z"}`},
			[]time.Duration{0, 1000 * ms, 2000 * ms, 3000 * ms, 4000 * ms}},
		"JSON numbers": {[]string{`{"ts":1700000000.25}`, `{"ts":1700000000500}`, `{"t":1700000000750000}`,
			`{"t":1700000001000000000}`, `{"t":"1700000001.25"}`},
			[]time.Duration{0, 250 * ms, 500 * ms, 750 * ms, 1000 * ms}},
		"fields that say the same": {[]string{`{"t":1.5,"ts":"1500ms","time":1.50}`,
			`{"t":3.5,"ts":3500000000e-9}`, `{"time":"2","t":2}`}, []time.Duration{0, 500 * ms, 2000 * ms}},
		"with a mark of UTF-8": {[]string{"\ufeff1", "2"}, []time.Duration{0, 1000 * ms}},
		"with returns":         {[]string{"1\r", "2\r"}, []time.Duration{0, 1000 * ms}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := instants(replay(t, schedule.ReplaySpec{}, c.lines...), 0); !slices.Equal(got, c.want) {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
}

// A response time has been taken for the instant.
func TestTheFieldOfTheInstantCanBeNamed(t *testing.T) {
	lines := []string{`{"ts":1700000000,"time":0.005,"when":"1s"}`, `{"ts":1700000001,"time":0.120,"when":"5s"}`}
	for field, want := range map[string]time.Duration{"ts": time.Second, "time": 115 * time.Millisecond,
		"when": 4 * time.Second} {
		t.Run(field, func(t *testing.T) {
			r := load(t, "replay:access.jsonl(time="+field+")").Replay
			if again := load(t, r.String()).Replay; again != r || r.Time != field {
				t.Errorf("%+v is printed as %s, and read as %+v", r, r, again)
			}
			if got := instants(replay(t, r, lines...), 0); !slices.Equal(got, []time.Duration{0, want}) {
				t.Errorf("%v, want 0 and %v", got, want)
			}
		})
	}
	for text, want := range map[string]string{
		`{"ts":1700000000,"time":0.005}`: "x:1: time is 0.005 and ts is 1700000000: want only one of them, or the " +
			"name of the right one, as in replay:access.jsonl(time=ts)",
		`{"t":1,"ts":"soon"}`: `x:1: ts is soon and t is 1: want only one of them`,
	} {
		t.Run(text, func(t *testing.T) {
			if _, err := (schedule.ReplaySpec{Path: "x"}).Read(strings.NewReader(text)); err == nil ||
				!strings.Contains(err.Error(), want) {
				t.Errorf("%v, want %q in it", err, want)
			}
		})
	}
	if _, err := (schedule.ReplaySpec{Path: "x", Time: "when"}).Read(strings.NewReader(`{"t":1}`)); err == nil ||
		!strings.Contains(err.Error(), "x:1: no field when: want the instant in it") {
		t.Errorf("a line without the field: %v", err)
	}
}

// What one visit reads is gone for the next.
func TestWhatCannotBeReadAgainIsNotReplayed(t *testing.T) {
	for _, path := range []string{os.DevNull, t.TempDir()} {
		t.Run(path, func(t *testing.T) {
			if _, err := (schedule.ReplaySpec{Path: path}).Open(); err == nil ||
				!strings.Contains(err.Error(), path+" is not a regular file") {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestAReplayIsSortedScaledAndCut(t *testing.T) {
	lines := []string{"3", "1", "2", "2", "4.5", "4"}
	const s = time.Second
	for name, c := range map[string]struct {
		spec     schedule.ReplaySpec
		want     []time.Duration
		duration time.Duration
	}{
		"unchanged": {schedule.ReplaySpec{}, []time.Duration{0, s, s, 2 * s, 3 * s, 3500 * time.Millisecond},
			4200 * time.Millisecond},
		"speed 1": {schedule.ReplaySpec{Speed: 1}, []time.Duration{0, s, s, 2 * s, 3 * s, 3500 * time.Millisecond},
			4200 * time.Millisecond},
		"twice as fast": {schedule.ReplaySpec{Speed: 2},
			[]time.Duration{0, s / 2, s / 2, s, 3 * s / 2, 1750 * time.Millisecond},
			2100 * time.Millisecond},
		"half as fast": {schedule.ReplaySpec{Speed: 0.5},
			[]time.Duration{0, 2 * s, 2 * s, 4 * s, 6 * s, 7 * s}, 8400 * time.Millisecond},
		"cut at an instant":    {schedule.ReplaySpec{Cut: 2 * s}, []time.Duration{0, s, s}, 2 * s},
		"cut after an instant": {schedule.ReplaySpec{Cut: 2*s + 1}, []time.Duration{0, s, s, 2 * s}, 2*s + 1},
		"cut after scaling":    {schedule.ReplaySpec{Cut: s, Speed: 2}, []time.Duration{0, s / 2, s / 2}, s},
		"cut after the end": {schedule.ReplaySpec{Cut: time.Hour},
			[]time.Duration{0, s, s, 2 * s, 3 * s, 3500 * time.Millisecond},
			4200 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			r := replay(t, c.spec, lines...)
			if got := instants(r, 0); !slices.Equal(got, c.want) || r.Duration() != c.duration ||
				r.Calls() != uint64(len(c.want)) || r.OutOfOrder() != 4 || r.HasKeys() {
				t.Errorf("%+v: %v in %v, %d out of order, want %v in %v", c.spec, got, r.Duration(), r.OutOfOrder(),
					c.want, c.duration)
			}
			for n := range len(c.want) + 2 {
				if got := instants(r, uint64(n)); !slices.Equal(got, c.want[min(n, len(c.want)):]) {
					t.Errorf("%+v from %d: %v", c.spec, n, got)
				}
			}
		})
	}
	if r := replay(t, schedule.ReplaySpec{}, "5"); r.Duration() != s || r.Calls() != 1 {
		t.Errorf("a single call lasts %v", r.Duration())
	}
	if r := replay(t, schedule.ReplaySpec{}, "5", "5", "5"); r.Duration() != 1 || r.Calls() != 3 {
		t.Errorf("calls at once last %v", r.Duration())
	}
}

func TestKeysStayWithTheirInstants(t *testing.T) {
	r := replay(t, schedule.ReplaySpec{},
		`{"t":3,"name":"c"}`, `{"t":1,"path":"/a","name":"x"}`, `{"t":2,"route":"/b/{id}"}`,
		`{"t":1,"uri":"/second"}`, `{"t":4,"key":"k","path":"/x"}`, `{"t":5}`, `{"t":6,"key":null,"name":7}`, "7")
	want := []string{"/a", "/second", "/b/{id}", "c", "k", "", "7", ""}
	for n, key := range want {
		if got := r.Key(uint64(n)); got != key {
			t.Errorf("call %d asks for %q, want %q", n, got, key)
		}
	}
	if r.Key(8) != "" || r.Key(math.MaxUint64) != "" || !r.HasKeys() || r.OutOfOrder() != 3 {
		t.Errorf("keys after the end, or %d out of order", r.OutOfOrder())
	}
}

func TestAWrongRecordingIsRefusedWithTheLine(t *testing.T) {
	const name = "dir/access.jsonl"
	for text, want := range map[string]string{
		"":              name + ": no instants: want at least one",
		"# nothing\n\n": name + ": no instants",
		"1\nyesterday": name + `:2: "yesterday" is not an instant: want a number of seconds, a duration such as ` +
			`1.5ms, or a date as in RFC 3339`,
		"1\n\n2 3":    name + `:3: "2 3" is not an instant`,
		"NaN":         name + `:1: "NaN" is not an instant`,
		"0x10":        name + `:1: "0x10" is not an instant`,
		"1e999":       name + `:1: "1e999" is not an instant`,
		"1e99":        name + `:1: 1e99 is too far away: want an instant within 292 years`,
		"10000000000": name + `:1: 10000000000 is too far away`,
		"1500-01-01T00:00:00Z": name +
			":1: 1500-01-01T00:00:00Z is too far away: want a year from 1678 to 2261",
		"1\n2024-02-29T12:00:00Z": name + `:2: "2024-02-29T12:00:00Z" among instants of another kind: ` +
			`want dates only`,
		"-9000000000\n9000000000":          name + ": instants are more than 292 years apart",
		`{"time":"soon"}`:                  name + `:1: "soon" is not an instant`,
		`{"when":1}`:                       name + ":1: no instant: want one in time, ts, timestamp, @timestamp or t",
		`{"time":""}`:                      name + ":1: no instant",
		`{"time":{"s":1}}`:                 name + `:1: {"s":1} is neither text nor a number: want one of these`,
		`{"time":1,"key":["a"]}`:           name + `:1: ["a"] is neither text nor a number`,
		`{"time":true}`:                    name + `:1: true is neither text nor a number`,
		`{"time":1`:                        name + ":1: not a JSON object: ",
		`{"time":1} x`:                     name + ":1: not a JSON object: ",
		"1\n" + strings.Repeat("9", 1<<20): name + ":2: longer than 1 MiB: want one call per line",
		"2024-02-29T12:00:00Z\n2024-02-30T12:00:00Z\n": name + `:2: "2024-02-30T12:00:00Z" is not an instant`,
	} {
		t.Run(want, func(t *testing.T) {
			if r, err := (schedule.ReplaySpec{Path: name}).Read(strings.NewReader(text)); err == nil ||
				!strings.Contains(err.Error(), want) || r != nil {
				t.Errorf("%.60q: %v, want %q in it", text, err, want)
			}
		})
	}
	for want, r := range map[string]schedule.ReplaySpec{
		"speed is -1: want a speed from 1e-06 to 1e+06": {Speed: -1},
		"speed is NaN":                             {Speed: math.NaN()},
		"speed is 1e+07":                           {Speed: 1e7},
		"cut is -1s: want a time above 0":          {Cut: -time.Second},
		"takes more than 292 years at speed 1e-06": {Speed: 1e-6},
	} {
		t.Run(want, func(t *testing.T) {
			if _, err := r.Read(strings.NewReader("0\n1000000000")); err == nil || !strings.Contains(err.Error(),
				want) {
				t.Errorf("%+v: %v, want %q in it", r, err, want)
			}
		})
	}
	broken := errors.New("the disk is gone")
	if _, err := (schedule.ReplaySpec{Path: name}).Read(io.MultiReader(strings.NewReader("1\n2\n"),
		failing{broken})); !errors.Is(err, broken) {
		t.Errorf("a disk that fails is %v", err)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestALoadReplaysItsFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "some calls.jsonl")
	if err := os.WriteFile(path, []byte("{\"t\":1,\"key\":\"a\"}\n{\"t\":3,\"key\":\"b\"}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	l := load(t, schedule.ReplaySpec{Path: path, Speed: 2, Cut: time.Minute}.String())
	a, err := l.Arrivals(1)
	if err != nil {
		t.Fatal(err)
	}
	keys, ok := a.(schedule.Keys)
	if got := instants(a, 0); !slices.Equal(got, []time.Duration{0, time.Second}) || !ok || keys.Key(1) != "b" ||
		l.Least() != 0 {
		t.Errorf("%v is due at %v, and has keys: %v", l, got, ok)
	}
	if _, err := load(t, "replay:nosuchfile").Arrivals(1); !errors.Is(err, os.ErrNotExist) ||
		!strings.Contains(err.Error(), "nosuchfile") {
		t.Errorf("a file that is not there is %v", err)
	}
}

func FuzzReplay(f *testing.F) {
	for _, text := range []string{"1\n2.5\n", "1ms\n3ms", "2024-02-29T12:00:00Z",
		`{"ts":1700000000123,"key":"a"}` + "\n" + `{"time":"2024-02-29T12:00:00Z"}`, "# x\n\n-1"} {
		f.Add(text, 1.0, int64(0))
		f.Add(text, 2.5, int64(time.Second))
	}
	f.Fuzz(func(t *testing.T, text string, speed float64, cut int64) {
		r, err := schedule.ReplaySpec{Path: "fuzz", Speed: speed,
			Cut: time.Duration(cut)}.Read(strings.NewReader(text))
		if err != nil {
			if !strings.Contains(err.Error(), "fuzz") {
				t.Errorf("%v does not name the file", err)
			}
			return
		}
		all := instants(r, 0)
		if uint64(len(all)) != r.Calls() || len(all) == 0 || all[0] != 0 || !slices.IsSorted(all) ||
			all[len(all)-1] >= r.Duration() {
			t.Errorf("%d instants from %v to %v, of %v", len(all), all[0], all[len(all)-1], r.Duration())
		}
		for n := range r.Calls() {
			_ = r.Key(n) // does not panic
		}
	})
}
