package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/golden"
)

// tables is a module with handlers in tables, and one that cannot have a probe in package bad.
const tables = `
-- go.mod --
module example.com/shop

go 1.24
-- main.go --
package main

import "fmt"

var handlers = map[string]func(){
	"save": save,
	"load": func() { fmt.Println("load") },
	"slow": save, //loadgen:skip
}

func save() { fmt.Println("save") }

func main() {
	handlers["save"]()
	handlers["load"]()
}
-- bad/bad.go --
package bad

var handlers = map[string]func(){"clean": clean} //loadgen:prob

func clean() { recover() }
-- none/none.go --
package none
`

// tablesModule changes to a new directory with that module.
func tablesModule(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	files, err := txtar.FS(txtar.Parse([]byte(tables)))
	if err == nil {
		err = os.CopyFS(dir, files)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	return dir
}

func TestInstrumentSaysWhatHasProbes(t *testing.T) {
	home, err := os.Getwd() // where the golden files are
	if err != nil {
		t.Fatal(err)
	}
	dir := tablesModule(t)
	for _, c := range []struct {
		golden, args string
		code         int
	}{
		{"instrument.txt", "instrument check .", exitOK},
		{"instrument-all.txt", "instrument check -v .", exitOK},
		{"instrument.json", "instrument check --format json ./...", exitWorse},
		{"instrument.tsv", "instrument check --format tsv .", exitOK},
		{"instrument-problems.txt", "instrument check ./...", exitWorse},
		{"instrument-none.txt", "instrument check ./none", exitOK},
		{"instrument-none-strict.txt", "instrument check --strict ./none", exitWorse},
		{"instrument-refused.txt", "instrument go build -o app ./bad", exitWorse},
		{"help-instrument.txt", "instrument --help", exitOK},
		{"help-instrument-go.txt", "instrument go --help", exitOK},
		{"help-instrument-check.txt", "instrument check --help", exitOK},
		{"help-instrument-init.txt", "instrument init --help", exitOK},
	} {
		t.Run(c.golden, func(t *testing.T) {
			t.Chdir(dir)
			code, stdout, stderr := quickly(t, strings.Fields(c.args)...)
			t.Chdir(home)
			if code != c.code {
				t.Errorf("exit %d, want %d\n%s", code, c.code, stderr)
			}
			if strings.HasSuffix(c.golden, ".json") {
				one(t, stdout)
			}
			text := stdout
			if strings.HasSuffix(c.golden, ".txt") {
				text += stderr
			}
			golden.Check(t, c.golden, filepath.ToSlash(text))
		})
	}
	if files, err := filepath.Glob(filepath.Join(dir, "*")); err != nil || len(files) != 4 {
		t.Errorf("files %q, %v: want those of the module", files, err)
	}
}

func TestInstrumentBuildsRunsAndTests(t *testing.T) {
	dir := tablesModule(t)
	out := filepath.Join(t.TempDir(), "probes.json")
	t.Setenv("LOADGEN_PROBE_OUT", out)
	code, stdout, stderr := quickly(t, "instrument", "go", "-v", "run", ".")
	if code != exitOK || stdout != "save\nload\n" ||
		!strings.Contains(stderr, "2 handlers with probes in 1 package, 1 without\n") {
		t.Errorf("exit %d\n%s\n%s", code, stdout, stderr)
	}
	data, err := os.ReadFile(out)
	var document struct{ Probes []struct{ Calls int } }
	if err == nil {
		err = json.Unmarshal(data, &document)
	}
	if err != nil || len(document.Probes) != 2 || document.Probes[0].Calls != 1 {
		t.Errorf("%v in\n%s", err, data)
	}
	if code, _, stderr := quickly(t, "instrument", "init"); code != exitOK {
		t.Errorf("init: exit %d\n%s", code, stderr)
	}
	if _, err := os.Stat(filepath.Join(dir, "loadgen_guard.go")); err != nil {
		t.Error(err)
	}
	if code, _, stderr := quickly(t, "instrument", "go", "build", "-tags=trace", "-o", os.DevNull, "."); code != 0 {
		t.Errorf("with the guard: exit %d\n%s", code, stderr)
	}
}

func TestInstrumentSaysWhatIsWrong(t *testing.T) {
	tablesModule(t)
	for _, c := range []struct {
		args, want string
		code       int
	}{
		{"instrument go", "no command\n\thint: want go build, go install, go run, go test", exitUnusable},
		{"instrument go vet ./...", "go vet needs no probes\n\thint: go vet ./...", exitUnusable},
		{"instrument go biuld", "(did you mean build?)", exitUnusable},
		{"instrument go test -cover .", "-cover and probes exclude each other", exitUnusable},
		{"instrument go build -overlay=o.json .", "-overlay is taken by the probes", exitUnusable},
		{"instrument go --mode some build .", `--mode: "some" is unknown: want one of all, marked`, exitUnusable},
		{"instrument go --tables ( build .", "--tables: error parsing regexp", exitUnusable},
		{"instrument check --format html", `--format: "html" is unknown`, exitUnusable},
		{"instrument go build ./missing", "missing: directory not found", exitWorse},
		{"instrument go build fmt", "no package of a main module matches fmt", exitUnusable},
		{"instrument init --tag a,b", `"a,b" is no build tag`, exitUnusable},
		{"instrument init none/none", "stat none/none: ", exitUnusable},
		{"instrument init main.go", "main.go is no directory", exitUnusable},
		{"instrument go build -C none/none", "stat none/none: ", exitUnusable},
		{"instrument chek", "for \"loadgen instrument\"\n\nDid you mean this?\n\tloadgen instrument check\n",
			exitUnusable},
		{"instrument build .", "Did you mean this?\n\tloadgen instrument go build\n", exitUnusable},
		{"instrument vet", "unknown command \"vet\" for \"loadgen instrument\"\nRun '", exitUnusable},
		{"instrument check -tags=trace", "Did you mean this?\n\tloadgen instrument check -- -tags=trace\n",
			exitUnusable},
		{"instrument check -race .", "Did you mean this?\n\tloadgen instrument check -- -race\n", exitUnusable},
		{"instrument check -json", "Did you mean this?\n\t--format json\n", exitUnusable},
		{"instrument check --json", "Did you mean this?\n\t--format json\n", exitUnusable},
		{"instrument go -mode=marked build", "Did you mean this?\n\t--mode\n", exitUnusable},
		{"instrument go build --mode marked .",
			"--mode is a flag of loadgen\n\thint: put it before build, the name of the go command", exitUnusable},
		{"instrument go run -tables=x . -tables=y", "--tables is a flag of loadgen\n\thint: put it before run",
			exitUnusable},
		{"instrument check -- -strict", "--strict is a flag of loadgen\n\thint: put it before --\n", exitUnusable},
		{"instrument check -- -tgas=x", "the go command has no flag -tgas (did you mean tags?)", exitUnusable},
		{"instrument check ./none", "hint: probes are for a map[string]func(); mark tables of other functions " +
			"//loadgen:probe with=NAME", exitOK},
	} {
		t.Run(c.args, func(t *testing.T) {
			code, stdout, stderr := quickly(t, strings.Fields(c.args)...)
			if code != c.code || !strings.Contains(stderr, c.want) || code != exitOK && stdout != "" {
				t.Errorf("exit %d, want %d and %q in\n%s\n%s", code, c.code, c.want, stdout, stderr)
			}
		})
	}
	t.Run("a document about packages with errors", func(t *testing.T) {
		code, stdout, stderr := quickly(t, "instrument", "check", "--format", "json", "./missing")
		const want = "the packages have errors, so they were not checked"
		if code != exitWorse || one(t, stdout)["kind"] != "failure" || one(t, stdout)["error"] != want ||
			!strings.HasSuffix(stderr, "missing: directory not found\nloadgen: "+want+"\n") {
			t.Errorf("exit %d\n%s\n%s", code, stdout, stderr)
		}
	})
	t.Run("a flag in GOFLAGS", func(t *testing.T) {
		t.Setenv("GOFLAGS", "-cover")
		if code, _, stderr := quickly(t, "instrument", "go", "build", "."); code != exitUnusable ||
			!strings.Contains(stderr, "-cover and probes exclude each other") {
			t.Errorf("exit %d\n%s", code, stderr)
		}
	})
	t.Run("outside of modules", func(t *testing.T) {
		t.Chdir(t.TempDir())
		if code, _, stderr := quickly(t, "instrument", "check"); code != exitUnusable ||
			!strings.Contains(stderr, "there is no go.mod or go.work in this directory or above it") {
			t.Errorf("exit %d\n%s", code, stderr)
		}
	})
}

// An interrupt reaches the program that go run runs, and leaves nothing behind.
func TestAnInterruptEndsTheGoCommand(t *testing.T) {
	t.Parallel()
	dir, temp := t.TempDir(), t.TempDir()
	main := `package main

import (
	"fmt"
	"os"
	"os/signal"
)

var handlers = map[string]func(){"wait": wait}

func wait() {
	c := make(chan os.Signal, 1)
	signal.Notify(c, os.Interrupt)
	fmt.Println("waiting")
	fmt.Println("got", <-c)
}

func main() { handlers["wait"]() }
`
	for name, text := range map[string]string{"main.go": main, "go.mod": "module example.com/waits\n\ngo 1.24\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p := startWith(t, dir, []string{"TMPDIR=" + temp}, "instrument", "go", "run", ".")
	p.await(t, "the program waits", func() bool { return strings.Contains(p.stdout.String(), "waiting\n") })
	if left, err := filepath.Glob(filepath.Join(temp, "loadgen-instrument-*")); err != nil || len(left) != 1 {
		t.Errorf("temporary directories %q, %v: want one", left, err)
	}
	if code := p.interrupt(t); code != exitInterrupted || !strings.Contains(p.stdout.String(), "got interrupt") ||
		!strings.Contains(p.stderr.String(), "interrupted") {
		t.Errorf("exit %d\n%s\n%s", code, &p.stdout, &p.stderr)
	}
	if left, err := filepath.Glob(filepath.Join(temp, "*")); err != nil || len(left) != 0 {
		t.Errorf("temporary files %q, %v: want none", left, err)
	}
	if text, err := os.ReadFile(filepath.Join(dir, "main.go")); err != nil || string(text) != main {
		t.Error("the source has changed", fmt.Sprint(err))
	}
}

const instrumentPage = "cmd/loadgen/INSTRUMENT.md"

// The page shows what the command, and the program that it builds, print.
func TestThePageOfInstrumentShowsTheAnswers(t *testing.T) {
	page := readPage(t, instrumentPage)
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata/instrument")); err != nil {
		t.Fatal(err)
	}
	problems, err := os.ReadFile("testdata/instrument-refused.txt")
	if err != nil {
		t.Fatal(err)
	}
	if shown := page.block(t, "instrument: problems", "text"); !strings.HasPrefix(string(problems), shown+"\n") {
		t.Errorf("%s shows\n%s\nand the command prints\n%s", page.path, shown, problems)
	}
	out := filepath.Join(t.TempDir(), "probes.json")
	t.Setenv("LOADGEN_PROBE_OUT", out)
	t.Chdir(dir)
	code, stdout, stderr := quickly(t, "instrument", "check", "-v")
	if shown := page.block(t, "instrument: check", "text"); code != 0 || trimLines(shown) != trimLines(stdout) {
		t.Errorf("%s shows\n%s\nand the command prints\n%s%s", page.path, shown, stdout, stderr)
	}
	code, stdout, stderr = quickly(t, "instrument", "go", "run", ".")
	if code != 0 || stdout != "3 articles\nsaved\nsaved\njob mail 7 <nil>\n" {
		t.Errorf("exit %d\n%s%s", code, stdout, stderr)
	}
	written, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if shown := page.block(t, "instrument: probes", "json"); timeless(shown) != timeless(string(written)) {
		t.Errorf("%s shows\n%s\nand the program writes\n%s", page.path, shown, written)
	}
}

// timeless returns the file of probes without blanks and durations.
func timeless(text string) string {
	return regexp.MustCompile(` |"total_ns":\s*\d+|\n$`).ReplaceAllString(text, "")
}

func TestThePageOfInstrumentDescribesEveryKey(t *testing.T) {
	data, err := os.ReadFile("testdata/instrument.json")
	if err != nil {
		t.Fatal(err)
	}
	missing := map[string]bool{}
	undescribed(readPage(t, instrumentPage).text, one(t, string(data)), 10, missing)
	for key := range missing {
		t.Errorf("%s does not describe `%s`", instrumentPage, key)
	}
}
