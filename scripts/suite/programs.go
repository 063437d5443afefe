package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

const programsUsage = `usage: scripts/programs [-run REGEXP]

Builds and tests public programs with and without the probes of loadgen instrument, and compares what they do. It gets
modules with the go command, and copies them. It exits with 1 if a test or an exit code differs.

`

// A tested is a public module whose tests are run.
type tested struct {
	module   string // with its version
	packages []string
}

// testedModules are modules whose tests, or programs, have tables of handlers.
var testedModules = []tested{
	{"github.com/rogpeppe/go-internal@v1.16.0", []string{"./testscript", "./cmd/..."}},
	{"mvdan.cc/sh/v3@v3.14.1", []string{"./cmd/..."}},
	{"google.golang.org/grpc@v1.84.0", []string{"./internal/xds/server"}},
}

// commandPrograms are directories of the Go distribution, each with a program of many commands that are registered in
// a table.
var commandPrograms = []string{"src/runtime/testdata/testprog", "src/runtime/testdata/testprogcgo"}

func programs(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("programs", flag.ContinueOnError)
	flags.Usage = func() { fmt.Fprint(flags.Output(), programsUsage); flags.PrintDefaults() }
	only := flags.String("run", "", "only the programs whose names match `REGEXP`")
	if err := flags.Parse(args); err != nil {
		return err
	}
	wanted, err := regexp.Compile(*only)
	if err != nil {
		return fmt.Errorf("-run: %w", err)
	}
	temp, err := os.MkdirTemp("", "programs-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	c := &comparer{ctx: ctx, temp: temp, loadgen: filepath.Join(temp, "loadgen")}
	if _, err := c.output("", "go", "build", "-o", c.loadgen, "./cmd/loadgen"); err != nil {
		return err
	}
	for _, m := range testedModules {
		if wanted.MatchString(m.module) {
			if err := c.compareTests(m); err != nil {
				return fmt.Errorf("%s: %w", m.module, err)
			}
		}
	}
	for _, dir := range commandPrograms {
		if wanted.MatchString(dir) {
			if err := c.compareCommands(dir); err != nil {
				return fmt.Errorf("%s: %w", dir, err)
			}
		}
	}
	if c.differ {
		return errFound
	}
	return ctx.Err()
}

// A comparer compares programs with probes and without.
type comparer struct {
	ctx           context.Context
	temp, loadgen string
	differ        bool
}

// output runs a command in a directory and returns its standard output.
func (c *comparer) output(dir, name string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(c.ctx, name, args...)
	var stderr bytes.Buffer
	cmd.Dir, cmd.Stderr = dir, &stderr
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, stderr.Bytes())
	}
	return out, err
}

// copied copies a directory, and returns the copy, whose files can be changed.
func (c *comparer) copied(dir string) (string, error) {
	to, err := os.MkdirTemp(c.temp, "copy-")
	if err != nil {
		return "", err
	}
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(dir, path)
		if err != nil || d.IsDir() {
			return errors.Join(err, os.MkdirAll(filepath.Join(to, relative), 0o755))
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, relative), text, 0o644)
	})
	return to, err
}

// handlers returns how many handlers have probes.
func (c *comparer) handlers(dir string, packages ...string) (int, error) {
	out, err := c.output(dir, c.loadgen, append([]string{"instrument", "check", "--format", "json"}, packages...)...)
	if err != nil {
		return 0, err
	}
	var report struct{ Sites []struct{} }
	err = json.Unmarshal(out, &report)
	return len(report.Sites), err
}

// compareTests runs the tests of a module twice, and prints how many differ.
func (c *comparer) compareTests(m tested) error {
	out, err := c.output("", "go", "mod", "download", "-json", m.module)
	if err != nil {
		return err
	}
	var download struct{ Dir string }
	if err := json.Unmarshal(out, &download); err != nil {
		return err
	}
	dir, err := c.copied(download.Dir)
	if err != nil {
		return err
	}
	sites, err := c.handlers(dir, m.packages...)
	if err != nil {
		return err
	}
	off, err := c.results(dir, append([]string{"go", "test", "-json", "-count=1"}, m.packages...))
	if err != nil {
		return err
	}
	on, err := c.results(dir, append([]string{c.loadgen, "instrument", "go", "test", "-json", "-count=1"},
		m.packages...))
	if err != nil {
		return err
	}
	var differ []string
	for name, result := range off {
		if on[name] != result {
			differ = append(differ, fmt.Sprintf("%s: %s without probes, %q with them", name, result, on[name]))
		}
	}
	slices.Sort(differ)
	fmt.Printf("%s: handlers with probes: %d; results of tests: %d, and %d with probes; %d differ\n", m.module, sites,
		len(off), len(on), len(differ))
	c.report(differ)
	c.differ = c.differ || len(off) != len(on)
	return nil
}

// report prints what differs.
func (c *comparer) report(differ []string) {
	c.differ = c.differ || len(differ) > 0
	for _, line := range differ {
		fmt.Println("\t" + line)
	}
}

