// Package revision builds programs at a git revision and at the working tree, so that
// the two can be measured side by side.
//
// A revision is checked out into a git worktree of its own, in a temporary directory.
// The working tree is not changed, and neither are uncommitted changes.
package revision

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/child"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/terminal"
	"github.com/loadgen-go/loadgen/internal/spelling"
)

// A Checkout is a checked-out revision beside the working tree. The caller of Open must close it.
type Checkout struct {
	Commit string // full hash of the revision
	Head   string // full hash of the working tree's commit, with +changes if there are any
	Dir    string // directory in the checkout that corresponds to dir
	dir    string // directory in the working tree
	ref    string // the revision as the user named it
	temp   string
	shown  *terminal.Progress
}

// Open checks out ref of the repository that dir is in. If ctx ends, Open stops and leaves nothing behind. Open, and
// the methods that build, say on p what they do.
func Open(ctx context.Context, dir, ref string, p *terminal.Progress) (_ *Checkout, err error) {
	top, err := git(ctx, dir, "rev-parse", "--show-prefix")
	if err != nil {
		return nil, fmt.Errorf("%s is not in a git working tree, which a revision could be taken from: change to "+
			"one (%w)", dir, err)
	}
	c := &Checkout{dir: dir, ref: ref, shown: p}
	// Git treats an argument that begins with a dash as a flag.
	if strings.HasPrefix(ref, "-") || ref == "" {
		return nil, unknown(ref, "", errors.New("a revision cannot begin with a dash or be empty"))
	}
	if c.Commit, err = git(ctx, dir, "rev-parse", "--verify", "--quiet", ref+"^{commit}"); err != nil {
		names, _ := Names(ctx, dir) // only for a suggestion
		return nil, unknown(ref, spelling.Meant(ref, names), err)
	}
	if err := c.look(ctx); err != nil {
		return nil, err
	}
	if c.temp, err = os.MkdirTemp("", "loadgen-base-"); err != nil {
		return nil, fmt.Errorf("making a directory to check out %s: %w", ref, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.Close())
		}
	}()
	defer p.Doing("checking out " + c.Known()[0])()
	if _, err := git(ctx, dir, "worktree", "add", "--detach", "--quiet", c.tree(), c.Commit); err != nil {
		return nil, fmt.Errorf("checking out %s: %w", ref, err)
	}
	c.Dir = filepath.Join(c.tree(), filepath.FromSlash(top))
	if _, err := os.Stat(c.Dir); err != nil {
		return nil, fmt.Errorf("%s has no directory %s: change to one that both sides have", ref, top)
	}
	return c, nil
}

// Names returns HEAD and the names of the branches and tags of the repository that dir is in.
func Names(ctx context.Context, dir string) ([]string, error) {
	refs, err := git(ctx, dir, "for-each-ref", "--format=%(refname:short)", "refs/heads", "refs/tags", "refs/remotes")
	if err != nil {
		return nil, err
	}
	return append([]string{"HEAD"}, strings.Fields(refs)...), nil
}

// unknown returns an error about a revision that git does not know, with a suggestion.
func unknown(ref, meant string, err error) error {
	return fmt.Errorf("git knows no revision %q%s: want a branch, a tag or a commit, which a shallow clone may "+
		"have to fetch first (%w)", ref, meant, err)
}

// look sets Head.
func (c *Checkout) look(ctx context.Context) (err error) {
	c.Head, err = git(ctx, c.dir, "rev-parse", "--verify", "--quiet", "HEAD^{commit}")
	if err != nil {
		return fmt.Errorf("the working tree has no commit yet: %w", err)
	}
	status, err := git(ctx, c.dir, "status", "--porcelain")
	if err != nil {
		return fmt.Errorf("looking for changes of the working tree: %w", err)
	}
	if status != "" {
		c.Head += "+changes"
	}
	return nil
}

// Same reports whether the revision equals the working tree.
func (c *Checkout) Same() bool { return c.Commit == c.Head }

// tree returns the directory of the checkout.
func (c *Checkout) tree() string { return filepath.Join(c.temp, "tree") }

