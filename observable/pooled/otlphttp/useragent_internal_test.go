package otlphttp

import (
	"regexp"
	"runtime/debug"
	"testing"
)

func TestTheUserAgentHasTheVersionOfTheModule(t *testing.T) {
	const path = "github.com/loadgen-go/loadgen"
	other := &debug.Module{Path: "example.com/other", Version: "v9.9.9"}
	for _, tc := range []struct {
		name string
		info *debug.BuildInfo
		want string
	}{
		{"a program of its own", &debug.BuildInfo{Main: debug.Module{Path: path, Version: "v1.2.3"}}, "v1.2.3"},
		{"a service", &debug.BuildInfo{Main: *other, Deps: []*debug.Module{other, {Path: path, Version: "v1.2.3"}}},
			"v1.2.3"},
		{"replaced", &debug.BuildInfo{Deps: []*debug.Module{{Path: path, Version: "v1.2.3",
			Replace: &debug.Module{Path: "a.b/c", Version: "v1.2.4"}}}}, "v1.2.4"},
		{"replaced by a directory", &debug.BuildInfo{Deps: []*debug.Module{{Path: path, Version: "v1.2.3",
			Replace: &debug.Module{Path: "../c"}}}}, "devel"},
		{"not released", &debug.BuildInfo{Main: debug.Module{Path: path, Version: "(devel)"}}, "devel"},
		{"unknown", nil, "devel"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := versionIn(tc.info); got != tc.want {
				t.Errorf("%q, want %q", got, tc.want)
			}
		})
	}
	if got := userAgent(); !regexp.MustCompile(`^loadgen-otlphttp/(devel|v\d\S*)$`).MatchString(got) {
		t.Errorf("User-Agent %q", got)
	}
}
