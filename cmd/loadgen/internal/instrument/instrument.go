// Package instrument builds programs whose handlers are probed: each function that is registered in a
// map[string]func() counts and times its calls. It gives the go command an overlay of edited files, and never changes
// the source tree.
package instrument

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/tools/go/packages"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/child"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/instrument/load"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/instrument/probe"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/instrument/rewrite"
)

// Options are the settings of Build and Check.
type Options struct {
	Marked   bool           // probe only tables with //loadgen:probe
	Tables   *regexp.Regexp // probe only tables whose name it matches; nil: all
	ProbeDir string         // where package lgprobe is installed; "": in the user's cache
	Dir      string         // the current directory; "": that of the process
	Own      []string       // the names of loadgen's flags, which the go command does not get
	// Found is called with what was found, before the go command runs. An error of it ends the build.
	Found  func(*Report) error
	Stdin  io.Reader
	Stdout io.Writer // of the go command
	Stderr io.Writer
}

// drain is how long the go command, and the program that it runs, may take to end after an interrupt.
const drain = 30 * time.Second

// tag is the build tag that is set in builds with probes.
const tag = "loadgen"

// A session is one use of the go command.
type session struct {
	Options
	ctx  context.Context
	line *line
	env  map[string]string // of go env
	dir  string            // the directory that the go command works in
	temp string
}

// Build runs a go command, go build or one like it, with an overlay that has probes. If a handler cannot be probed,
// the report has problems, and nothing is built. If the go command fails, the error is an [*ExitError].
func Build(ctx context.Context, o Options, words []string) error {
	if len(words) == 0 {
		return errors.New("no command\n\thint: want go " + strings.Join(verbs, ", go "))
	}
	l, err := parseLine(words[0], words[1:])
	if err == nil {
		err = l.checkFlags(o.Own, false) // others may be those of a later version of Go
	}
	if err != nil {
		return err
	}
	return o.session(ctx, l, func(s *session) error {
		report, at, err := s.find(l.verb == "test")
		if err != nil {
			return err
		}
		if err := o.Found(report); err != nil || len(report.Problems) > 0 {
			return err
		}
		overlay := ""
		if len(report.Sites) > 0 {
			if overlay, err = s.overlay(at); err != nil {
				return err
			}
		}
		return s.run(s.Dir, s.instrumented(overlay))
	})
}

// Check reports what Build would find, and builds nothing.
func Check(ctx context.Context, o Options, words []string, tests bool) error {
	l, err := parseLine("build", words)
	if err == nil {
		err = l.checkFlags(o.Own, true)
	}
	if err != nil {
		return err
	}
	l.verb = "check"
	return o.session(ctx, l, func(s *session) error {
		report, _, err := s.find(tests)
		if err != nil {
			return err
		}
		return o.Found(report)
	})
}

// session calls f with a session, and removes its temporary directory at the end.
func (o Options) session(ctx context.Context, l *line, f func(*session) error) (err error) {
	s := &session{Options: o, ctx: ctx, line: l, dir: o.Dir}
	if c, ok := last(l.flags, "C"); ok {
		s.dir = c.value
		if !filepath.IsAbs(s.dir) {
			s.dir = filepath.Join(o.Dir, s.dir)
		}
	}
	if err := isDirectory(s.dir); err != nil {
		return err
	}
	if s.env, err = s.goEnv(); err != nil {
		return err
	}
	inherited, err := splitFlags(s.env["GOFLAGS"])
	if err != nil {
		return err
	}
	if err := errors.Join(refused(l.flags), refused(inherited)); err != nil {
		return err
	}
	l.flags = append(inherited, l.flags...)
	if s.temp, err = os.MkdirTemp("", "loadgen-instrument-"); err != nil {
		return err
	}
	defer func() {
		if removed := os.RemoveAll(s.temp); err == nil {
			err = removed
		}
	}()
	return f(s)
}

// isDirectory returns an error if dir is no directory. The go command cannot be started there, and the error of that
// is about the go command.
func isDirectory(dir string) error {
	if dir == "" {
		return nil
	}
	info, err := os.Stat(dir)
	if err == nil && !info.IsDir() {
		err = fmt.Errorf("%s is no directory", dir)
	}
	return err
}

// goEnv returns the settings of the go command.
func (s *session) goEnv() (map[string]string, error) {
	cmd := child.Command(s.ctx, "go", "env", "-json", "GOFLAGS", "GOWORK", "GOMOD", "GOVERSION")
	cmd.Dir, cmd.Stderr = s.dir, s.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go env: %w", err)
	}
	env := map[string]string{}
	if err := json.Unmarshal(out, &env); err != nil {
		return nil, fmt.Errorf("go env -json: %w", err)
	}
	if mod := env["GOMOD"]; (mod == "" || mod == os.DevNull) && workspace(env) == "" {
		return nil, errors.New("there is no go.mod or go.work in this directory or above it\n\t" +
			"hint: probes need modules")
	}
	return env, nil
}

// tags returns the build tags, with the tag of probes.
func (s *session) tags() string {
	f, _ := last(s.line.flags, "tags")
	tags := strings.FieldsFunc(f.value, func(r rune) bool { return r == ',' || r == ' ' })
	if !slices.Contains(tags, tag) {
		tags = append(tags, tag)
	}
	return strings.Join(tags, ",")
}

