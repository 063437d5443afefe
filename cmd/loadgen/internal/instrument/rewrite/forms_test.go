package rewrite_test

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/golden"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/instrument/load"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/instrument/probe"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/instrument/rewrite"
)

// module writes the files of archives into a new module, each archive into a directory with its name.
func module(t *testing.T, archives map[string]*txtar.Archive) (dir string) {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for name, a := range archives {
		files, err := txtar.FS(a)
		if err == nil {
			err = os.CopyFS(filepath.Join(dir, name), files)
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	goMod := []byte("module example.com/forms\n\ngo 1.24\n")
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), goMod, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// loaded loads all packages of a module.
func loaded(t *testing.T, dir string, env ...string) *load.Program {
	t.Helper()
	p, err := load.Load(load.Config{Context: t.Context(), Dir: dir, Env: append(os.Environ(), env...), Tests: true},
		[]string{"./..."})
	if err != nil || len(p.Errors) > 0 {
		t.Fatal(err, p.Errors)
	}
	return p
}

// forms returns the archives in testdata/forms by name.
func forms(t *testing.T) map[string]*txtar.Archive {
	t.Helper()
	paths, err := filepath.Glob("testdata/forms/*.txtar")
	if err != nil || len(paths) < 10 {
		t.Fatalf("%d forms, %v", len(paths), err)
	}
	all := map[string]*txtar.Archive{}
	for _, path := range paths {
		a, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(filepath.Base(path), ".txtar")
		if name == "crlf" {
			data := bytes.ReplaceAll(a.Files[0].Data, []byte("\n"), []byte("\r\n"))
			a.Files[0].Data = append([]byte("\ufeff"), data...)
		}
		if name == "lines" {
			a.Files[0].Data = bytes.TrimSuffix(a.Files[0].Data, []byte("\n"))
		}
		all[name] = a
	}
	return all
}

// hash matches what makes inserted names of a file unique.
var hash = regexp.MustCompile(`_[0-9a-f]{6,8}_`)

// Each archive has one kind of registration. Its golden file has the text with probes, and the list of handlers.
func TestFormsOfRegistration(t *testing.T) {
	all := forms(t)
	dir := module(t, all)
	p := loaded(t, dir)
	r, err := rewrite.Rewrite(p, rewrite.Options{ProbePath: probe.Module})
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range r.Problems {
		t.Error(problem)
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		t.Run(name, func(t *testing.T) {
			var probed txtar.Archive
			for _, file := range slices.Sorted(maps.Keys(r.Files)) {
				if relative, ok := strings.CutPrefix(file, filepath.Join(dir, name)+string(filepath.Separator)); ok {
					sameLines(t, p.Sources[file], r.Files[file])
					text := bytes.ReplaceAll(r.Files[file], []byte("\r"), nil)
					text = bytes.TrimPrefix(text, []byte("\ufeff"))
					text = hash.ReplaceAll(text, []byte("_HASH_"))
					probed.Files = append(probed.Files, txtar.File{Name: filepath.ToSlash(relative), Data: text})
				}
			}
			var list strings.Builder
			for _, s := range append(slices.Clone(r.Sites), r.Others...) {
				if relative, ok := strings.CutPrefix(s.File, filepath.Join(dir, name)+string(filepath.Separator)); ok {
					fmt.Fprintf(&list, "%s:%d:%d %s %q %s\n", filepath.ToSlash(relative), s.Line, s.Column, s.Form,
						s.Key, s.Table)
				}
			}
			probed.Files = append(probed.Files, txtar.File{Name: "handlers", Data: []byte(list.String())})
			golden.Check(t, "probed/"+name+".txtar", string(txtar.Format(&probed)))
		})
	}
}

// sameLines checks that every line begins with what it began with, or with what precedes the first edit in it: no line
// has moved. A line more may follow the last one.
func sameLines(t *testing.T, before, after []byte) {
	t.Helper()
	old, new := bytes.Split(before, []byte("\n")), bytes.Split(after, []byte("\n"))
	if len(new) != len(old) && (len(new) != len(old)+1 || bytes.HasSuffix(before, []byte("\n"))) {
		t.Fatalf("%d lines became %d", len(old), len(new))
	}
	for i, line := range old {
		words := bytes.Fields(line)
		if len(words) == 0 {
			continue
		}
		last := bytes.TrimRight(words[len(words)-1], "\r,)}]")
		if !bytes.Contains(new[i], last) {
			t.Errorf("line %d, %q, became %q", i+1, line, new[i])
		}
	}
}
