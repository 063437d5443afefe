package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/fleet"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/golden"
)

// capacityPlan runs the command below loadgen capacity.
func capacityPlan(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	root := &cobra.Command{Use: "loadgen", SilenceErrors: true, SilenceUsage: true}
	addScreen(root)
	parent := &cobra.Command{Use: "capacity"}
	root.AddCommand(parent)
	parent.AddCommand(newCapacityPlan())
	var out, errs bytes.Buffer
	root.SetOut(&out)
	root.SetErr(&errs)
	root.SetArgs(append([]string{"capacity", "plan"}, args...))
	if len(args) > 0 && args[0] == cobra.ShellCompRequestCmd {
		root.SetArgs(args)
	}
	err := root.Execute()
	var exit *exitError
	switch {
	case err == nil:
		return exitOK, out.String(), errs.String()
	case errors.As(err, &exit):
		return exit.code, out.String(), errs.String() + exit.err.Error()
	}
	return exitUnusable, out.String(), errs.String() + err.Error()
}

const measuredCapacity = "testdata/capacity-plan/capacity.json"

func TestHelpOfCapacityPlan(t *testing.T) {
	code, got, stderr := capacityPlan(t, "--help")
	if code != 0 {
		t.Fatalf("exit %d\n%s", code, stderr)
	}
	golden.Check(t, "help-capacity-plan.txt", got)
}

func TestCapacityPlanIsPrinted(t *testing.T) {
	for file, args := range map[string]string{"capacity-plan.txt": "", "capacity-plan-120.txt": "",
		"capacity-plan-all.txt": "--all", "capacity-plan-quiet.txt": "-q",
		"capacity-plan-colour.txt": "--color always", "capacity-plan.md": "--format markdown"} {
		t.Run(file, func(t *testing.T) {
			if strings.Contains(file, "120") {
				t.Setenv("COLUMNS", "120")
			}
			code, got, stderr := capacityPlan(t, append(strings.Fields(args), "--peak", "250000", "--headroom", "30%",
				"--failures", "1", measuredCapacity)...)
			if code != 0 || stderr != "" {
				t.Fatalf("exit %d\n%s", code, stderr)
			}
			golden.Check(t, file, got)
		})
	}
}

func TestCapacityPlanIsOf80Columns(t *testing.T) {
	for _, args := range [][]string{{measuredCapacity}, {measuredCapacity, "--all"},
		{"--capacity", "40600..41900", "--failures", "1000"},
		{"--capacity", "3"}} {
		code, got, stderr := capacityPlan(t, append([]string{"--peak", "250k"}, args...)...)
		if code != 0 {
			t.Fatalf("exit %d\n%s", code, stderr)
		}
		for line := range strings.Lines(got) {
			line = strings.TrimSuffix(line, "\n")
			command := strings.HasPrefix(line, "  loadgen ") // which is never broken
			if n := len([]rune(line)); n > 80 && !command || strings.TrimRight(line, " ") != line {
				t.Errorf("%v: %d columns in %q", args, n, line)
			}
		}
	}
}

func TestCapacityPlanReadsTheDirectoryOfASearch(t *testing.T) {
	_, want, _ := capacityPlan(t, "--peak", "250k", measuredCapacity)
	code, got, stderr := capacityPlan(t, "--peak", "250k", filepath.Dir(measuredCapacity))
	if code != 0 || got != want {
		t.Errorf("exit %d\n%s\n%s", code, stderr, got)
	}
}

func TestCapacityPlanInJSONIsThatOfTheText(t *testing.T) {
	code, got, stderr := capacityPlan(t, "--peak", "250k", "--format", "json", measuredCapacity)
	if code != 0 {
		t.Fatalf("exit %d\n%s", code, stderr)
	}
	var p struct {
		Schema   int
		Peak     float64 `json:"peak_qps"`
		Headroom float64
		Failures int
		Arms     []struct {
			Arm       string
			Instances int
			Told      float64
			Caveats   []string
			WhatIf    []struct {
				Headroom            float64
				Failures, Instances int
			} `json:"what_if"`
		}
	}
	if err := json.Unmarshal([]byte(got), &p); err != nil {
		t.Fatal(err)
	}
	if p.Schema != 2 || p.Peak != 250000 || p.Headroom != 0.3 || p.Failures != 1 || len(p.Arms) != 4 {
		t.Fatalf("%+v", p)
	}
	if a := p.Arms[0]; a.Arm != "spans=none" || a.Instances != 10 || a.Told != 40600 || a.Caveats != nil ||
		len(a.WhatIf) != 18 {
		t.Errorf("%+v", a)
	}
	if a := p.Arms[1]; a.Arm != "spans=sdk" || a.Instances != 13 || a.Told != 32100 || a.Caveats != nil {
		t.Errorf("%+v", a)
	}
}

func TestCapacityPlanIsAPage(t *testing.T) {
	code, got, stderr := capacityPlan(t, "--peak", "250k", "--format", "html", measuredCapacity)
	if code != 0 || !strings.HasPrefix(got, "<!DOCTYPE html>") || !strings.HasSuffix(got, "</html>\n") {
		t.Errorf("exit %d\n%s\n%.300s", code, stderr, got)
	}
}