// load loads the packages.
func (s *session) load(tests bool) (*load.Program, error) {
	flags := []string{"-tags=" + s.tags()}
	for _, name := range loading {
		if f, ok := last(s.line.flags, name); ok && name != "tags" {
			flags = append(flags, f.String())
		}
	}
	return load.Load(load.Config{Context: s.ctx, Dir: s.dir, Env: s.loadEnv(), Flags: flags, Tests: tests,
		GoMod: s.env["GOMOD"]}, s.line.patterns)
}

// loadEnv returns the environment for loading. GOFLAGS has no flags in it that go/packages does not get along with: it
// calls the go command outside of modules, too, where -modfile is an error, and asks go list for a format, which -json
// excludes.
func (s *session) loadEnv() []string {
	inherited, _ := splitFlags(s.env["GOFLAGS"]) // was parsed before
	inherited = slices.DeleteFunc(inherited, func(f goFlag) bool { return f.name == "modfile" || f.name == "json" })
	return append(os.Environ(), "GOFLAGS="+joinFlags(inherited))
}

// plainly runs the go command without probes on packages that cannot be loaded: it says best what is wrong with them.
func (s *session) plainly(found []packages.Error) error {
	args := []string{"build", "-o", os.DevNull}
	if s.line.verb == "test" || s.line.verb == "check" {
		args = []string{"vet"}
	}
	args = append(args, "-tags="+s.tags()) // else a guard file could fail
	for _, name := range []string{"mod", "modfile", "race", "msan", "asan"} {
		if f, ok := last(s.line.flags, name); ok {
			args = append(args, f.String())
		}
	}
	err := s.run(s.dir, append(args, s.line.patterns...))
	if err == nil {
		var all []error
		for _, e := range found {
			all = append(all, e)
		}
		return fmt.Errorf("the packages cannot be loaded: %w", errors.Join(all...))
	}
	return err
}

// find loads the packages, and inserts the probes.
func (s *session) find(tests bool) (*Report, *placed, error) {
	p, err := s.load(tests)
	switch {
	case s.ctx.Err() != nil:
		return nil, nil, s.ctx.Err()
	case err != nil:
		return nil, nil, s.plainly([]packages.Error{{Msg: err.Error()}})
	case len(p.Errors) > 0:
		return nil, nil, s.plainly(p.Errors)
	case p.Module == nil:
		return nil, nil, fmt.Errorf("no package of a main module matches %s\n\thint: only packages of the module, or "+
			"of the workspace, that is worked on are probed", strings.Join(s.line.patterns, " "))
	}
	at := s.place(p)
	o := rewrite.Options{ProbePath: at.path, Marked: s.Marked, Tables: s.Tables, Live: at.path + "/" + probe.Live,
		Tests: s.line.verb == "test"}
	switch uses, known := bridges(p); {
	case known:
		o.Bridge, o.Bridged = at.path+"/"+probe.Bridge, probe.Observable
	case uses:
		fmt.Fprintf(s.Stderr, "loadgen: warning: handlers are not in the account of package observable, which has no "+
			"package %[1]s beside it\n\thint: update its module; with a vendor directory, import %[2]s/%[1]s for its "+
			"effects, too\n", probe.BridgeNeeds, probe.Observable)
	}
	result, err := rewrite.Rewrite(p, o)
	if err != nil {
		return nil, nil, err
	}
	at.files = result.Files
	return newReport(p, result, s.dir), at, nil
}

// instrumented returns the arguments of the go command with probes. Overlay is the path of the overlay, or "".
func (s *session) instrumented(overlay string) []string {
	args := []string{s.line.verb}
	rest := s.line.rest
	if len(rest) > 0 { // -C must be the first flag
		if f, _ := parseFlag(rest[0]); f.name == "C" && strings.HasPrefix(rest[0], "-") {
			n := 1
			if !f.hasValue {
				n = min(2, len(rest))
			}
			args, rest = append(args, rest[:n]...), rest[n:]
		}
	}
	if overlay != "" {
		args = append(args, "-overlay="+overlay)
	}
	if s.line.verb == "test" && s.vendored() {
		if _, ok := last(s.line.flags, "vet"); !ok {
			args = append(args, "-vet=off") // vet changes into the directory of a package that only the overlay has
		}
	}
	return append(args, s.withTags(rest)...)
}

// withTags returns the words of a command line with the tag of probes among the tags.
func (s *session) withTags(words []string) []string {
	kept := []string{"-tags=" + s.tags()}
	n, isTest := len(words), s.line.verb == "test"
	for i := 0; i < n; i++ {
		word := words[i]
		isFlag := strings.HasPrefix(word, "-")
		f, known := parseFlag(word)
		if !isFlag && s.line.verb == "run" || isTest && isFlag && (f.name == "args" || !known) {
			return append(kept, words[i:]...)
		}
		isTags := isFlag && f.name == "tags"
		if !isTags {
			kept = append(kept, word)
		}
		if isFlag && !f.hasValue && slices.Contains(valued, f.name) && i+1 < n {
			i++
			if !isTags {
				kept = append(kept, words[i])
			}
		}
	}
	return kept
}

// run runs the go command in a directory to its end. It returns the error of the context if that ended it.
func (s *session) run(dir string, args []string) error {
	cmd := child.Command(s.ctx, "go", args...)
	cmd.Dir = dir
	cmd.WaitDelay = drain
	cmd.Stdin, cmd.Stdout, cmd.Stderr = s.Stdin, s.Stdout, s.Stderr
	err := cmd.Run()
	if s.ctx.Err() != nil {
		return s.ctx.Err()
	}
	return exitOf(err)
}
