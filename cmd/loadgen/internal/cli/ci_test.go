package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	yaml "github.com/goccy/go-yaml"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/history"
)

// The steps of the workflow run what there is: the script shown before it, and loadgen.
func TestTheWorkflowOfThePageIsUnderstood(t *testing.T) {
	var workflow struct {
		Name string
		On   map[string]any
		Jobs map[string]struct {
			RunsOn string `yaml:"runs-on"`
			Steps  []struct {
				Name, Uses, Run, Shell, If string
				With, Env                  map[string]any
			}
		}
	}
	text := readPage(t, commandPage).block(t, "ci: github", "yaml")
	if err := yaml.UnmarshalWithOptions([]byte(text), &workflow, yaml.Strict()); err != nil {
		t.Fatal(err)
	}
	commands, gates, deep := 0, 0, false
	for _, step := range workflow.Jobs["gate"].Steps {
		if (step.Uses == "") == (step.Run == "") || step.Run != "" && step.Shell != "bash" {
			t.Errorf("step %+v: want what it uses, or what it runs in bash, which fails where a pipe does", step)
		}
		commands += len(newPage("", "```sh\n"+step.Run+"\n```\n").commandLines()) // wrongCommands parses them
		if step.Run == "scripts/bench-gate" {
			gates++
		}
		deep = deep || strings.HasPrefix(step.Uses, "actions/checkout@") && step.With["fetch-depth"] == uint64(0)
	}
	if commands != 1 || gates != 1 || !deep {
		t.Errorf("%d commands, %d gates, history is fetched: %t", commands, gates, deep)
	}
}

// The script of the page runs, with a go that prints results.
func TestTheScriptOfThePageFailsIfTheHeadRegressed(t *testing.T) {
	script := written(t, "bench-gate", readPage(t, commandPage).block(t, "ci: shell", "sh"))
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	withGo(t, `
case $1 in install) exit ;; esac
case $PWD in */base) ns=1000 ;; *) ns=$HEAD ;; esac
[ "$ns" != fails ] || exit 1
echo "pkg: m"; echo "BenchmarkA-2 100 $ns ns/op 64 B/op 1 allocs/op"`)
	bin, _, _ := strings.Cut(os.Getenv("PATH"), string(filepath.ListSeparator))
	if err := os.Symlink(self, filepath.Join(bin, "loadgen")); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	run := func(head, record, name string, args ...string) (int, string) {
		cmd := exec.Command(name, args...)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "HEAD="+head, "RECORD="+record)
		out, _ := cmd.CombinedOutput()
		return cmd.ProcessState.ExitCode(), string(out)
	}
	for _, args := range [][]string{{"init", "-q"}, {"-c", "user.name=a", "-c", "user.email=a@example.com", "-c",
		"commit.gpgsign=false", "commit", "-q", "--allow-empty", "-m", "a"},
		{"update-ref", "refs/remotes/origin/main", "HEAD"}} {
		if code, out := run("", "", "git", args...); code != 0 {
			t.Fatalf("git %v: %s", args, out)
		}
	}
	for _, test := range []struct {
		head, record string
		code         int
		want         string
	}{
		{"1004", "no", 0, "0 regressed, 0 improved, 3 equivalent"},
		{"1300", "yes", 1, "1 regressed"},
		{"fails", "no", 1, ""},
	} {
		t.Run(test.head, func(t *testing.T) {
			code, out := run(test.head, test.record, "bash", script)
			if code != test.code || !strings.Contains(out, test.want) {
				t.Errorf("%s ns: exit %d\n%s\nwant %d and %q", test.head, code, out, test.code, test.want)
			}
		})
	}
	report, err := os.ReadFile(filepath.Join(dir, "report.md"))
	if err != nil || !strings.Contains(string(report), "regressed") {
		t.Errorf("%v\n%s", err, report)
	}
	// What was recorded is that of the one run which was told to.
	all, err := history.Read(filepath.Join(dir, history.DefaultFile))
	if err != nil || len(all) != 1 || all[0].Cells[0].N != 12 || all[0].Cells[0].Median != 1300e-9 {
		t.Errorf("%v: %+v", err, all)
	}
}