func TestCapacityPlanIsWrittenToAFileWhoseNameIsPrinted(t *testing.T) {
	for _, format := range []string{"text", "html"} {
		_, want, _ := capacityPlan(t, "--peak", "250k", "--format", format, measuredCapacity, "-o", "-")
		path := filepath.Join(t.TempDir(), "plan")
		if err := os.WriteFile(path, []byte("what was there"), 0o600); err != nil {
			t.Fatal(err)
		}
		code, stdout, stderr := capacityPlan(t, "--peak", "250k", "--format", format, measuredCapacity, "-o", path)
		if code != 0 || stdout != path+"\n" {
			t.Errorf("exit %d\n%s\n%s", code, stderr, stdout)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != want {
			t.Errorf("%s: %v: the file is not what is printed", format, err)
		}
	}
}

func TestCapacityPlanRefusesBadInput(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, c := range []struct {
		args string
		want []string
	}{
		{"", []string{"--peak is missing", "there is no capacity to plan with: want RESULT"}},
		{"--peak 1k --headroom 30 --failures 1.5 --capacity 5",
			[]string{`--headroom: "30" is not valid: want 0% to 95%, such as 30% or 0.3`,
				`--failures: "1.5" is not valid: want a whole number, 0 to 1000`}},
		{"--peak fast --headroom much --failures -1 --format pdf --capacity x",
			[]string{`--peak: `, `"fast"`, `--headroom: "much" is not valid: want 0% to 95%`,
				`--failures: "-1" is not valid: want a whole number`,
				`--format: "pdf" is unknown: want one of text, markdown, json, html`, "--capacity: ", `"x"`}},
		{"--peak 0 --headroom 96% --capacity 5..4", []string{"--peak: ",
			`--headroom: "96%" is not valid: want 0% to 95%`, "--capacity: 5 is above 4: want LOW..HIGH"}},
		{"--peak 1k --capacity 0", []string{"--capacity: "}},
		{"--peak 1k --capacity 1..", []string{"--capacity: "}},
		{"--peak 1k --capacity 5 " + measuredCapacity,
			[]string{"--capacity: 5 and " + measuredCapacity + " are two capacities"}},
		{"--peak 1e9 --capacity 0.001", []string{"as given needs more than 1,000,000 instances"}},
		{"--peak 1k " + filepath.Join(dir, "none.json"), []string{"none.json: no such file"}},
		{"--peak 1k " + write("cut.json", "{\n\"schema\": 1,\n"),
			[]string{"cut.json", "is not what loadgen capacity writes"}},
		{"--peak 1k " + write("line.json", "{\n\"schema\": 1,\n!}"),
			[]string{"line.json:3 is not what loadgen capacity writes"}},
		{"--peak 1k " + write("kind.json", "{\n\"schema\": \"x\"}"),
			[]string{"kind.json:2 is not what loadgen capacity writes"}},
		{"--peak 1k " + write("schema.json", `{"schema":3}`), []string{"has schema 3: want 2"}},
		{"--peak 1k " + write("empty.json", `{"schema":2}`), []string{"no arm has a capacity"}},
		{"--peak 1k " + write("limited.json",
			`{"schema":2,"answer":{"arms":[{"arm":"a","verdict":"generator-limited"}]}}`),
			[]string{"no arm has a capacity\na is left out: the generator was the limit"}},
		{"--peak 1k " + write("arms.json", `{"schema":2,"answer":{"arms":[{"arm":"a","low":-1,"high":5,`+
			`"confirmed":1},{"arm":"b","holds":1,"low":3,"high":2,"confirmed":1},{"arm":""},{"arm":"a"},`+
			`{"arm":"\u001b[2J"}]}}`),
			[]string{"arm a: low is -1: want", "holds is 0: want",
				"arm b: low 3, holds 1 and high 2 are not in that order", `arm 3: its name is ""`,
				"arm 4: there is another a", `arm 5: its name is "\x1b[2J"`}},
		{"--peak 1k --capacity 5 --out=", []string{"--out is empty: want a file, or -"}},
		{"--peak 1k --capacity 5 -o " + filepath.Join(dir, "none", "plan.html"), []string{"plan.html: no such file"}},
		{"--peak 1k a b", []string{"accepts at most 1 arg"}},
	} {
		t.Run(c.args, func(t *testing.T) {
			code, stdout, stderr := capacityPlan(t, strings.Fields(c.args)...)
			if code != exitUnusable || stdout != "" {
				t.Errorf("%s: exit %d\n%s", c.args, code, stdout)
			}
			if strings.Contains(stderr, "strconv") || strings.Contains(stderr, "parsing") {
				t.Errorf("%s: an error of the library: %s", c.args, stderr)
			}
			for _, want := range c.want {
				if !strings.Contains(stderr, want) {
					t.Errorf("%s: %s\nwant %q", c.args, stderr, want)
				}
			}
		})
	}
}

func TestFlagsOfCapacityPlanAreCompleted(t *testing.T) {
	for flag, values := range map[string][]string{"format": append(fleet.Formats(), "html"),
		"headroom": {"30%"}, "failures": {"2"}} {
		t.Run(flag, func(t *testing.T) {
			_, got, _ := capacityPlan(t, cobra.ShellCompRequestCmd, "capacity", "plan", "--"+flag, "")
			for _, want := range values {
				if !strings.Contains(got, want+"\n") {
					t.Errorf("--%s: %s is not offered in %q", flag, want, got)
				}
			}
		})
	}
}
