package service

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/loadgen-go/loadgen/results"
)

// listensLine is what the services of the tests print when they listen.
var listensLine = regexp.MustCompile("^listening on ")

const (
	pprofText = "heap profile: 1: 2 [3: 4] @ heap/1048576\n1: 2 [3: 4] @ 0x1\n\n# runtime.MemStats\n# Alloc = 5\n" +
		"# TotalAlloc = 1000\n# Mallocs = 20\n# PauseNs = [10 20 30 0]\n# NumGC = 3\n# DebugGC = false\n"
	expvarText = `{"cmdline": ["x"], "memstats": {"TotalAlloc": 1000, "Mallocs": 20, "NumGC": 3, "PauseTotalNs": 60}}`
	promText   = "# TYPE go_gc_duration_seconds summary\ngo_gc_duration_seconds{quantile=\"1\"} 3e-08\n" +
		"go_gc_duration_seconds_sum 6e-08\ngo_gc_duration_seconds_count 3\n" +
		"# TYPE go_memstats_alloc_bytes_total counter\ngo_memstats_alloc_bytes_total 1000\n" +
		"# TYPE go_memstats_mallocs_total counter\ngo_memstats_mallocs_total 20\n"
)

func TestTheThreeFormsOfAHeapTellTheSame(t *testing.T) {
	for source, text := range map[string]string{"pprof": pprofText, "expvar": expvarText, "prometheus": promText} {
		h, err := parseHeap([]byte(text))
		if err != nil || h.source != source || h.bytes != 1000 || h.allocs != 20 || h.cycles != 3 {
			t.Errorf("%s: %+v, %v", source, h, err)
		}
		if pause := h.pauseSince(&heap{pause: new(time.Duration)}); pause == nil || *pause != 60 {
			t.Errorf("%s: pauses of %v: want 60ns", source, pause)
		}
	}
}

func TestWhatAQuestionAllocatesIsSubtracted(t *testing.T) {
	for name, row := range map[string]struct{ first, each, load, want uint64 }{
		"a quiet service":           {0, 100, 0, 0},
		"a load":                    {0, 100, 500, 500},
		"a first question for more": {7000, 100, 500, 500},
	} {
		t.Run(name, func(t *testing.T) {
			allocated := row.first
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				allocated += row.each
				fmt.Fprintf(w, `{"memstats": {"TotalAlloc": %d, "Mallocs": %d, "NumGC": 1, "PauseTotalNs": 5}}`,
					10*allocated, allocated)
				if row.first > 0 {
					allocated, row.first = allocated+row.first, 0
				}
			}))
			defer server.Close()
			e := &endpoint{url: server.URL}
			if err := e.begin(t.Context()); err != nil {
				t.Fatal(err)
			}
			allocated += row.load
			var cost results.ServiceCost
			if err := e.end(t.Context(), &cost); err != nil {
				t.Fatal(err)
			}
			if *cost.Allocs != row.want || *cost.Bytes != 10*row.want || *cost.GCCycles != 0 || *cost.GCPause != 0 {
				t.Errorf("%d objects of %d bytes, %d collections of %v: want %d objects", *cost.Allocs, *cost.Bytes,
					*cost.GCCycles, *cost.GCPause, row.want)
			}
			allocated = 0
			if err := e.end(t.Context(), &cost); err == nil || !strings.Contains(err.Error(), "less than before") {
				t.Errorf("%v: want an error for another process", err)
			}
		})
	}
}

func TestPausesOfManyCyclesAreUnknown(t *testing.T) {
	ring := []uint64{50, 60, 30, 40} // of the cycles 5, 6, 3 and 4
	for before, want := range map[uint64]time.Duration{6: 0, 5: 60, 3: 150, 2: 180, 1: -1} {
		after := heap{cycles: 6, pauses: ring}
		got := after.pauseSince(&heap{cycles: before})
		if (got == nil) != (want < 0) || got != nil && *got != want {
			t.Errorf("since cycle %d: %v: want %v", before, got, want)
		}
	}
}

