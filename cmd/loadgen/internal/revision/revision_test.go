package revision_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/revision"
)

// write writes files, given by their paths in dir.
func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", append([]string{"-c", "user.name=test", "-c", "user.email=test@example.com", "-c",
		"commit.gpgsign=false"}, args...)...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func says(what string) string {
	return "package main\n\nimport \"os\"\n\nfunc main() { os.Stdout.WriteString(\"" + what + "\") }\n"
}

// repository returns a repository that contains a program in its own directory. It has one commit, tagged v1.
func repository(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, map[string]string{"go.mod": "module example.com/m\n\ngo 1.21\n", "cmd/p/main.go": says("old")})
	git(t, dir, "init", "--quiet")
	git(t, dir, "add", ".")
	git(t, dir, "commit", "--quiet", "-m", "first")
	git(t, dir, "tag", "v1")
	return dir
}

func TestBothSidesAreBuiltAndNothingIsLeftBehind(t *testing.T) {
	dir := repository(t)
	write(t, dir, map[string]string{"cmd/p/main.go": says("new")})
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	t.Setenv("GIT_DIR", "/nowhere") // as in a hook
	c, err := revision.Open(t.Context(), filepath.Join(dir, "cmd"), "v1", nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.Same() || c.Head != c.Commit+"+changes" || filepath.Base(c.Dir) != "cmd" {
		t.Errorf("%+v", c)
	}
	if got, want := c.Known(), [2]string{"v1 (" + c.Commit[:7] + ")", "the working tree"}; got != want {
		t.Errorf("its sides are known as %q, want %q", got, want)
	}
	programs, err := c.Build(t.Context(), "./p")
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"old", "new"} {
		if got, err := exec.Command(programs[i]).Output(); string(got) != want || err != nil {
			t.Errorf("%s says %q, %v; want %q", programs[i], got, err, want)
		}
	}
	if _, err := c.BuildTest(t.Context(), "./p"); err == nil ||
		!strings.Contains(err.Error(), "./p of base (commit ") || !strings.Contains(err.Error(), "has no test files") {
		t.Errorf("a package without tests: %v", err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	os.Unsetenv("GIT_DIR")
	if trees := git(t, dir, "worktree", "list"); strings.Count(trees, "\n") != 0 {
		t.Errorf("git still knows\n%s", trees)
	}
}

// A directory with a go.mod of its own is built there, which go refuses to do from outside.
func TestAPackageOfAModuleOfItsOwnIsBuiltThere(t *testing.T) {
	dir := repository(t)
	write(t, dir, map[string]string{
		"sample/go.mod":               "module example.com/sample\n\ngo 1.21\n",
		"sample/main.go":              says("old sample"),
		"sample/cmd/q/main.go":        says("old q"),
		"sample/cmd/q/main_test.go":   "package main\n",
		"sample/cmd/q/nested/main.go": says("old nested"),
		"sample/cmd/q/nested/go.mod":  "module example.com/nested\n\ngo 1.21\n",
	})
	git(t, dir, "add", ".")
	git(t, dir, "commit", "--quiet", "-m", "sample")
	for _, name := range []string{"sample/main.go", "sample/cmd/q/main.go", "sample/cmd/q/nested/main.go"} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		write(t, dir, map[string]string{name: strings.Replace(string(data), "old", "new", 1)})
	}
	for _, row := range []struct{ name, dir, pkg, want string }{
		{"a module", ".", "./sample", "sample"},
		{"a package of it", ".", "./sample/cmd/q", "q"},
		{"a module in it", ".", "./sample/cmd/q/nested/", "nested"},
		{"from beside it", "cmd", "../sample", "sample"},
		{"from within", "sample/cmd", "./q", "q"},
	} {
		t.Run(row.name, func(t *testing.T) {
			here := filepath.Join(dir, row.dir)
			c, err := revision.Open(t.Context(), here, "HEAD", nil)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			programs, err := c.Build(t.Context(), row.pkg)
			if err != nil {
				t.Fatal(err)
			}
			tree, base := filepath.Join(t.TempDir(), "tree"), filepath.Join(t.TempDir(), "base")
			if err := revision.BuildTree(t.Context(), here, row.pkg, tree, nil); err != nil {
				t.Fatal(err)
			}
			if err := c.BuildBase(t.Context(), row.pkg, base); err != nil {
				t.Fatal(err)
			}
			for program, want := range map[string]string{programs[0]: "old ", programs[1]: "new ", tree: "new ",
				base: "old "} {
				if got, err := exec.Command(program).Output(); string(got) != want+row.want || err != nil {
					t.Errorf("%s says %q, %v; want %q", program, got, err, want+row.want)
				}
			}
			dirs, err := c.PackageDirs(t.Context(), row.pkg)
			if err != nil || dirs[1] != filepath.Join(here, row.pkg) {
				t.Errorf("%q, %v", dirs, err)
			}
		})
	}
	c, err := revision.Open(t.Context(), dir, "HEAD", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.BuildTest(t.Context(), "./sample/cmd/q"); err != nil {
		t.Error(err)
	}
	// An absolute path is one of the working tree, and of no revision.
	out := filepath.Join(t.TempDir(), "program")
	if err := revision.BuildTree(t.Context(), dir, filepath.Join(dir, "sample"), out, nil); err != nil {
		t.Error(err)
	}
	if err := c.BuildBase(t.Context(), filepath.Join(dir, "sample"), out); err == nil {
		t.Error("the working tree was built as a revision")
	}
}

func TestARevisionGivenByItsHashIsKnownByThatAlone(t *testing.T) {
	dir := repository(t)
	hash := git(t, dir, "rev-parse", "HEAD")
	for _, ref := range []string{hash, hash[:8]} {
		c, err := revision.Open(t.Context(), dir, ref, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := c.Known()[0]; got != hash[:12] {
			t.Errorf("%s is known as %q, want %q", ref, got, hash[:12])
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestARevisionThatIsTheWorkingTreeIsSeen(t *testing.T) {
	dir := repository(t)
	c, err := revision.Open(t.Context(), dir, "HEAD", nil)
	if err != nil {
		t.Fatal(err)
	}
	if !c.Same() {
		t.Errorf("%+v", c)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

func TestWhatCannotBeCheckedOutSaysWhatToDo(t *testing.T) {
	dir, empty := repository(t), t.TempDir()
	git(t, empty, "init", "--quiet")
	write(t, dir, map[string]string{"later/x.go": "package later\n"})
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	for _, c := range []struct{ name, dir, ref, want string }{
		{"no working tree", temp, "v1", "is not in a git working tree"},
		{"no such tag", dir, "v2", `git knows no revision "v2" (did you mean v1?): want a branch, a tag or a commit`},
		{"an option", dir, "--all", `git knows no revision "--all"`},
		{"no name", dir, "", `git knows no revision ""`},
		{"a file", dir, "v1:go.mod", `git knows no revision "v1:go.mod"`},
		{"no commit", empty, "HEAD", `git knows no revision "HEAD"`},
		{"a new directory", filepath.Join(dir, "later"), "v1",
			"v1 has no directory later/: change to one that both sides have"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := revision.Open(t.Context(), c.dir, c.ref, nil); err == nil ||
				!strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	if _, err := revision.Open(stopped, dir, "v1", nil); err == nil {
		t.Error("it continued after an interrupt")
	}
	if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if trees := git(t, dir, "worktree", "list"); strings.Count(trees, "\n") != 0 {
		t.Errorf("git still knows\n%s", trees)
	}
}

func TestWhatCannotBeBuiltSaysOnWhichSide(t *testing.T) {
	dir := repository(t)
	write(t, dir, map[string]string{"cmd/p/main.go": "package main\n\nfunc main() { nowhere() }\n"})
	for _, c := range []buildCase{
		{dir, "./cmd/p", "building ./cmd/p of head (commit "},
		{dir, "./cmd/q", "building ./cmd/q of base (commit "},
	} {
		c.build(t)
	}
	none := t.TempDir()
	write(t, none, map[string]string{"main.go": says("")})
	git(t, none, "init", "--quiet")
	git(t, none, "add", ".")
	git(t, none, "commit", "--quiet", "-m", "first")
	buildCase{none, ".", "is not in a Go module on the side base"}.build(t)
}

type buildCase struct{ in, pkg, want string }

func (b buildCase) build(t *testing.T) {
	t.Helper()
	c, err := revision.Open(t.Context(), b.in, "HEAD", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Build(t.Context(), b.pkg); err == nil || !strings.Contains(err.Error(), b.want) {
		t.Errorf("%v, want %q", err, b.want)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

// go builds an archive of a package that is not main, and takes a dash for one of its flags.
func TestOnlyAProgramIsBuiltIntoAFile(t *testing.T) {
	dir := repository(t)
	write(t, dir, map[string]string{"lib/lib.go": "package lib\n", "docs/a.txt": ""})
	git(t, dir, "add", ".")
	git(t, dir, "commit", "--quiet", "-m", "second")
	c, err := revision.Open(t.Context(), dir, "HEAD", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, row := range []struct{ name, pkg, want string }{
		{"a program", "./cmd/p", ""},
		{"a library", "./lib", "building ./lib: it is no program: want a package main"},
		{"no package", "./docs/...", "no packages to build"},
		{"a flag", "-x", "leading dash"},
	} {
		t.Run(row.name, func(t *testing.T) {
			for side, build := range map[string]func(out string) error{
				"tree": func(out string) error { return revision.BuildTree(t.Context(), dir, row.pkg, out, nil) },
				"base": func(out string) error { return c.BuildBase(t.Context(), row.pkg, out) },
			} {
				err := build(filepath.Join(t.TempDir(), "program"))
				if (err == nil) != (row.want == "") || err != nil && !strings.Contains(err.Error(), row.want) {
					t.Errorf("%s: %v, want %q", side, err, row.want)
				}
			}
		})
	}
}
