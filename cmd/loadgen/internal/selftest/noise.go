package selftest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/internal/jsonfile"
)

// NoiseFile is the file with the noise floor of a machine, kept beside its runs so that reports can mention it.
const NoiseFile = "results/noise-floor.json"

// CanKeep returns an error if [AA.Keep] could not write the file path. It does not change the file. No file is meant
// if path is "".
func CanKeep(path string) error {
	if path == "" {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	_, err := os.Stat(path)
	isNew := errors.Is(err, fs.ErrNotExist)
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	err = f.Close()
	if isNew {
		err = errors.Join(err, os.Remove(path))
	}
	return err
}

// Keep writes r to a file. It makes the directory if necessary.
func (r *AA) Keep(path string) error {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, append(data, '\n'), 0o644)
}

// ReadNoise reads what Keep wrote. It returns nil if there is no such file.
func ReadNoise(path string) (*AA, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return parseNoise(path, data)
}

// parseNoise reads data, the file at path.
func parseNoise(path string, data []byte) (*AA, error) {
	var r AA
	switch err := json.Unmarshal(data, &r); {
	case err != nil:
		return nil, fmt.Errorf("%s: %w: write it anew by loadgen selftest --aa 12", jsonfile.Place(path, data, err),
			err)
	case r.Schema > 1:
		return nil, fmt.Errorf("%s: schema %d, which a later loadgen wrote, and this one reads 1: "+
			"install a later one, or write it anew by loadgen selftest --aa 12", path, r.Schema)
	case r.Schema < 1:
		return nil, fmt.Errorf("%s: schema %d: want 1: write it anew by loadgen selftest --aa 12", path, r.Schema)
	}
	return &r, nil
}

// Noise returns a sentence about the noise floor of the wanted units. It is empty if there are none, or if r is nil.
func (r *AA) Noise(wanted func(unit string) bool) string {
	if r == nil {
		return ""
	}
	var units []string
	for _, f := range r.Units {
		if wanted(f.Unit) {
			units = append(units, f.Unit+" "+f.show(f.P90))
		}
	}
	if len(units) == 0 {
		return ""
	}
	e := &r.Environment
	return fmt.Sprintf("noise floor, of selftest --aa in %s on %s (%s, GOMAXPROCS=%d): nine of ten differences of "+
		"an arm from itself are below %s",
		format.Plural(r.Rounds, "round"), r.Began.Format("2006-01-02"), e.CPU, e.GOMAXPROCS, strings.Join(units, ", "))
}