// Close removes the checkout, and git's record of it. An interrupt may have left an incomplete checkout, which git
// keeps locked; only a second --force removes it.
func (c *Checkout) Close() error {
	var errs []error
	if _, err := os.Stat(c.tree()); err == nil {
		if _, err := git(context.Background(), c.dir, "worktree", "remove", "--force", "--force",
			c.tree()); err != nil {
			errs = append(errs, fmt.Errorf("removing the checkout of %.12s (git worktree prune removes its record): "+
				"%w", c.Commit, err))
		}
	}
	return errors.Join(append(errs, os.RemoveAll(c.temp))...)
}

// A Side is one of the two sides, base or head.
type Side struct {
	Name   string // base or head
	Dir    string // to build in
	Commit string
}

// Sides returns the revision, which is the base, and the working tree, which is the head.
func (c *Checkout) Sides() [2]Side {
	return [2]Side{{"base", c.Dir, c.Commit}, {"head", c.dir, c.Head}}
}

// Known returns the two sides as the user knows them, such as main (abc1234), and the working tree.
func (c *Checkout) Known() [2]string {
	base := fmt.Sprintf("%s (%.7s)", c.ref, c.Commit)
	if strings.HasPrefix(c.Commit, c.ref) { // the user named it by its hash
		base = fmt.Sprintf("%.12s", c.Commit)
	}
	return [2]string{base, "the working tree"}
}

// Build builds the main package pkg of both sides, and returns the paths of the programs,
// base first.
func (c *Checkout) Build(ctx context.Context, pkg string) (programs [2]string, err error) {
	return c.build(ctx, pkg, "program", reproducible...)
}

// BuildTest builds the test binary of the package pkg of both sides. It keeps paths in the binaries, since
// tests may use them to find files.
func (c *Checkout) BuildTest(ctx context.Context, pkg string) (programs [2]string, err error) {
	programs, err = c.build(ctx, pkg, "test", "test", "-c", "-buildvcs=false")
	if err != nil {
		return programs, err
	}
	for i, side := range c.Sides() {
		if _, err := os.Stat(programs[i]); err != nil {
			return programs, fmt.Errorf("%s of %s has no test files: want benchmarks on both sides", pkg, side)
		}
	}
	return programs, nil
}

// PackageDirs returns the directories of package pkg on both sides, in which go test would run its
// benchmarks.
func (c *Checkout) PackageDirs(ctx context.Context, pkg string) (dirs [2]string, err error) {
	for i, side := range c.Sides() {
		done := c.shown.Doing(fmt.Sprintf("looking for package %s of %s", pkg, c.Known()[i]))
		in, name := place(side.Dir, pkg)
		out, err := run(ctx, in, "go", "list", "-f", "{{.Dir}}", name)
		done()
		if err != nil {
			return dirs, fmt.Errorf("looking for package %s of %s: %w", pkg, side, err)
		}
		dirs[i] = out
		if strings.Contains(out, "\n") {
			return dirs, fmt.Errorf("%s is several packages: want one", pkg)
		}
	}
	return dirs, nil
}

// build builds pkg on both sides with a go command.
func (c *Checkout) build(ctx context.Context, pkg, name string, args ...string) (programs [2]string, err error) {
	for i, side := range c.Sides() {
		programs[i] = filepath.Join(c.temp, side.Name+"-"+name)
		if err := c.buildSide(ctx, i, pkg, append(slices.Clone(args), "-o", programs[i])); err != nil {
			return programs, err
		}
	}
	return programs, nil
}

// reproducible are arguments of go that build without paths in programs, so that programs of equal sources are equal
// to the byte, and share cached builds.
var reproducible = []string{"build", "-trimpath", "-buildvcs=false"}

// BuildBase builds the main package pkg of the revision into the file out.
func (c *Checkout) BuildBase(ctx context.Context, pkg, out string) error {
	if err := c.buildSide(ctx, 0, pkg, append(slices.Clone(reproducible), "-o", out, "--")); err != nil {
		return err
	}
	return isProgram(pkg, out)
}

// BuildTree builds the main package pkg as it stands into the file out. Like all functions that build, it takes a pkg
// that go build takes in dir, and also a directory of a module of its own below dir.
func BuildTree(ctx context.Context, dir, pkg, out string, p *terminal.Progress) error {
	defer p.Doing("building " + pkg)()
	in, name := place(dir, pkg)
	if _, err := run(ctx, in, "go", append(slices.Clone(reproducible), "-o", out, "--", name)...); err != nil {
		return fmt.Errorf("building %s: %w", pkg, err)
	}
	return isProgram(pkg, out)
}

