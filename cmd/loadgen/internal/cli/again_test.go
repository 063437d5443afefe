package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/scenarios"
)

// spoiled writes a run of span-reuse all of whose visits measured the machine.
func spoiled(t *testing.T) string {
	t.Helper()
	s, err := scenarios.Load("span-reuse", scenarios.Setting{Key: "seed", Value: "1"})
	if err != nil {
		t.Fatal(err)
	}
	vary := varied(s)
	return writtenRun(t, s, func(v *results.Visit) {
		vary(v)
		v.Verdict = []record.Reason{{Name: record.NoisyMachine, Detail: "it was busy: close other programs"}}
	})
}

func TestEveryOutputOfAComparisonSaysThatItIsNotValid(t *testing.T) {
	run := spoiled(t)
	for _, format := range []string{"text", "markdown", "html"} {
		t.Run(format, func(t *testing.T) {
			_, stdout, stderr := quickly(t, "compare", run, "--format", format)
			if !strings.Contains(stdout, "NOT VALID: 144 of 144 visits not valid (noisy-machine)") {
				t.Errorf("%s\n%s", stdout[:min(len(stdout), 2000)], stderr)
			}
		})
	}
	_, stdout, _ := quickly(t, "compare", run, "--format", "json")
	var document struct {
		Visits struct {
			Valid    bool
			NotValid int `json:"not_valid"`
		}
	}
	if err := json.Unmarshal([]byte(stdout), &document); err != nil || document.Visits.Valid ||
		document.Visits.NotValid != 144 {
		t.Errorf("%v, %+v", err, document)
	}
}

func TestAComparisonOfNothingIsAnError(t *testing.T) {
	s, err := scenarios.Load("span-reuse", scenarios.Setting{Key: "seed", Value: "1"})
	if err != nil {
		t.Fatal(err)
	}
	run := writtenRun(t, s, func(v *results.Visit) { v.Error = "out of luck" })
	if code, stdout, stderr := quickly(t, "compare", run); code != exitUnusable ||
		!strings.Contains(stderr, "nothing to compare") {
		t.Errorf("exit %d\n%s%s", code, stdout, stderr)
	}
}

func TestARunUnderAnotherNameIsShownAndPlanned(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(spoiled(t), results.JSONFile))
	if err != nil {
		t.Fatal(err)
	}
	path := written(t, "second.json", string(data))
	if code, stdout, stderr := quickly(t, "show", path); code != 0 ||
		!strings.Contains(spaced(stdout), "--all "+path) {
		t.Errorf("exit %d\n%s%s", code, stdout, stderr)
	}
	if code, _, stderr := quickly(t, "plan", path); code != 0 {
		t.Errorf("exit %d\n%s", code, stderr)
	}
}

func TestARunAgainReplaysTheSameFile(t *testing.T) {
	t.Chdir(files(t, map[string]string{"calls.txt": "0.01\n0.02\n"}))
	s, err := scenarios.Decode("x.yaml", []byte("load: replay:calls.txt\n"))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.ReadReplays(); err != nil {
		t.Fatal(err)
	}
	run := &results.Run{Header: results.Header{Inputs: []results.Input{
		{Kind: results.Replay, Name: "calls.txt", SHA256: s.ReplayFiles()[0].SHA256}}}}
	for name, row := range map[string]struct {
		file map[string]string
		want string
	}{
		"the same": {map[string]string{"calls.txt": "0.01\n0.02\n"}, ""},
		"another one": {map[string]string{"calls.txt": "0.01\n0.03\n"},
			"calls.txt is not the file that the run replayed"},
		"none": {nil, "relative to the directory in which the run was made"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(files(t, row.file))
			s, err := scenarios.Decode("x.yaml", []byte("load: replay:calls.txt\n"))
			if err == nil {
				err = sameReplays(s, run)
			}
			if (row.want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), row.want) {
				t.Errorf("error %v, want %q", err, row.want)
			}
		})
	}
}

func TestShowPrintsACapacitySearchAgain(t *testing.T) {
	dir := ended(t)
	if code, stdout, stderr := quickly(t, "show", dir, "--all"); code != 0 || !strings.Contains(stdout, "holds/s") {
		t.Errorf("exit %d\n%s%s", code, stdout, stderr)
	}
	if code, stdout, stderr := quickly(t, "show", dir, "--format", "json"); code != 0 ||
		!strings.Contains(stdout, `"kind": "capacity"`) {
		t.Errorf("exit %d\n%s%s", code, stdout[:min(len(stdout), 500)], stderr)
	}
	if code, _, stderr := quickly(t, "show", dir, "--format", "tsv"); code != exitUnusable ||
		!strings.Contains(stderr, "no tsv") {
		t.Errorf("exit %d\n%s", code, stderr)
	}
}
