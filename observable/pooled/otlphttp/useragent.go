package otlphttp

import (
	"runtime/debug"
	"strings"
	"sync"
)

// userAgent returns the User-Agent of the exporter, with the version of this module.
var userAgent = sync.OnceValue(func() string {
	info, _ := debug.ReadBuildInfo()
	return "loadgen-otlphttp/" + versionIn(info)
})

// versionIn returns the version of this module in a program, or "devel" if it is unknown.
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
	return "devel" // in a test or with a replaced directory the version is "" or "(devel)"
}
