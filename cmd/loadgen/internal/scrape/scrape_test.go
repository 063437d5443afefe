package scrape

import (
	"encoding/json"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const exposed = `# HELP rpc_seconds Duration of requests.
# TYPE rpc_seconds histogram
rpc_seconds_bucket{handler="a",le="0.0000015"} 1
rpc_seconds_bucket{handler="a",le="0.25"} 3
rpc_seconds_bucket{handler="a",le="+Inf"} 4
rpc_seconds_sum{handler="a"} 1
rpc_seconds_count{handler="a"} 4
rpc_seconds_bucket{handler="b",le="0.0000015"} 10
rpc_seconds_bucket{handler="b",le="0.25"} 30
rpc_seconds_bucket{handler="b",le="+Inf"} 30
rpc_seconds_sum{handler="b"} 1
rpc_seconds_count{handler="b"} 30
rpc_seconds_bucket{handler="c",le="1"} 1
rpc_seconds_bucket{handler="c",le="+Inf"} 1
rpc_seconds_sum{handler="c"} 1
rpc_seconds_count{handler="c"} 1
# TYPE calls_total counter
calls_total 7
# TYPE empty_seconds histogram
empty_seconds_bucket{le="1"} 0
empty_seconds_bucket{le="+Inf"} 0
empty_seconds_sum 0
empty_seconds_count 0
`

func source(t testing.TB, metric string, labels map[string]string) *Source {
	t.Helper()
	s, err := NewSource(metric, labels, 0)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestTheHistogramsOfChosenSeriesAreSummedUp(t *testing.T) {
	file := filepath.Join(t.TempDir(), "metrics.txt")
	if err := os.WriteFile(file, []byte(exposed), 0o600); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/metrics" {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write([]byte(exposed))
	}))
	defer server.Close()
	one := []Bucket{{0, 1500, 10}, {1500, 25e7, 20}, {25e7, math.Inf(1), 0}}
	for _, place := range []string{file, server.URL + "/metrics", "-"} {
		h, err := source(t, "rpc_seconds_bucket", map[string]string{"handler": "b"}).
			Read(t.Context(), place, strings.NewReader(exposed))
		if err != nil {
			t.Fatal(err)
		}
		want := &Histogram{Metric: "rpc_seconds", From: place, Series: 1, Buckets: one}
		if diff := cmp.Diff(want, h); diff != "" || h.Count() != 30 {
			t.Errorf("%s: (-want +got)\n%s", place, diff)
		}
	}
	both := strings.ReplaceAll(exposed, `handler="c"`, `handler="c",other="x"`)
	both = both[:strings.Index(both, "rpc_seconds_bucket{handler=\"c\"")]
	h, err := source(t, "rpc_seconds", nil).Parse(strings.NewReader(both))
	if err != nil || h.Series != 2 || h.Count() != 34 || h.Buckets[1].Count != 22 {
		t.Errorf("%+v, %v", h, err)
	}
	_, err = source(t, "rpc_seconds", nil).Read(t.Context(), server.URL+"/none", nil)
	if err == nil || !strings.Contains(err.Error(), "answered 404 Not Found: want metrics") {
		t.Error(err)
	}
}

func TestWhatIsWrongWithAScrapeIsSaid(t *testing.T) {
	for _, c := range []struct {
		name, metric, text, want string
		labels                   map[string]string
	}{
		{"nothing", "rpc_seconds", "# a comment\n", "there are no metrics: want the text format of Prometheus", nil},
		{"another name", "rcp_seconds", exposed,
			"no metric rcp_seconds (did you mean rpc_seconds?): want one of empty_seconds, rpc_seconds", nil},
		{"a counter", "calls_total_seconds", strings.ReplaceAll(exposed, "calls_total", "calls_total_seconds"),
			"calls_total_seconds is a counter: want a histogram", nil},
		{"no such series", "rpc_seconds", exposed, `none of its 3 series has the labels {handler="d"}`,
			map[string]string{"handler": "d"}},
		{"different bounds", "rpc_seconds", exposed, "its series have different bounds: want --label", nil},
		{"nothing counted", "empty_seconds", exposed, "empty_seconds has counted nothing yet", nil},
		{"counts decrease", "a_seconds", "# TYPE a_seconds histogram\na_seconds_bucket{le=\"1\"} 5\n" +
			"a_seconds_bucket{le=\"+Inf\"} 4\n", "the count up to +Inf is 4, and 5 before it", nil},
		{"a negative bound", "a_seconds", "# TYPE a_seconds histogram\na_seconds_bucket{le=\"-1\"} 5\n" +
			"a_seconds_bucket{le=\"+Inf\"} 5\n", "the bound -1 is negative: want latencies", nil},
		{"no bounds", "a_seconds", "# TYPE a_seconds histogram\na_seconds_count 5\n", "it has no bounds", nil},
		{"another format", "a_seconds", "{}\n", "text format parsing error in line 1", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := source(t, c.metric, c.labels).Parse(strings.NewReader(c.text))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

func TestTheUnitIsInTheNameOrGiven(t *testing.T) {
	for _, c := range []struct {
		metric string
		unit   time.Duration
		want   time.Duration // 0: an error
	}{
		{"rpc_seconds", 0, time.Second},
		{"rpc_milliseconds", 0, time.Millisecond},
		{"rpc_milliseconds_bucket", 0, time.Millisecond},
		{"rpc_seconds", time.Microsecond, time.Microsecond},
		{"rpc", time.Microsecond, time.Microsecond},
		{"rpc", 0, 0},
		{"rpc seconds", time.Second, 0},
	} {
		s, err := NewSource(c.metric, nil, c.unit)
		if (err == nil) != (c.want > 0) || err == nil && s.Unit != c.want {
			t.Errorf("%s in %v: %+v, %v", c.metric, c.unit, s, err)
		}
	}
}

// serving returns the URL of a server that answers queries as Prometheus does.
func serving(t *testing.T, answers map[string]string) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		result, ok := answers[r.URL.Query().Get("query")]
		if !ok || r.URL.Path != "/prometheus/api/v1/query" {
			result = "[]"
		}
		if !strings.HasPrefix(result, "[") {
			w.WriteHeader(http.StatusBadRequest)
			_ = json.NewEncoder(w).Encode(map[string]string{"status": "error", "error": result})
			return
		}
		_, _ = w.Write([]byte(`{"status":"success","data":{"resultType":"vector","result":` + result + `}}`))
	}))
	t.Cleanup(server.Close)
	return server.URL + "/prometheus/"
}

