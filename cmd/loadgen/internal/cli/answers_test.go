package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// documents are where there is an example of each answer that results/README.md reads with jq.
func documents() map[string]string {
	all := map[string]string{"selftest": "../selftest/testdata/failed.json",
		"selftest-aa": "../selftest/testdata/aa.json",
		"quantiles":   "../quantiles/testdata/report.json", "capacity": measuredCapacity}
	for _, name := range []string{"show", "compare", "plan", "scenarios", "fields", "history", "tags", "capacity-plan",
		"failure"} {
		all[name] = filepath.Join("testdata", name+".json")
	}
	return all
}

// answersPage is the page that describes answers for programs.
func answersPage(t *testing.T) string {
	t.Helper()
	return readPage(t, "results/README.md").text
}

// The page shows what jq makes of the answers.
func TestTheLinesOfJQAreTrue(t *testing.T) {
	lines := regexp.MustCompile(`(?m)^jq '([^']+)' (\S+)\.json +# (.*)$`).FindAllStringSubmatch(answersPage(t), -1)
	jq, err := exec.LookPath("jq")
	if err != nil {
		t.Skip("jq is not installed")
	}
	shown := map[string]bool{"tags": true, "run": true} // a test of package results has the lines of run.json
	for _, l := range lines {
		if shown[l[2]] = true; l[2] == "run" {
			continue
		}
		t.Run(l[2]+" "+l[1], func(t *testing.T) {
			out, err := exec.Command(jq, "-rc", l[1], documents()[l[2]]).CombinedOutput()
			if got := strings.Join(strings.Split(strings.TrimSpace(string(out)), "\n"), " "); err != nil ||
				got != l[3] {
				t.Errorf("%s, %v; the page says %s", got, err, l[3])
			}
		})
	}
	for name := range documents() {
		if !shown[name] {
			t.Errorf("no line of jq reads %s", name)
		}
	}
}

// A reader finds every key in the page: of answers that have no other description, all, and of others those at the
// top.
func TestEveryKeyOfAnAnswerIsDescribed(t *testing.T) {
	page := answersPage(t)
	for name, path := range documents() {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		depth := 10
		if slices.Contains([]string{"quantiles", "capacity", "capacity-plan"}, name) {
			depth = 0
		}
		missing := map[string]bool{}
		undescribed(page, one(t, string(data)), depth, missing)
		for key := range missing {
			t.Errorf("%s: results/README.md does not describe `%s`", name, key)
		}
	}
}

// undescribed collects the keys of x that page does not name, down to a depth. Scenarios, environments and counts have
// descriptions of their own.
func undescribed(page string, x any, depth int, missing map[string]bool) {
	switch x := x.(type) {
	case map[string]any:
		for key, value := range x {
			if !strings.Contains(page, "`"+key+"`") {
				missing[key] = true
			}
			if depth > 0 && !slices.Contains([]string{"scenario", "environment", "counts"}, key) {
				undescribed(page, value, depth-1, missing)
			}
		}
	case []any:
		for _, value := range x {
			undescribed(page, value, depth, missing)
		}
	}
}

// The pipes that the help and the page of answers show do what they say.
func TestPipesOfShowDoWhatTheySay(t *testing.T) {
	_, help, _ := quickly(t, "show", "--help")
	pipes := regexp.MustCompile(`loadgen show \S+ --format json \| jq '([^']+)'`)
	for name, text := range map[string]string{"page": answersPage(t), "help": help} {
		m := pipes.FindStringSubmatch(text)
		if m == nil {
			t.Errorf("the %s shows no pipe into jq", name)
			continue
		}
		if jq, err := exec.LookPath("jq"); err == nil {
			out, err := exec.Command(jq, "-c", m[1], documents()["show"]).CombinedOutput()
			lines := strings.Fields(string(out))
			for i, p99 := range []string{"1035000", "null", "1248000"} {
				if err != nil || len(lines) != 3 || !strings.Contains(lines[i], p99) {
					t.Errorf("%s: %v\n%s\nwant %s in line %d of 3", m[1], err, out, p99, i+1)
				}
			}
		}
	}
	column := regexp.MustCompile(`loadgen show RUN --format tsv \| cut -f 1,(\d+) +# cells and their (\S+)`).
		FindStringSubmatch(answersPage(t))
	rows, err := os.ReadFile("testdata/show.tsv")
	if err != nil || column == nil {
		t.Fatalf("%v, %v", err, column)
	}
	header, _, _ := strings.Cut(string(rows), "\n")
	n, err := strconv.Atoi(column[1])
	if fields := strings.Split(header, "\t"); err != nil || n > len(fields) || fields[n-1] != column[2] {
		t.Errorf("column %d is not %s: %s", n, column[2], header)
	}
}
