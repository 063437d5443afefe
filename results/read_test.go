package results_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/bench/pace"
	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/quantile"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/scenarios"
)

// Earlier versions wrote the number of effective calls into the trend. The field is ignored now.
func TestFieldsThatAreNotKnownAreIgnored(t *testing.T) {
	w := write(t, results.Complete, visit(t, "sdk", 1))
	data, err := os.ReadFile(w.JSONPath())
	if err != nil {
		t.Fatal(err)
	}
	old := strings.Replace(string(data), `"trend":{`,
		`"trend":{"spearman":0.5,"calls":1000,"effective":333.3,"median_ns":550000,`, 1)
	if old == string(data) {
		t.Fatal("the run has no trend")
	}
	if err := os.WriteFile(w.JSONPath(), []byte(old), 0o600); err != nil {
		t.Fatal(err)
	}
	if run, err := results.Read(w.JSONPath()); err != nil || run.Visits[0].Record.Trend.Windows == 0 {
		t.Errorf("%+v, %v", run, err)
	}
}

// A run may have been written before the dimensions sampling, processors, attributes and metrics existed.
func TestARunWithoutTheNewerArmsStillReads(t *testing.T) {
	w := write(t, results.Complete, visit(t, "sdk", 1))
	data, err := os.ReadFile(w.JSONPath())
	if err != nil {
		t.Fatal(err)
	}
	old := string(data)
	for _, field := range []string{`"sampling":["always"],`, `"processors":["batch"],`, `"attributes":["0"],`,
		`"metrics":["none"],`} {
		if !strings.Contains(old, field) {
			t.Errorf("%s is not in run.json", field)
		}
		old = strings.Replace(old, field, "", 1)
	}
	if err := os.WriteFile(w.JSONPath(), []byte(old), 0o600); err != nil {
		t.Fatal(err)
	}
	run, err := results.Read(w.JSONPath())
	if err != nil || len(run.Visits) != 1 || run.Visits[0].Cell.Arm() != "spans=sdk" {
		t.Errorf("%+v, %v", run, err)
	}
}

func TestJSONComesBackAsItWas(t *testing.T) {
	want := []*results.Visit{visit(t, "sdk", 1), visit(t, "pooled", 1)}
	w := write(t, results.Complete, want...)
	run, err := results.Read(w.JSONPath())
	if err != nil {
		t.Fatal(err)
	}
	if run.Status != results.Complete {
		t.Errorf("status %s", run.Status)
	}
	alike := cmp.Options{
		cmpopts.IgnoreUnexported(scenarios.Scenario{}),
		cmpopts.EquateComparable(bench.Overload{}),
		cmp.Comparer(func(a, b pace.Pace) bool { return a.String() == b.String() }),
	}
	hdr := cmp.Comparer(func(a, b *quantile.HDR) bool {
		x, errX := json.Marshal(a)
		y, errY := json.Marshal(b)
		return errX == nil && errY == nil && bytes.Equal(x, y)
	})
	if diff := cmp.Diff(header(t), run.Header, hdr, alike); diff != "" {
		t.Errorf("header -want +got:\n%s", diff)
	}
	if diff := cmp.Diff(want, run.Visits, hdr, cmpopts.IgnoreFields(record.Record{}, "Kept"), cmpopts.EquateEmpty(),
		cmpopts.EquateComparable(record.Buckets{}, scenarios.Cell{})); diff != "" {
		t.Errorf("visits -want +got:\n%s", diff)
	}
	if fromDir, err := results.Read(filepath.Dir(w.JSONPath())); err != nil || len(fromDir.Visits) != 2 {
		t.Errorf("a directory reads as %v, %v", fromDir, err)
	}
}