func TestAServerIsAskedForClassicAndNativeHistograms(t *testing.T) {
	at := serving(t, map[string]string{
		`sum by (le) (rpc_seconds_bucket{handler="\"a"})`: `[{"metric":{"le":"+Inf"},"value":[1,"7"]},` +
			`{"metric":{"le":"0.5"},"value":[1,"5"]}]`,
		"sum by (le) (increase(rpc_seconds_bucket[60000ms]))": `[{"metric":{"le":"0.5"},"value":[1,"5.5"]},` +
			`{"metric":{"le":"+Inf"},"value":[1,"5.4999999999999"]}]`,
		"sum(native_seconds)": `[{"metric":{},"histogram":[1,{"count":"3","sum":"1","buckets":` +
			`[[3,"-1e-128","1e-128","1"],[0,"0.5","1","2"]]}]}]`,
		"sum by (le) (broken_seconds_bucket)": "parse error",
		"sum(summary_seconds)":                `[{"metric":{},"value":[1,"7"]}]`,
	})
	for _, c := range []struct {
		name, metric string
		labels       map[string]string
		since        time.Duration
		want         []Bucket
		err          string
	}{
		{"classic", "rpc_seconds", map[string]string{"handler": `"a`}, 0,
			[]Bucket{{0, 5e8, 5}, {5e8, math.Inf(1), 2}}, ""},
		{"since", "rpc_seconds", nil, time.Minute, []Bucket{{0, 5e8, 5.5}, {5e8, math.Inf(1), 0}}, ""},
		{"native", "native_seconds", nil, 0, []Bucket{{0, 1e-119, 1}, {5e8, 1e9, 2}}, ""},
		{"none", "other_seconds", nil, 0, nil, "no histogram other_seconds: want the name of one"},
		{"none of late", "other_seconds", nil, time.Second, nil,
			"no histogram other_seconds scraped twice in the last 1s"},
		{"a summary", "summary_seconds", nil, 0, nil, "it has no buckets: want the name of a histogram"},
		{"an error", "broken_seconds", nil, 0, nil, "it answered 400 Bad Request: parse error"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h, err := source(t, c.metric, c.labels).Query(t.Context(), at, c.since)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Errorf("%v, want %q", err, c.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, h.Buckets); diff != "" || h.From != at {
				t.Errorf("%+v (-want +got)\n%s", h, diff)
			}
		})
	}
	for place, want := range map[string]string{"localhost:9090": "is no URL: want one such as http://",
		"http://127.0.0.1:1": "connection refused: want the URL of a server that answers"} {
		if _, err := source(t, "rpc_seconds", nil).Query(t.Context(), place, 0); err == nil ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", place, err)
		}
	}
}

// checkHistogram checks what holds for every histogram that was read without an error.
func checkHistogram(t *testing.T, h *Histogram) {
	t.Helper()
	last := math.Inf(-1)
	for _, b := range h.Buckets {
		if !(b.High > b.Low) && !(b.High == 0) || !(b.High > last) || !(b.Count >= 0) || !(b.Low >= 0) {
			t.Fatalf("%+v", h.Buckets)
		}
		last = b.High
	}
	if !(h.Count() > 0) {
		t.Fatalf("nothing is counted: %+v", h)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(exposed)
	f.Add("# TYPE rpc_seconds histogram\nrpc_seconds_bucket{le=\"NaN\"} 1\nrpc_seconds_bucket{le=\"0\"} NaN\n")
	f.Fuzz(func(t *testing.T, text string) {
		if h, err := source(t, "rpc_seconds", nil).Parse(strings.NewReader(text)); err == nil {
			checkHistogram(t, h)
		}
	})
}

func FuzzAnswer(f *testing.F) {
	f.Add(`{"status":"success","data":{"resultType":"vector","result":[{"metric":{"le":"+Inf"},"value":[1,"7"]}]}}`)
	f.Add(`{"status":"success","data":{"resultType":"vector","result":[{"histogram":[1,{"count":"3","sum":"1",` +
		`"buckets":[[0,"0.5","1","2"]]}]}]}}`)
	f.Fuzz(func(t *testing.T, text string) {
		vector, err := parseAnswer([]byte(text))
		if err != nil || len(vector) == 0 {
			return
		}
		if h, err := source(t, "rpc_seconds", nil).answer(vector); err == nil {
			checkHistogram(t, h)
		}
	})
}
