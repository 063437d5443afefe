package instrument

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/child"
)

// GuardFile is the name of the file that Guard writes.
const GuardFile = "loadgen_guard.go"

// guardText is the text of that file. It has the build tag twice, and the name of the package.
const guardText = `//go:build %[1]s && !loadgen

package %[2]s

// A plain go build -tags=%[1]s would build this package without probes and without a warning. So it fails here.
// Build with
//
//	loadgen instrument go build -tags=%[1]s
var _ = build_with__loadgen_instrument_go_build
`

// isTag matches a build tag.
var isTag = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.]*$`)

// Guard writes a file into the directory of a package that makes every build with a tag fail, unless it has probes. It
// returns the path of the file, and whether it was there already.
func Guard(ctx context.Context, dir, name string) (path string, existed bool, err error) {
	if !isTag.MatchString(name) || name == tag {
		return "", false, fmt.Errorf("%q is no build tag that can be guarded\n\thint: want one such as trace", name)
	}
	if err := isDirectory(dir); err != nil {
		return "", false, err
	}
	list := child.Command(ctx, "go", "list", "-e", "-find", "-f", "{{.Name}}", ".")
	var stderr bytes.Buffer
	list.Dir, list.Stderr = dir, &stderr
	out, err := list.Output()
	if err != nil {
		return "", false, errors.New(cmp.Or(strings.TrimSpace(stderr.String()), err.Error()))
	}
	pkg := strings.TrimSpace(string(out))
	if pkg == "" {
		return "", false, fmt.Errorf("there is no package in %s\n\thint: run it in the directory of package main", dir)
	}
	path = filepath.Join(dir, GuardFile)
	text := fmt.Appendf(nil, guardText, name, pkg)
	switch old, err := os.ReadFile(path); {
	case err == nil && bytes.Equal(old, text):
		return path, true, nil
	case err == nil:
		return path, true, fmt.Errorf("%s exists, and has another text\n\thint: remove it first", path)
	case !os.IsNotExist(err):
		return path, false, err
	}
	return path, false, os.WriteFile(path, text, 0o644)
}
