package instrument_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/instrument"
)

// module writes a text in the format of txtar into a new directory.
func module(t testing.TB, text string) (dir string) {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, txtar.Parse([]byte(text)))
	return dir
}

// write writes the files of an archive below dir.
func write(t testing.TB, dir string, a *txtar.Archive) {
	t.Helper()
	files, err := txtar.FS(a)
	if err == nil {
		err = os.CopyFS(dir, files)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// A built is what a build with probes has done.
type built struct {
	report *instrument.Report
	output string // of the go command
	err    error
}

// build runs a go command with probes in a directory.
func build(t testing.TB, dir string, words ...string) built {
	t.Helper()
	return buildWith(t, instrument.Options{Dir: dir}, words...)
}

func buildWith(t testing.TB, o instrument.Options, words ...string) (b built) {
	t.Helper()
	var output bytes.Buffer
	o.Stdin, o.Stdout, o.Stderr = strings.NewReader(""), &output, &output
	o.Found = func(r *instrument.Report) error { b.report = r; return nil }
	b.err = instrument.Build(t.Context(), o, words)
	b.output = output.String()
	return b
}

// must fails the test if a build failed.
func (b built) must(t testing.TB) built {
	t.Helper()
	if b.err != nil || b.report == nil || len(b.report.Problems) > 0 {
		t.Fatalf("%v\n%s\n%+v", b.err, b.output, b.report)
	}
	return b
}

// goCommand runs the go command without probes.
func goCommand(t testing.TB, dir string, args ...string) (output string) {
	t.Helper()
	cmd := exec.Command("go", args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// A ran is what a program did.
type ran struct {
	stdout, stderr string
	code           int
}

// run runs a program, with variables added to its environment.
func run(t testing.TB, env []string, program string, args ...string) ran {
	t.Helper()
	cmd := exec.Command(program, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.Env = &stdout, &stderr, append(os.Environ(), env...)
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return ran{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// A probes is the file that LOADGEN_PROBE_OUT names.
type probes struct {
	Schema int
	Kind   string
	Probes []counted
}

type counted struct {
	Site, Key            string
	Calls, Ended, Broken int
	TotalNs              int64 `json:"total_ns"`
}

// counts runs a program, and returns what its probes have counted.
func counts(t testing.TB, program string, args ...string) (p probes, r ran) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "probes.json")
	r = run(t, []string{"LOADGEN_PROBE_OUT=" + file}, program, args...)
	data, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(data, &p)
	}
	if err != nil || p.Schema != 1 || p.Kind != "probes" {
		t.Fatalf("%v in\n%s\n%+v", err, data, r)
	}
	return p, r
}

// calls returns how often the handlers with a key were called.
func (p probes) calls(key string) (n int) {
	for _, c := range p.Probes {
		if c.Key == key {
			n += c.Calls
		}
	}
	return n
}

// tree returns the hash of all files below a directory, to see whether one of them changes.
func tree(t testing.TB, dir string) string {
	t.Helper()
	h := sha256.New()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			fmt.Fprintln(h, path)
			return err
		}
		data, err := os.ReadFile(path)
		fmt.Fprintf(h, "%s %d\n%s", path, len(data), data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}

var (
	addresses = regexp.MustCompile(` \+0x[0-9a-f]+|0x[0-9a-f]+`)
	arguments = regexp.MustCompile(`(?m)^(\S.*)\([^()\n]*\)$`)
	ofProbes  = regexp.MustCompile(`(?m)^\S*/_?lgprobe\.[^\n]*\n\t[^\n]*\n`)
	goroutine = regexp.MustCompile(`goroutine [0-9]+`)
	ownProbes = regexp.MustCompile(`(?m)^(before|trace|counted) .*\n`)
)

// traceOf returns the trace of a panic without addresses, arguments, and the frames of probes.
func traceOf(stderr string) string {
	stderr = ofProbes.ReplaceAllString(stderr, "")
	stderr = addresses.ReplaceAllString(stderr, "")
	return goroutine.ReplaceAllString(arguments.ReplaceAllString(stderr, "$1()"), "goroutine N")
}

// formsModule returns a module with all forms of registration, and a program that runs one of them.
func formsModule(t testing.TB) (dir string, names []string) {
	t.Helper()
	paths, err := filepath.Glob("rewrite/testdata/forms/*.txtar")
	if err != nil || len(paths) < 10 {
		t.Fatalf("%d forms, %v", len(paths), err)
	}
	dir = module(t, "-- go.mod --\nmodule example.com/forms\n\ngo 1.24\n")
	var imports, runs, panics strings.Builder
	for _, path := range paths {
		a, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(filepath.Base(path), ".txtar")
		write(t, filepath.Join(dir, name), a)
		names = append(names, name)
		fmt.Fprintf(&imports, "\t\"example.com/forms/%s\"\n", name)
		fmt.Fprintf(&runs, "\tcase %q:\n\t\t%s.Run()\n", name, name)
		if bytes.Contains(a.Files[0].Data, []byte("func Panic()")) {
			fmt.Fprintf(&panics, "\tcase %q:\n\t\t%s.Panic()\n", name, name)
		}
	}
	write(t, dir, txtar.Parse(fmt.Appendf(nil, "-- main.go --\npackage main\n\nimport (\n\t\"os\"\n\n%s)\n\n"+
		"func main() {\n\tif len(os.Args) > 2 {\n\t\tpanics(os.Args[1])\n\t\treturn\n\t}\n"+
		"\tswitch os.Args[1] {\n%s\t}\n}\n\n"+
		"func panics(name string) {\n\tswitch name {\n%s\t}\n}\n", &imports, &runs, &panics)))
	return dir, names
}

// A program with probes does what it does without.
func TestFormsDoTheSameWithProbes(t *testing.T) {
	dir, names := formsModule(t)
	off, on := filepath.Join(t.TempDir(), "off"), filepath.Join(t.TempDir(), "on")
	goCommand(t, dir, "build", "-o", off)
	before := tree(t, dir)
	build(t, dir, "build", "-o", on).must(t)
	if tree(t, dir) != before {
		t.Error("the build with probes has changed the source tree")
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			want := run(t, nil, off, name)
			p, got := counts(t, on, name)
			if name == "with" { // its probes are functions of its own, which print
				got.stdout = ownProbes.ReplaceAllString(got.stdout, "")
			}
			if got != want || want.stdout == "" || want.code != 0 {
				t.Errorf("without probes:\n%+v\nwith probes:\n%+v", want, got)
			}
			var all int
			for _, c := range p.Probes {
				all += c.Calls
			}
			if all == 0 && name != "with" {
				t.Error("no probe has counted a call")
			}
			want, got = run(t, nil, off, name, "panic"), run(t, nil, on, name, "panic")
			if got.stdout != want.stdout || got.code != want.code || traceOf(got.stderr) != traceOf(want.stderr) {
				t.Errorf("panics without probes:\n%+v\nwith probes:\n%+v", want, got)
			}
		})
	}
	t.Run("copies are probed once", func(t *testing.T) {
		p, _ := counts(t, on, "copies")
		if in, around := p.calls("inside"), p.calls("around"); in != 4 || around != 2 || p.calls("more") != 1 {
			t.Errorf("inside %d, want 4; around %d, want 2; more %d, want 1: %+v", in, around, p.calls("more"), p)
		}
	})
}
