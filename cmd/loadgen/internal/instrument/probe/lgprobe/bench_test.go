package lgprobe_test

import (
	"testing"
	"time"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/instrument/probe/lgprobe"
)

var benchEntry = lgprobe.Entry{Site: "bench", Key: "inside"}

// BenchmarkCall measures a call of an empty handler, bare and with both forms of probes, and a read of the clock.
// An idle probe does not count: the counts of the program are not read.
// Compare them within one run.
func BenchmarkCall(b *testing.B) {
	epoch := time.Now()
	lgprobe.SetClock(func() int64 { return int64(time.Since(epoch)) })
	table := map[string]func(){
		"bare":   func() {},
		"around": lgprobe.W("bench", "around", func() {}),
		"inside": lgprobe.L(&benchEntry, func() {
			var run lgprobe.Run
			run.Begin(&benchEntry)
			defer run.End()
			run.OK()
		}),
		"clock": func() { _ = time.Since(epoch) },
		"now":   func() { _ = time.Now() },
	}
	bench := func(suffix string, names ...string) {
		for _, name := range names {
			f := table[name]
			b.Run(name+suffix, func(b *testing.B) {
				for b.Loop() {
					f()
				}
			})
		}
	}
	bench("", "bare", "clock", "now", "inside", "around")
	lgprobe.Idle()
	bench("-idle", "inside", "around")
}