func TestAHeapThatLacksSomethingIsAnError(t *testing.T) {
	for text, want := range map[string]string{
		"": "it has no go_memstats_alloc_bytes_total",
		strings.Replace(pprofText, "# NumGC", "NumGC", 1):  "the heap profile has no NumGC",
		strings.Replace(pprofText, "1000", "-1", 1):        `"# TotalAlloc = -1"`,
		strings.Replace(expvarText, "Mallocs", "Frees", 1): "it has no memstats with TotalAlloc",
		"{":  "no JSON",
		"{}": "it has no memstats",
		strings.Replace(promText, "_total 20", "_total -1", 1): "it has no go_memstats",
		strings.Replace(promText, "_total 20", "_total x", 1):  "it is no heap profile, JSON or text of Prometheus",
	} {
		if h, err := parseHeap([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %+v, %v: want %q", text, h, err, want)
		}
	}
}

func FuzzParseHeap(f *testing.F) {
	for _, text := range []string{pprofText, expvarText, promText, "", "{", "heap profile:\n# PauseNs = [x]"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		h, err := parseHeap(data)
		if err == nil && h.source == "" {
			t.Errorf("%+v has no source", h)
		}
		if pause := h.pauseSince(&heap{}); pause != nil && *pause < 0 && h.pauses == nil {
			t.Errorf("a pause of %v", *pause)
		}
	})
}

func TestSetsOfProcessors(t *testing.T) {
	for text, want := range map[string]string{"0": "0", "3,1-2": "1-3", "0,2-3,2": "0,2-3", " 5\n": "5",
		"1023": "1023"} {
		var c CPUSet
		if err := c.UnmarshalText([]byte(text)); err != nil || c.String() != want {
			t.Errorf("%q: %v, %v: want %s", text, c, err, want)
		}
		if again, err := c.MarshalText(); err != nil || string(again) != want {
			t.Errorf("%q, %v: want %s", again, err, want)
		}
	}
	for _, text := range []string{"", "x", "-1", "2-1", "0,", "1-", "1024", "0-99999", "0-70000"} {
		c := CPUSet{7}
		if err := c.UnmarshalText([]byte(text)); err == nil || c.String() != "7" {
			t.Errorf("%q: %v, %v: want an error", text, c, err)
		}
	}
}

func FuzzCPUSet(f *testing.F) {
	for _, seed := range []string{"0-3,5", "1023", "0-99999999999", ",", "1-"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var c, again CPUSet
		if c.UnmarshalText([]byte(text)) != nil {
			return
		}
		if err := again.UnmarshalText([]byte(c.String())); err != nil || !slices.Equal(c, again) {
			t.Errorf("%v becomes %v, %v", c, again, err)
		}
	})
}

func TestProcessorsAreSplitByCores(t *testing.T) {
	neighbours := func(cpu int) CPUSet { return CPUSet{cpu &^ 1, cpu | 1} }
	halves := func(cpu int) CPUSet { return CPUSet{cpu, (cpu + 4) % 8} }
	unknown := func(int) CPUSet { return nil }
	for name, row := range map[string]struct {
		allowed            string
		siblings           func(int) CPUSet
		service, generator string
	}{
		"two of one core":                {"0-1", neighbours, "1", "0"},
		"two cores":                      {"0-1", unknown, "1", "0"},
		"four, two a core":               {"0-3", neighbours, "2-3", "0-1"},
		"eight, two a core":              {"0-7", neighbours, "2-7", "0-1"},
		"eight, siblings far apart":      {"0-7", halves, "1-3,5-7", "0,4"},
		"sixteen":                        {"0-15", unknown, "4-15", "0-3"},
		"some that are allowed":          {"1,6-7", neighbours, "6-7", "1"},
		"a sibling that is not allowed":  {"0,4-7", neighbours, "4-7", "0"},
		"more than a quarter for a core": {"0-5", neighbours, "2-5", "0-1"},
	} {
		t.Run(name, func(t *testing.T) {
			var allowed CPUSet
			if err := allowed.UnmarshalText([]byte(row.allowed)); err != nil {
				t.Fatal(err)
			}
			service, generator := split(allowed, row.siblings)
			if service.String() != row.service || generator.String() != row.generator {
				t.Errorf("%v and %v: want %s and %s", service, generator, row.service, row.generator)
			}
		})
	}
	if service, generator := (CPUSet{3}).Split(); service != nil || generator != nil {
		t.Errorf("%v and %v of one processor", service, generator)
	}
}

