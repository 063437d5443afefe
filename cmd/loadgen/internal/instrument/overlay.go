package instrument

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/instrument/load"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/instrument/probe"
)

// placed says where package lgprobe is, and holds the files with probes.
type placed struct {
	path   string // its import path
	module string // the directory of the main module that it is put into, for vendoring; "": it is a module
	goMod  string // the go.mod of a main module
	files  map[string][]byte
}

// place decides where package lgprobe goes. With vendoring, only the main module can have another package.
func (s *session) place(p *load.Program) *placed {
	if s.vendored() {
		// The underscore keeps it out of ./...
		return &placed{path: p.Module.Path + "/_" + probe.Name, module: p.Module.Dir}
	}
	at := &placed{path: probe.Module, goMod: p.Module.GoMod}
	if f, ok := last(s.line.flags, "modfile"); ok {
		if at.goMod = f.value; !filepath.IsAbs(f.value) {
			at.goMod = filepath.Join(s.dir, f.value)
		}
	}
	return at
}

// bridges reports whether the program uses package observable, and whether that is a version that knows probes.
func bridges(p *load.Program) (uses, known bool) {
	dir := p.Imported[probe.Observable]
	if dir == "" {
		return false, false
	}
	_, err := os.Stat(filepath.Join(dir, probe.BridgeNeeds))
	return true, err == nil
}

// workspace returns the path of go.work in the settings of the go command, or "" if there is none.
func workspace(env map[string]string) string {
	if work := env["GOWORK"]; work != "off" {
		return work
	}
	return ""
}

// vendored reports whether the go command takes dependencies from a directory called vendor.
func (s *session) vendored() bool {
	if f, ok := last(s.line.flags, "mod"); ok {
		return f.value == "vendor"
	}
	dir := filepath.Dir(s.env["GOMOD"])
	if work := workspace(s.env); work != "" {
		dir = filepath.Dir(work)
	}
	_, err := os.Stat(filepath.Join(dir, "vendor", "modules.txt"))
	return err == nil
}

// overlay writes the overlay, and returns its path.
func (s *session) overlay(at *placed) (string, error) {
	replace, err := s.probeFiles(at)
	if err != nil {
		return "", err
	}
	names := make([]string, 0, len(at.files))
	for name := range at.files {
		names = append(names, name)
	}
	slices.Sort(names)
	for i, name := range names {
		if replace[name], err = s.write(fmt.Sprintf("%03d_%s", i, filepath.Base(name)), at.files[name]); err != nil {
			return "", err
		}
	}
	text, err := json.MarshalIndent(map[string]any{"Replace": replace}, "", "\t")
	if err != nil {
		return "", err
	}
	return s.write("overlay.json", text)
}

// write writes a file into the temporary directory, and returns its path.
func (s *session) write(name string, text []byte) (string, error) {
	path := filepath.Join(s.temp, name)
	return path, os.WriteFile(path, text, 0o600)
}

// probeFiles returns the part of the overlay that adds package lgprobe to the build.
func (s *session) probeFiles(at *placed) (replace map[string]string, err error) {
	if at.module != "" {
		return s.inMainModule(at)
	}
	dir := s.ProbeDir
	if dir == "" {
		if dir, err = os.UserCacheDir(); err != nil {
			return nil, fmt.Errorf("%w\n\thint: name a directory with --probe-dir", err)
		}
		dir = filepath.Join(dir, "loadgen", probe.Name)
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, err
	}
	if dir, err = probe.Install(dir); err != nil {
		return nil, fmt.Errorf("%w\n\thint: name a directory that can be written to with --probe-dir", err)
	}
	name, addition := at.goMod, "require "+probe.Module+" v0.0.0\nreplace "+probe.Module+" => "+strconv.Quote(dir)+"\n"
	if work := workspace(s.env); work != "" {
		name, addition = work, "use "+strconv.Quote(dir)+"\n"
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	to, err := s.write(filepath.Base(name), append(append(text, '\n'), addition...))
	return map[string]string{name: to}, err
}

// inMainModule returns the part of the overlay that adds package lgprobe to the main module.
func (s *session) inMainModule(at *placed) (map[string]string, error) {
	files, err := probe.Files(at.path)
	if err != nil {
		return nil, err
	}
	replace := map[string]string{}
	for name, text := range files {
		to, err := s.write(strings.ReplaceAll(name, "/", "_"), text)
		if err != nil {
			return nil, err
		}
		replace[filepath.Join(at.module, "_"+probe.Name, filepath.FromSlash(name))] = to
	}
	return replace, nil
}
