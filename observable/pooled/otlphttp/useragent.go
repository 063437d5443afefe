package otlphttp

import (
	"runtime/debug"
	"strings"
	"sync"
)

// userAgent returns what the exporter calls itself, with the version of this module.
var userAgent = sync.OnceValue(func() string {
	info, _ := debug.ReadBuildInfo()
	return "loadgen-otlphttp/" + versionIn(info)
})

// versionIn returns the version of this module in a program, or "devel" if it has none.
func versionIn(info *debug.BuildInfo) string {
	if info == nil {
		return "devel"
	}
	for _, m := range append([]*debug.Module{&info.Main}, info.Deps...) {
		if m.Path != "github.com/loadgen-go/loadgen" {
			continue
		}
		if m.Replace != nil {
			m = m.Replace
		}
		if strings.HasPrefix(m.Version, "v") {
			return m.Version
		}
	}
	return "devel" // go test and a replacement in a directory have "" or "(devel)"
}
