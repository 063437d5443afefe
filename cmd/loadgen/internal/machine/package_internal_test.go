package machine

import (
	"runtime/debug"
	"testing"
)

func TestTheMainPackageOfAProgramIsKnown(t *testing.T) {
	module := debug.Module{Path: "example.com/shop"}
	for name, c := range map[string]struct {
		info debug.BuildInfo
		want string
	}{
		"a package": {debug.BuildInfo{Path: "example.com/shop/cmd/load", Main: module},
			"example.com/shop/cmd/load"},
		"a list of files in a module": {debug.BuildInfo{Path: "command-line-arguments", Main: module},
			"example.com/shop"},
		"a list of files and no module": {debug.BuildInfo{Path: "command-line-arguments"}, ""},
		"nothing":                       {debug.BuildInfo{}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := packageOf(&c.info); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}
