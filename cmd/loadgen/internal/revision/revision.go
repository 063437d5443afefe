// Package revision builds programs at a git revision and at the working tree, so that
// the two can be measured side by side.
//
// A revision is checked out into a git worktree of its own, in a temporary directory:
// nothing of the working tree is touched, and what is not committed stays where it is.
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
)

// A Checkout is a revision beside the working tree. Whoever opened one closes it.
type Checkout struct {
	Commit string // full, of the revision
	Head   string // full, of the working tree, and +changes if it has any
	Dir    string // in the checkout, what the directory that it was opened from is in the working tree
	dir    string // where it was opened from
	temp   string
}

// Open checks out ref of the repository that dir is in. An error says what is wrong with
// either, and what to do. Once ctx ends it stops, and leaves nothing behind.
func Open(ctx context.Context, dir, ref string) (_ *Checkout, err error) {
	top, err := git(ctx, dir, "rev-parse", "--show-prefix")
	if err != nil {
		return nil, fmt.Errorf("%s is not in a git working tree, which a revision could be taken from: change to "+
			"one (%w)", dir, err)
	}
	c := &Checkout{dir: dir}
	// What begins with a dash is a flag to git, whatever stands before it.
	if strings.HasPrefix(ref, "-") || ref == "" {
		return nil, unknown(ref, errors.New("no revision is written so"))
	}
	if c.Commit, err = git(ctx, dir, "rev-parse", "--verify", "--quiet", ref+"^{commit}"); err != nil {
		return nil, unknown(ref, err)
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
	if _, err := git(ctx, dir, "worktree", "add", "--detach", "--quiet", c.tree(), c.Commit); err != nil {
		return nil, fmt.Errorf("checking out %s: %w", ref, err)
	}
	c.Dir = filepath.Join(c.tree(), filepath.FromSlash(top))
	if _, err := os.Stat(c.Dir); err != nil {
		return nil, fmt.Errorf("%s has no directory %s: change to one that both sides have", ref, top)
	}
	return c, nil
}

func unknown(ref string, err error) error {
	return fmt.Errorf("git knows no revision %q: want a branch, a tag or a commit, which a shallow clone may have "+
		"to fetch first (%w)", ref, err)
}

// look finds out what the working tree is.
func (c *Checkout) look(ctx context.Context) (err error) {
	c.Head, err = git(ctx, c.dir, "rev-parse", "--verify", "--quiet", "HEAD^{commit}")
	if err != nil {
		return fmt.Errorf("the working tree is of no commit yet: %w", err)
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

// Same tells whether the revision is what is in the working tree.
func (c *Checkout) Same() bool { return c.Commit == c.Head }

func (c *Checkout) tree() string { return filepath.Join(c.temp, "tree") }

// Close removes the checkout, and git's note of it, even one that an interrupt left half made,
// which git holds locked: hence the second --force.
func (c *Checkout) Close() error {
	var errs []error
	if _, err := os.Stat(c.tree()); err == nil {
		if _, err := git(context.Background(), c.dir, "worktree", "remove", "--force", "--force",
			c.tree()); err != nil {
			errs = append(errs, fmt.Errorf("removing the checkout of %.12s (git worktree prune forgets it): %w",
				c.Commit, err))
		}
	}
	return errors.Join(append(errs, os.RemoveAll(c.temp))...)
}

// A Side is one of the two that a program is built of.
type Side struct {
	Name   string // base or head
	Dir    string // to build in
	Commit string
}

// Sides are the revision, which is the base, and the working tree, which is the head.
func (c *Checkout) Sides() [2]Side {
	return [2]Side{{"base", c.Dir, c.Commit}, {"head", c.dir, c.Head}}
}

// Build builds the main package pkg of both sides, and returns where the programs are:
// base first.
func (c *Checkout) Build(ctx context.Context, pkg string) (programs [2]string, err error) {
	// Without paths in them, the two are the same to a byte if their source is, and share
	// what is built for them.
	return c.build(ctx, pkg, "program", "build", "-trimpath", "-buildvcs=false")
}

// BuildTest builds the test binary of the package pkg of both sides. It names what may
// lie beside it in the file system: paths stay in it.
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

// PackageDirs are where the package pkg is on both sides: where go test would run its
// benchmarks.
func (c *Checkout) PackageDirs(ctx context.Context, pkg string) (dirs [2]string, err error) {
	for i, side := range c.Sides() {
		out, err := run(ctx, side.Dir, "go", "list", "-f", "{{.Dir}}", pkg)
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

func (c *Checkout) build(ctx context.Context, pkg, name string, args ...string) (programs [2]string, err error) {
	for i, side := range c.Sides() {
		if err := inModule(ctx, side); err != nil {
			return programs, err
		}
		programs[i] = filepath.Join(c.temp, side.Name+"-"+name)
		if _, err := run(ctx, side.Dir, "go", append(slices.Clone(args), "-o", programs[i], pkg)...); err != nil {
			return programs, fmt.Errorf("building %s of %s: %w", pkg, side, err)
		}
	}
	return programs, nil
}

// String is base, commit 0123456789ab.
func (s Side) String() string {
	commit, changes, _ := strings.Cut(s.Commit, "+")
	if changes != "" {
		changes = " with changes"
	}
	return fmt.Sprintf("%s (commit %.12s%s)", s.Name, commit, changes)
}

func inModule(ctx context.Context, side Side) error {
	mod, err := run(ctx, side.Dir, "go", "env", "GOMOD")
	if err != nil {
		return err
	}
	if mod == "" || mod == os.DevNull {
		return fmt.Errorf("%s is not in a Go module on the side %s: change to the module that is to be built",
			side.Dir, side)
	}
	return nil
}

func git(ctx context.Context, dir string, args ...string) (string, error) {
	return run(ctx, dir, "git", args...)
}

// run returns what a tool prints. An error has what it says.
func run(ctx context.Context, dir, tool string, args ...string) (string, error) {
	cmd := child.Command(ctx, tool, args...)
	cmd.Dir = dir
	cmd.Env = append(outside(os.Environ()), "PWD="+dir)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	switch said := strings.TrimSpace(stderr.String()); {
	case err == nil:
		return strings.TrimSpace(stdout.String()), nil
	case ctx.Err() != nil:
		return "", ctx.Err()
	case said != "":
		return "", fmt.Errorf("%s %s: %w\n%s", tool, args[0], err, said)
	default:
		return "", fmt.Errorf("%s %s: %w", tool, args[0], err)
	}
}

// outside is an environment without what git sets for its hooks: a gate may run in one,
// and is to see the repository of its directory.
func outside(env []string) []string {
	return slices.DeleteFunc(env, func(e string) bool {
		name, _, _ := strings.Cut(e, "=")
		return slices.Contains([]string{"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX",
			"GIT_OBJECT_DIRECTORY", "PWD"}, name)
	})
}
