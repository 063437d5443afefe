// Package house holds the rules that the whole tree keeps: who imports whom, how packages are named, how long files
// and lines are, and that nothing is exported without a user.
package house_test

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const root = "../.."

// A goFile is a Go file of the tree.
type goFile struct {
	name, dir   string // relative to the root, with slashes
	text        []byte
	test        bool // its name ends in _test.go
	testdata    bool // it lies below a directory testdata
	otherModule bool // it belongs to a module of its own below the root
}

// goFiles returns all Go files of the tree.
func goFiles(t *testing.T) (files []goFile) {
	t.Helper()
	var modules []string
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		relative = filepath.ToSlash(relative)
		if d.IsDir() {
			if base := d.Name(); relative != "." && (strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_")) {
				return filepath.SkipDir
			}
			if _, err := os.Stat(filepath.Join(name, "go.mod")); err == nil && relative != "." {
				modules = append(modules, relative)
			}
			return nil
		}
		if !strings.HasSuffix(relative, ".go") {
			return nil
		}
		text, err := os.ReadFile(name)
		f := goFile{name: relative, dir: path.Dir(relative), text: text, test: strings.HasSuffix(relative, "_test.go")}
		f.testdata = slices.Contains(strings.Split(f.dir, "/"), "testdata")
		f.otherModule = slices.ContainsFunc(modules, func(dir string) bool { return within(f.dir, dir) })
		files = append(files, f)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 100 {
		t.Fatalf("%d Go files below %s: want the whole tree", len(files), root)
	}
	return files
}

// go test ./... passes over modules of their own, so scripts/check has to name them.
func TestModulesOfTheirOwnAreChecked(t *testing.T) {
	script, err := os.ReadFile(filepath.Join(root, "scripts", "check"))
	if err != nil {
		t.Fatal(err)
	}
	_, loop, _ := strings.Cut(string(script), "\nfor module in ")
	loop, _, _ = strings.Cut(loop, ";")
	var modules []string
	for _, f := range goFiles(t) {
		dir := f.dir
		for f.otherModule && !exists(filepath.Join(root, dir, "go.mod")) {
			dir = path.Dir(dir)
		}
		if f.otherModule && !f.testdata && !slices.Contains(modules, dir) {
			modules = append(modules, dir)
		}
	}
	checked := strings.Fields(loop)
	slices.Sort(modules)
	slices.Sort(checked)
	if len(modules) == 0 || !slices.Equal(modules, checked) {
		t.Errorf("scripts/check tests the modules %q, want %q", checked, modules)
	}
}

// exists reports whether there is a file.
func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

// goList runs go list with a template and returns the words of each line.
func goList(t *testing.T, args ...string) (lines [][]string) {
	t.Helper()
	list := exec.Command("go", append([]string{"list"}, args...)...)
	var stderr bytes.Buffer
	list.Stderr = &stderr
	out, err := list.Output()
	if err != nil {
		t.Fatalf("go list %v: %v\n%s", args, err, stderr.String())
	}
	for line := range strings.Lines(string(out)) {
		lines = append(lines, strings.Fields(line))
	}
	return lines
}

// A package is one noun that a stranger can guess.
func TestPackagesAreNamedForWhatTheyHold(t *testing.T) {
	vague := []string{"base", "common", "commons", "helper", "helpers", "lib", "libs", "misc", "shared", "type",
		"types", "util", "utils"}
	seen := map[string]bool{}
	for _, f := range goFiles(t) {
		if base := path.Base(f.dir); !f.testdata && !seen[f.dir] && slices.Contains(vague, base) {
			seen[f.dir] = true
			t.Errorf("package %s says nothing about what it holds", f.dir)
		}
		if stem := strings.TrimSuffix(path.Base(f.name), ".go"); slices.Contains(vague,
			strings.TrimSuffix(stem, "_test")) {
			t.Errorf("file %s says nothing about what it holds", f.name)
		}
	}
}

// A package can be read in an afternoon.
func TestPackagesStaySmall(t *testing.T) {
	const mostFiles = 24
	names := map[string][]string{}
	for _, f := range goFiles(t) {
		if !f.test && !f.testdata {
			names[f.dir] = append(names[f.dir], f.name)
		}
	}
	for dir, files := range names {
		if len(files) > mostFiles {
			t.Errorf("%s has %d files that are no tests, want at most %d: %v", dir, len(files), mostFiles, files)
		}
	}
}

// What starts a process elsewhere would race with the interrupts of a terminal.
func TestProcessesAreStartedByOnePackage(t *testing.T) {
	const child = inner + "child"
	for _, f := range goFiles(t) {
		if f.test || f.testdata || f.dir == child || !within(f.dir, "cmd/loadgen") {
			continue
		}
		for _, call := range []string{"exec.Command", "os.StartProcess", "syscall.ForkExec"} {
			if strings.Contains(string(f.text), call) {
				t.Errorf("%s has %s: want %s", f.name, call, child)
			}
		}
	}
}

// A property that draws a fresh seed fails a run that has nothing to do with it.
func TestPropertiesStartFromFixedSeeds(t *testing.T) {
	for _, f := range goFiles(t) {
		if within(f.dir, "internal/property") {
			continue
		}
		if bytes.Contains(f.text, []byte("rapid."+"Check(")) || bytes.Contains(f.text, []byte("rapid."+"MakeCheck(")) {
			t.Errorf("%s: a property is checked by rapid itself: want property.Check", f.name)
		}
	}
}
