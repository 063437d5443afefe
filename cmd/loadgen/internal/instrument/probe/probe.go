// Package probe holds the text of the packages that probes call, and installs it as a module.
package probe

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

//go:embed lgprobe/lgprobe.go lgprobe/live/live.go lgprobe/generic/generic.go lgprobe/bridge/bridge.go
var texts embed.FS

// Module is the path of the module. No server has it. It begins with a digit to come first when Go initializes
// packages in the order of their paths, so that package generic, which imports package reflect, delays no other one.
const Module = "0.loadgen.invalid/lgprobe"

// Name is the name of the package that most probes call. The others are the directories of packages below it.
const (
	Name    = "lgprobe"
	Live    = "live"
	Generic = "generic"
	Bridge  = "bridge"
)

// Observable is the import path of the package that Bridge accounts for calls in, by means of BridgeNeeds below it.
const (
	Observable  = "github.com/loadgen-go/loadgen/observable"
	BridgeNeeds = "probed"
)

// here is the import path of the package in this module.
const here = "github.com/loadgen-go/loadgen/cmd/loadgen/internal/instrument/probe/" + Name

// Files returns the text of each file by its name, with slashes, below the directory of the package. The package has
// the given import path in it.
func Files(path string) (map[string][]byte, error) {
	files := map[string][]byte{}
	err := fs.WalkDir(texts, Name, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := texts.ReadFile(name)
		files[name[len(Name)+1:]] = bytes.ReplaceAll(text, []byte(here), []byte(path))
		return err
	})
	return files, err
}

// Install writes the module below dir, in a directory that is named after the hash of its text, and returns that
// directory. Files that exist are left as they are, so builds at the same time do not disturb each other.
func Install(dir string) (string, error) {
	files, err := Files(Module)
	if err != nil {
		return "", err
	}
	// Go 1.18 is the first version with type parameters. A later one here would need a later one in go.work.
	files["go.mod"] = []byte("module " + Module + "\n\ngo 1.18\n")
	var names []string
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	hash := sha256.New()
	for _, name := range names {
		fmt.Fprintf(hash, "%s %d\n%s", name, len(files[name]), files[name])
	}
	dir = filepath.Join(dir, fmt.Sprintf("%x", hash.Sum(nil)[:8]))
	for _, name := range names {
		if err := writeOnce(filepath.Join(dir, filepath.FromSlash(name)), files[name]); err != nil {
			return "", err
		}
	}
	return dir, nil
}

// writeOnce writes a file at once, unless it has this text already.
func writeOnce(name string, text []byte) error {
	if old, err := os.ReadFile(name); err == nil && bytes.Equal(old, text) {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(name), "new-*")
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		_ = os.Remove(f.Name()) // the first error says more
	}
	return err
}