// isProgram returns an error if go built an archive into a file, as it does for other packages than main.
func isProgram(pkg, out string) error {
	info, err := os.Stat(out)
	if err == nil && info.Mode()&0o111 == 0 {
		return fmt.Errorf("building %s: it is no program: want a package main", pkg)
	}
	return err
}

// buildSide runs a go command that builds pkg on the i-th side. args are what comes before pkg.
func (c *Checkout) buildSide(ctx context.Context, i int, pkg string, args []string) error {
	defer c.shown.Doing("building " + c.Known()[i])()
	side := c.Sides()[i]
	in, name := place(side.Dir, pkg)
	if err := inModule(ctx, in, side); err != nil {
		return err
	}
	if _, err := run(ctx, in, "go", append(args, name)...); err != nil {
		return fmt.Errorf("building %s of %s: %w", pkg, side, err)
	}
	return nil
}

// place returns the directory in which go finds a package, and its name there. That is dir, unless pkg is a directory
// of another module than dir, which go refuses from outside.
func place(dir, pkg string) (in, name string) {
	path := filepath.FromSlash(pkg)
	if filepath.IsAbs(path) {
		below, err := filepath.Rel(dir, path)
		if err != nil || !filepath.IsLocal(below) {
			return dir, pkg // of a checkout it would be the same directory for both sides
		}
	} else if first, _, _ := strings.Cut(filepath.ToSlash(path), "/"); first == "." || first == ".." {
		path = filepath.Join(dir, path)
	} else {
		return dir, pkg // an import path
	}
	if info, err := os.Stat(path); err != nil || !info.IsDir() {
		return dir, pkg // go says what is wrong with it
	}
	module := moduleOf(path)
	if module == "" || module == moduleOf(dir) {
		return dir, pkg
	}
	below, err := filepath.Rel(module, path)
	if err != nil {
		return dir, pkg
	}
	return module, "./" + filepath.ToSlash(below)
}

// moduleOf returns the directory with the go.mod that is nearest to dir, in dir or above it, or "".
func moduleOf(dir string) string {
	for {
		if info, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil && !info.IsDir() {
			return dir
		}
		above := filepath.Dir(dir)
		if above == dir {
			return ""
		}
		dir = above
	}
}

// String returns the name and the commit, such as base (commit 0123456789ab).
func (s Side) String() string {
	commit, changes, _ := strings.Cut(s.Commit, "+")
	if changes != "" {
		changes = " with changes"
	}
	return fmt.Sprintf("%s (commit %.12s%s)", s.Name, commit, changes)
}

// inModule returns an error if a directory of a side is not in a Go module.
func inModule(ctx context.Context, dir string, side Side) error {
	mod, err := run(ctx, dir, "go", "env", "GOMOD")
	if err != nil {
		return err
	}
	if mod == "" || mod == os.DevNull {
		return fmt.Errorf("%s is not in a Go module on the side %s: change to the module to build",
			dir, side)
	}
	return nil
}

// git runs git and returns its output.
func git(ctx context.Context, dir string, args ...string) (string, error) {
	return run(ctx, dir, "git", args...)
}

// run runs a tool and returns its output. An error contains the standard error of the tool.
func run(ctx context.Context, dir, tool string, args ...string) (string, error) {
	cmd := child.Command(ctx, tool, args...)
	cmd.Dir = dir
	cmd.Env = append(outside(os.Environ()), "PWD="+dir)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	switch message := strings.TrimSpace(stderr.String()); {
	case err == nil:
		return strings.TrimSpace(stdout.String()), nil
	case ctx.Err() != nil:
		return "", ctx.Err()
	case message != "":
		return "", fmt.Errorf("%s %s: %w\n%s", tool, args[0], err, message)
	default:
		return "", fmt.Errorf("%s %s: %w", tool, args[0], err)
	}
}

// outside returns an environment without the variables that git sets for its hooks. A gate may run in a hook, and must
// use the repository of its directory.
func outside(env []string) []string {
	return slices.DeleteFunc(env, func(e string) bool {
		name, _, _ := strings.Cut(e, "=")
		return slices.Contains([]string{"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX",
			"GIT_OBJECT_DIRECTORY", "PWD"}, name)
	})
}