// results runs go test -json, and returns the result of each test and package.
func (c *comparer) results(dir string, words []string) (map[string]string, error) {
	cmd := exec.CommandContext(c.ctx, words[0], words[1:]...)
	var stderr bytes.Buffer
	cmd.Dir, cmd.Stderr = dir, &stderr
	out, err := cmd.Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return nil, err
	}
	all := map[string]string{}
	for line := range bytes.Lines(out) {
		var e event
		if err := json.Unmarshal(line, &e); err != nil {
			return nil, fmt.Errorf("%w in %s\n%s", err, line, stderr.Bytes())
		}
		if slices.Contains([]string{"pass", "fail", "skip"}, e.Action) {
			all[e.Package+" "+e.Test] = e.Action
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s: %w\n%s", strings.Join(words, " "), err, stderr.Bytes())
	}
	return all, nil
}

// registered matches the registration of a command.
var registered = regexp.MustCompile(`(?m)^\s*register\("(\w+)"`)

// constraint matches the line that says on which systems a file is compiled.
var constraint = regexp.MustCompile(`(?m)^//( \+|go:)build .*$`)

// compareCommands runs all commands of a program twice, and prints how many differ.
func (c *comparer) compareCommands(program string) error {
	out, err := c.output("", "go", "env", "GOROOT")
	if err != nil {
		return err
	}
	dir, err := c.copied(filepath.Join(strings.TrimSpace(string(out)), filepath.FromSlash(program)))
	if err != nil {
		return err
	}
	names, err := commandsOf(dir)
	if err != nil {
		return err
	}
	sites, err := c.handlers(dir, "--tests=false", ".")
	if err != nil {
		return err
	}
	off, on := filepath.Join(dir, "off.exe"), filepath.Join(dir, "on.exe")
	if _, err := c.output(dir, "go", "build", "-o", off, "."); err != nil {
		return err
	}
	if _, err := c.output(dir, c.loadgen, "instrument", "go", "build", "-o", on, "."); err != nil {
		return err
	}
	var differ []string
	texts, traces := 0, 0
	for i, pair := range c.pairs(names, off, on) {
		if pair[0].code != pair[1].code && !c.varies(off, on, names[i]) {
			differ = append(differ, fmt.Sprintf("%s: exit %d without probes, %d with them", names[i], pair[0].code,
				pair[1].code))
		}
		if pair[0].stdout == pair[1].stdout {
			texts++
		}
		if traceOf(pair[0].stderr) == traceOf(pair[1].stderr) {
			traces++
		}
	}
	fmt.Printf("%s: handlers with probes: %d; commands: %d; %d exit codes differ, the output of %d is equal, and the "+
		"trace of %d\n", program, sites, len(names), len(differ), texts, traces)
	c.report(differ)
	return nil
}

// commandsOf removes the files that import internal packages of Go, makes the rest a module, and returns the names of
// the commands.
func commandsOf(dir string) (names []string, err error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		if bytes.Contains(text, []byte("\"internal/")) {
			if err := os.Remove(file); err != nil {
				return nil, err
			}
			continue
		}
		if strings.HasSuffix(file, "_none.go") { // it takes the place of a file for one system, which was removed
			text = constraint.ReplaceAll(text, nil)
			if err := os.WriteFile(file, text, 0o644); err != nil {
				return nil, err
			}
		}
		for _, found := range registered.FindAllSubmatch(text, -1) {
			names = append(names, string(found[1]))
		}
	}
	slices.Sort(names)
	goMod := []byte("module testprog\n\ngo 1.26\n")
	return slices.Compact(names), os.WriteFile(filepath.Join(dir, "go.mod"), goMod, 0o644)
}

// varies reports whether a command that ended with different exit codes ends with the same ones in some of more runs:
// those that test races depend on chance.
func (c *comparer) varies(off, on, name string) bool {
	codes := map[int]bool{}
	for range 10 {
		codes[c.do(off, name).code] = true
		if codes[c.do(on, name).code] {
			return true
		}
	}
	return false
}

// A did is what a command did.
type did struct {
	stdout, stderr string
	code           int
}

// patience is how long a command may run. Some wait for a signal.
const patience = 10 * time.Second

// pairs runs each command without probes and with them.
func (c *comparer) pairs(names []string, off, on string) [][2]did {
	all := make([][2]did, len(names))
	var group sync.WaitGroup
	slots := make(chan bool, 4)
	for i, name := range names {
		group.Go(func() {
			slots <- true
			all[i] = [2]did{c.do(off, name), c.do(on, name)}
			<-slots
		})
	}
	group.Wait()
	return all
}

func (c *comparer) do(program, name string) did {
	ctx, stop := context.WithTimeout(c.ctx, patience)
	defer stop()
	cmd := exec.CommandContext(ctx, program, name)
	group(cmd)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	_ = cmd.Run() // the exit code says it
	return did{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

var (
	ofProbes  = regexp.MustCompile(`(?m)^\S*/lgprobe\.[^\n]*\n\t[^\n]*\n`)
	addresses = regexp.MustCompile(` \+0x[0-9a-f]+|0x[0-9a-f]+|goroutine \d+`)
	arguments = regexp.MustCompile(`(?m)^(\S.*)\([^()\n]*\)$`)
)

// traceOf returns a trace without the frames of probes, addresses, and arguments.
func traceOf(text string) string {
	text = addresses.ReplaceAllString(ofProbes.ReplaceAllString(text, ""), "")
	return arguments.ReplaceAllString(text, "$1()")
}
