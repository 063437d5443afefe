package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// peerModules are the modules of the peers.
var peerModules = []string{"fortio.org/fortio", "github.com/rakyll/hey", "github.com/tsenart/vegeta/v12",
	"github.com/valyala/fasthttp", "go.uber.org/ratelimit", "golang.org/x/time"}

// environment returns a text that says what is measured where, and how to repeat it in the same order.
func environment(o options) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("go: %s %s/%s", runtime.Version(), runtime.GOOS, runtime.GOARCH)
	line("cpu: %s, %d, GOMAXPROCS %d", cpuModel(), runtime.NumCPU(), runtime.GOMAXPROCS(0))
	line("kernel: %s", kernel())
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			if slices.Contains(peerModules, m.Path) {
				line("peer: %s %s", m.Path, m.Version)
			}
		}
	}
	if o.wants("client") {
		for _, p := range programs {
			line("peer: %s, %s", p.name, p.version())
		}
	}
	line("rounds: %d, in random order, seed %d", o.rounds, o.seed)
	line("duration: %v, cut off after %v", o.duration, o.timeout)
	return b.String()
}

func kernel() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return "unknown: " + err.Error()
	}
	return unix.ByteSliceToString(u.Sysname[:]) + " " + unix.ByteSliceToString(u.Release[:])
}

// cpuModel returns the name of the processor, if the system reports it.
func cpuModel() string {
	if data, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		return modelName(string(data))
	}
	// macOS has no /proc.
	out, err := exec.Command("sysctl", "-n", "machdep.cpu.brand_string").Output()
	if err != nil {
		return "unknown model"
	}
	return strings.TrimSpace(string(out))
}

// modelName returns the name of the first processor in /proc/cpuinfo.
func modelName(cpuinfo string) string {
	for l := range strings.Lines(cpuinfo) {
		if key, value, ok := strings.Cut(l, ":"); ok && strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown model"
}
