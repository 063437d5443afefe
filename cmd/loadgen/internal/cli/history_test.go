package cli

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/golden"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/history"
)

const encodes = "goos: linux\ngoarch: amd64\ncpu: Z80\npkg: m\nBenchmarkEncode-8 100 1200 ns/op 64 B/op\n"

// written is a file of the text.
func written(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestHistoryHelp(t *testing.T) {
	for file, args := range map[string][]string{
		"help-history.txt":        {"history", "--help"},
		"help-history-record.txt": {"history", "record", "--help"},
	} {
		code, got, _ := execute(t, args...)
		if code != 0 {
			t.Fatalf("%v: exit %d", args, code)
		}
		golden.Check(t, file, got)
	}
}

func TestWhatIsRecordedIsDrawnAndExported(t *testing.T) {
	to := filepath.Join(t.TempDir(), "results", "history.jsonl")
	for day, text := range []string{encodes, strings.ReplaceAll(encodes, "1200", "1800")} {
		at := []string{"2026-01-02T03:04:05+01:00", "2026-01-03T03:04:05Z"}[day]
		code, stdout, stderr := execute(t, "history", "record", written(t, "new.txt", text), "--file", to, "--commit",
			"c0ffee", "--time", at)
		if code != 0 || stdout != to+": added 2 results of commit c0ffee\n" || stderr != "" {
			t.Fatalf("exit %d\n%s%s", code, stdout, stderr)
		}
	}
	for format, want := range map[string]string{
		"text": "m.Encode-8  sec/op\n  2026-01-02  c0ffee         1.200u         n=1            ##############\n" +
			"  2026-01-03  c0ffee         1.800u         n=1    +50.0%  #####################\n",
		"tsv": "time\tcommit\tm.Encode-8 sec/op\n" +
			"2026-01-02T02:04:05Z\tc0ffee\t0.0000012\n2026-01-03T03:04:05Z\tc0ffee\t0.0000018\n",
		"csv": "time,commit,m.Encode-8 " +
			"sec/op\n2026-01-02T02:04:05Z,c0ffee,0.0000012\n2026-01-03T03:04:05Z,c0ffee,0.0000018\n",
	} {
		code, stdout, stderr := execute(t, "history", to, "--cell", `Enc.*-8$`, "--unit", "ns/op", "--format", format)
		if code != 0 || stdout != want || stderr != "" {
			t.Errorf("%s: exit %d %s\n%s\nwant\n%s", format, code, stderr, stdout, want)
		}
	}
	code, stdout, _ := execute(t, "history", to, "--format", "json")
	var all struct {
		Schema  int              `json:"schema"`
		Records []history.Record `json:"records"`
	}
	if err := json.Unmarshal([]byte(stdout), &all); code != 0 || err != nil || all.Schema != history.Schema ||
		len(all.Records) != 2 || all.Records[1].Cells[1].Median != 64 {
		t.Errorf("exit %d, %v\n%s", code, err, stdout)
	}
}

func TestBadHistoriesExitWith2(t *testing.T) {
	good := `{"schema":1,"commit":"c0ffee","time":"2026-01-02T03:04:05Z","machine":"Z80","cells":[{"cell":"A",` +
		`"unit":"B/op","median":64,"n":1}]}` + "\n"
	torn := written(t, "torn.jsonl", good+"{\"sch\n")
	file := written(t, "good.jsonl", good)
	for _, test := range []struct {
		args         []string
		stdout, want string
	}{
		{[]string{"history", torn}, "A  B/op", torn + ":2: no record"},
		{[]string{"history", "--file", torn}, "A  B/op", torn + ":2: no record"},
		{[]string{"history", file, "--file", torn}, "",
			"good.jsonl and --file " + torn + " are two histories: want one"},
		{[]string{"history", torn, "--unit", "sec/op"}, "", "units:\n    B/op"},
		{[]string{"history", "missing.jsonl"}, "", "'loadgen history record' creates it"},
		{[]string{"history"}, "", history.DefaultFile},
		{[]string{"history", written(t, "empty.jsonl", "\n")}, "", "empty.jsonl: no records"},
		{[]string{"history", file, "--cell", "B"}, "", "benchmarks:\n    A"},
		{[]string{"history", file, "--unit", "B/o"}, "",
			"nothing in 1 record matches (did you mean B/op?); there are"},
		{[]string{"history", file, "--cell", "["}, "", "--cell: error parsing regexp"},
		{[]string{"history", file, "--format", "xml"}, "", "want one of text, csv, json, tsv"},
		{[]string{"history", file, file}, "", "accepts at most 1 arg"},
		{[]string{"history", "record"}, "", "requires at least 1 arg"},
		{[]string{"history", "record", "missing.txt", "--commit", "a"}, "", "want Go benchmark text"},
		{[]string{"history", "record", file, "--commit", "a"}, "", "no benchmark results"},
		{[]string{"history", "record", written(t, "nan.txt", "BenchmarkA 1 NaN ns/op\n"), "--commit", "a"}, "",
			"nan.txt:1: NaN"},
		{[]string{"history", "record", written(t, "new.txt", encodes), "--commit", "a", "--time", "today"}, "",
			`--time "today": want one such as`},
		{[]string{"history", "record", written(t, "new.txt", encodes), "--commit", "a", "--file",
			filepath.Join(file, "h.jsonl")}, "", "not a directory"},
		{[]string{"history", "record", written(t, "new.txt", encodes), "--commit", "a", "--time",
			"0001-01-01T00:00:00Z"}, "", "want one from 1970 to 9999"},
		{[]string{"history", "record", written(t, "new.txt", encodes), "--commit", "a\nb"}, "",
			"--commit \"a\\nb\": want a commit in one line"},
		{[]string{"history", "record", written(t, "dots.txt", ".BenchmarkA-8  \t"), "--commit", "a"}, "",
			"dots.txt:1: BenchmarkA-8 has no result"},
		{[]string{"history", written(t, "none.jsonl", strings.ReplaceAll(good, `"median":64,`, ""))}, "",
			"none.jsonl:1: cell 1 of the record, A in B/op, has no median"},
		{[]string{"history", written(t, "two.jsonl", strings.ReplaceAll(good, `"cells":[`,
			`"cells":[{"cell":"A","unit":"B/op","median":65,"n":1},`))}, "", "the record has A in B/op twice"},
	} {
		t.Run(strings.Join(test.args, " "), func(t *testing.T) {
			code, stdout, stderr := execute(t, test.args...)
			if code != 2 || !strings.Contains(stderr, test.want) || !strings.HasPrefix(stdout, test.stdout) ||
				test.stdout == "" && stdout != "" {
				t.Errorf("%v: exit %d\n%s%s\nwant %q", test.args, code, stdout, stderr, test.want)
			}
		})
	}
}

func TestTheCommitOfARecordIsThatOfGit(t *testing.T) {
	cmd, stdout, stderr := command(t, "history", "record", written(t, "new.txt", encodes))
	git := func(args ...string) string {
		t.Helper()
		g := exec.Command("git", append([]string{"-c", "user.name=a", "-c", "user.email=a@example.com", "-c",
			"commit.gpgsign=false"}, args...)...)
		g.Dir, g.Env = cmd.Dir, append(os.Environ(), "GIT_COMMITTER_DATE=2026-01-02T03:04:05Z")
		out, err := g.CombinedOutput()
		if err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	run := func() string {
		t.Helper()
		again := exec.Command(cmd.Path, cmd.Args[1:]...)
		again.Dir, again.Stdout, again.Stderr = cmd.Dir, stdout, stderr
		if err := again.Run(); err != nil && again.ProcessState.ExitCode() != 2 {
			t.Fatalf("%v\n%s", err, stderr)
		}
		all, _ := history.Read(filepath.Join(cmd.Dir, history.DefaultFile))
		if len(all) == 0 {
			return ""
		}
		last := all[len(all)-1]
		return last.Commit + " " + last.Time.Format("2006-01-02T15:04:05Z")
	}
	if run() != "" || !strings.Contains(stderr.String(), "give it with --commit") {
		t.Errorf("outside of a repository:\n%s", stderr)
	}
	git("init", "-q")
	source := filepath.Join(cmd.Dir, "a.go")
	if err := os.WriteFile(source, []byte("package a\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	git("add", "a.go")
	git("commit", "-qm", "a")
	const at = " 2026-01-02T03:04:05Z"
	if got, want := run(), git("rev-parse", "HEAD")+at; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	// The history itself is no change.
	git("add", history.DefaultFile)
	git("commit", "-qm", "history")
	run()
	if got, want := run(), git("rev-parse", "HEAD")+at; got != want {
		t.Errorf("after a record: got %s, want %s", got, want)
	}
	// Wherever it is, whatever it is called, and however git is told to print names.
	git("config", "diff.relative", "true")
	top, args := cmd.Dir, cmd.Args
	other, sub := filepath.Join(top, "größe", "a\tb.jsonl"), filepath.Join(top, "sub")
	if err := os.Mkdir(sub, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd.Args = append(slices.Clone(args), "--file", other)
	for range 2 {
		git("add", ".")
		git("commit", "-qm", "another", "--allow-empty")
		cmd.Dir = sub
		run()
		run()
		cmd.Dir = top
	}
	all, err := history.Read(other)
	if err != nil || len(all) != 4 || slices.ContainsFunc(all,
		func(r history.Record) bool { return strings.Contains(r.Commit, "+") }) {
		t.Errorf("%+v, %v", all, err)
	}
	cmd.Args = args
	if err := os.WriteFile(source, []byte("package b\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got, want := run(), git("rev-parse", "HEAD")+"+changes"+at; got != want {
		t.Errorf("after a change: got %s, want %s", got, want)
	}
}

func TestHistoryCompletion(t *testing.T) {
	if code, stdout, _ := execute(t, "__complete", "history", "--format", ""); code != 0 ||
		!strings.Contains(stdout, "text\ncsv\njson\n") {
		t.Errorf("exit %d\n%s", code, stdout)
	}
	if _, stdout, _ := execute(t, "__complete", "history", "r"); !strings.Contains(stdout, "record") {
		t.Errorf("no record among\n%s", stdout)
	}
}