func TestALineOfTheLogMatchesHoweverItIsWritten(t *testing.T) {
	for name, row := range map[string]struct {
		writes []string
		want   bool
	}{
		"at once":               {[]string{"a\nready\nb"}, true},
		"in pieces":             {[]string{"a\nre", "ad", "y\n"}, true},
		"with CRLF":             {[]string{"ready\r\n"}, true},
		"without its end":       {[]string{"ready"}, false},
		"within a line":         {[]string{"not ready\n"}, false},
		"twice":                 {[]string{"ready\n", "ready\nready\n"}, true},
		"after a very long one": {[]string{strings.Repeat("x", 3*logLine), "\nready\n"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := openLog("", regexp.MustCompile("^ready$"))
			if err != nil {
				t.Fatal(err)
			}
			for _, text := range row.writes {
				if n, err := l.Write([]byte(text)); n != len(text) || err != nil {
					t.Errorf("%d, %v", n, err)
				}
			}
			matched := false
			select {
			case <-l.matched:
				matched = true
			default:
			}
			if matched != row.want {
				t.Errorf("%v: want %v", matched, row.want)
			}
		})
	}
}

func TestALogFileKeepsAllOfAnOutputThatIsNotTooLong(t *testing.T) {
	for _, size := range []int{0, 1, logHead, logHead + 1, logHead + logTail, logHead + logTail + 1, 5 * logHead} {
		path := filepath.Join(t.TempDir(), "logs", "x.log")
		l, err := openLog(path, nil)
		if err != nil {
			t.Fatal(err)
		}
		want := make([]byte, size)
		for i := range want {
			want[i] = byte('a' + i%23)
		}
		for piece := range slices.Chunk(want, 100_003) {
			if _, err := l.Write(piece); err != nil {
				t.Fatal(err)
			}
		}
		if err := l.close(); err != nil {
			t.Error(err)
		}
		got, err := os.ReadFile(path)
		if err != nil {
			t.Error(err)
		}
		if size > logHead+logTail {
			head, tail, _ := strings.Cut(string(got), "\n["+"")
			_, tail, _ = strings.Cut(tail, "left out here]\n")
			if head != string(want[:logHead]) || tail != string(want[size-logTail:]) {
				t.Errorf("of %d bytes: %d and %d are kept", size, len(head), len(tail))
			}
		} else if string(got) != string(want) {
			t.Errorf("of %d bytes: %d are kept", size, len(got))
		}
	}
}

func TestALogThatCannotBeWrittenIsAnError(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := openLog(filepath.Join(file, "x.log"), nil); err == nil || !strings.Contains(err.Error(), "log") {
		t.Errorf("%v: want an error", err)
	}
	l, err := openLog(filepath.Join(t.TempDir(), "x.log"), nil)
	if err != nil {
		t.Fatal(err)
	}
	l.file.Close()
	if _, err := l.Write([]byte("x")); err != nil {
		t.Errorf("%v: want the error from close only", err)
	}
	if err := l.close(); err == nil || !strings.Contains(err.Error(), "writing the log of the service") {
		t.Errorf("%v: want an error", err)
	}
}