// Wherever a run.json is cut off after its header, the visits before the cut are read.
func TestARunThatIsCutOffKeepsItsWholeVisits(t *testing.T) {
	w := write(t, results.Complete, visit(t, "sdk", 1), visit(t, "sdk", 2), visit(t, "pooled", 1))
	whole, err := os.ReadFile(w.JSONPath())
	if err != nil {
		t.Fatal(err)
	}
	header := bytes.IndexByte(whole, '\n')
	lines := bytes.Count(whole, []byte("\n"))
	if lines != 5 {
		t.Fatalf("%d lines", lines)
	}
	path := filepath.Join(t.TempDir(), results.JSONFile)
	random := rand.New(rand.NewPCG(15, 7))
	cuts := []int{header, header + 1, len(whole) - 1, len(whole) - 2, len(whole) - 3}
	for i, c := range whole {
		if c == '\n' && i >= header {
			cuts = append(cuts, max(i-2, header), max(i-1, header), i, i+1, min(i+2, len(whole)-1))
		}
	}
	for range 100 {
		cuts = append(cuts, header+random.IntN(len(whole)-header))
	}
	for _, cut := range cuts {
		for _, zeros := range []int{0, 4096} { // some file systems fill unwritten blocks with zeros
			if err := os.WriteFile(path, append(whole[:cut:cut], make([]byte, zeros)...), 0o600); err != nil {
				t.Fatal(err)
			}
			want := 0
			for end := header; end >= 0 && want < 3; want++ {
				next := bytes.IndexByte(whole[end+1:], '\n')
				if end += 1 + next; bytes.HasSuffix(whole[:end], []byte(",")) {
					end--
				}
				if end > cut {
					break
				}
				if end < len(whole) && whole[end] == ',' {
					end++
				}
			}
			run, err := results.Read(path)
			if err != nil || len(run.Visits) != want || run.Status != results.Partial && cut < len(whole)-1 {
				t.Fatalf("cut off at %d of %d, %d zeros: %v, %+v; want %d visits", cut, len(whole), zeros, err, run,
					want)
			}
		}
	}
	if err := os.WriteFile(path, whole[:header-1], 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := results.Read(path); err == nil || !strings.Contains(err.Error(), path+":1: not JSON") {
		t.Errorf("cut off in the header: %v", err)
	}
}

func TestReadingABrokenRunSaysWhatIsWrongAndWhere(t *testing.T) {
	w := write(t, results.Complete, visit(t, "sdk", 1), visit(t, "pooled", 1))
	whole, err := os.ReadFile(w.JSONPath())
	if err != nil {
		t.Fatal(err)
	}
	replace := func(old, new string) []byte { return bytes.Replace(whole, []byte(old), []byte(new), 1) }
	withoutVisits := `{"schema":2,"scenario":{"qps":["1"],"duration":"1s"},"visits":[%s],"status":"%s"}`
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"JSON that is not valid": {replace(`"round":1`, `"round":`), "run.json:2: not JSON"},
		"an empty file":          {nil, "run.json:1: not JSON"},
		"a later schema": {replace(`"schema":2`, `"schema":3`),
			"has schema 3, which a later loadgen wrote, and this one reads up to 2: install a later one"},
		"benchmark text": {[]byte("goos: linux\n"), "run.json:1: not JSON"},
		"a list":         {[]byte("[]"), "is not a run of loadgen: want the directory of a run, or its run.json"},
		"an unrelated object": {[]byte(`{"name":"x"}`),
			"is not a run of loadgen: want the directory of a run, or its run.json"},
		"an unknown status": {replace(`"status":"complete"`, `"status":"fine"`), `status is "fine"`},
		"a cell that the scenario lacks": {replace(`"cell":{"spans":"sdk"`, `"cell":{"spans":"other"`),
			"visit 1 is of spans=other/qps=1000 in round 1, which the scenario does not have"},
		"two visits of a cell in a round": {replace(`"spans":"pooled","qps"`, `"spans":"sdk","qps"`),
			"visit 2 is the second of spans=sdk/qps=1000 in round 1"},
		"a round that the scenario lacks": {replace(`"round":1`, `"round":7`), "in round 7"},
		"a missing histogram":             {replace(`"service":`, `"mean":`), "visit 1: no histogram of service"},
		"a missing round":                 {replace(`"round":1`, `"circle":1`), "in round 0"},
		"a scenario that is not valid":    {replace(`"rounds":6`, `"rounds":0`), "rounds: 0 is out of range"},
		"counts that do not add up": {replace(`"dropped":0`, `"dropped":7`),
			"visit 1: its counts do not add up"},
		"a count that its histogram contradicts": {bytes.Replace(replace(`"done":990`, `"done":991`),
			[]byte(`"failed":10`), []byte(`"failed":9`), 1), "visit 1: its counts do not add up"},
		"a histogram that cannot be decoded": {replace(`"hdr_v2":"`, `"hdr_v2":"!`), "histogram"},
		"a visit without a record": {fmt.Appendf(nil, withoutVisits, `{"round":1,"cell":{"spans":"none","qps":"1"}}`,
			"complete"), "neither a record nor an error"},
		"a visit that is null":    {fmt.Appendf(nil, withoutVisits, "null", "partial"), "visit 1 is null"},
		"a missing scenario":      {[]byte(`{"schema":2}`), "no scenario"},
		"a value of another type": {replace(`"round":1`, `"round":"x"`), "run.json:2: json: cannot unmarshal string"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "run.json")
			if err := os.WriteFile(path, c.data, 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := results.Read(path); err == nil || !strings.Contains(err.Error(), c.want) ||
				!strings.Contains(err.Error(), "run.json") {
				t.Errorf("error %v, want %q in it", err, c.want)
			}
		})
	}
	if _, err := results.Read(w.BenchPath()); err == nil ||
		!strings.Contains(err.Error(), "run.bench is Go benchmark text: want the run.json beside it") {
		t.Errorf("run.bench: %v", err)
	}
	if _, err := results.Read(filepath.Join(t.TempDir(), "none")); err == nil ||
		!strings.Contains(err.Error(), "want the directory of a run") {
		t.Errorf("a missing file: %v", err)
	}
}
