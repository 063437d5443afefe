package probe_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/instrument/probe"
)

func TestInstallWritesEachFileOnceAndMendsIt(t *testing.T) {
	dir := t.TempDir()
	first, err := probe.Install(dir)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(first, "lgprobe.go")
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if second, err := probe.Install(dir); err != nil || second != first {
		t.Errorf("Install = %s, %v, and %s before", second, err, first)
	}
	if after, err := os.Stat(path); err != nil || !os.SameFile(before, after) {
		t.Errorf("the file was written again: %v", err)
	}
	if err := os.WriteFile(path, []byte("package broken"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := probe.Install(dir); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(path); err != nil || !bytes.Contains(text, []byte("package lgprobe")) {
		t.Errorf("the file was not mended: %v\n%s", err, text)
	}
	if _, err := probe.Install(path); err == nil {
		t.Error("a file was taken for a directory")
	}
}

func TestFilesHaveTheImportPathThatIsAskedFor(t *testing.T) {
	files, err := probe.Files("example.com/app/_lgprobe")
	if err != nil || len(files) != 4 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for name, text := range files {
		if bytes.Contains(text, []byte("loadgen-go/loadgen/cmd")) {
			t.Errorf("%s imports this module", name)
		}
		if has := bytes.Contains(text, []byte(`"example.com/app/_lgprobe"`)); has != strings.Contains(name, "/") {
			t.Errorf("%s: imports %t", name, has)
		}
		if !bytes.HasPrefix(text, []byte("//go:build go1.18\n")) {
			t.Errorf("%s does not ask for Go 1.18, which a main module may be older than", name)
		}
	}
}
