package machine

import (
	"runtime"
	"testing"
	"time"
)

var sink []byte

func TestWhatIsSpentIsSeen(t *testing.T) {
	before, err := Read()
	if err != nil {
		t.Fatal(err)
	}
	for range 1000 {
		sink = make([]byte, 10_000)
	}
	runtime.GC()
	after, err := Read()
	if err != nil {
		t.Fatal(err)
	}
	c := after.Since(&before, 0)
	if c.Bytes < 10_000_000 || c.Bytes > 12_000_000 || c.Allocs < 1000 || c.GCCycles == 0 || c.CPU < 0 ||
		c.PeakRSS < 1<<20 {
		t.Errorf("10 MB in 1,000 objects, and a collection: %+v", c)
	}
	for after.Since(&before, 0).CPU == 0 { // the clock of CPU time may be coarse
		if after, err = Read(); err != nil {
			t.Fatal(err)
		}
	}
	if c := after.Since(&before, time.Hour); c.CPU != 0 {
		t.Errorf("if waiting exceeds the total, CPU is %v, want 0", c.CPU)
	}
	if m := after.Besides(&before, 0); m.Stolen < 0 || m.Stolen > 1 || m.Others < 0 || m.Others > 1 {
		t.Errorf("%+v", m)
	}
}

func TestTheEnvironmentIsDescribed(t *testing.T) {
	e := Environment()
	if e.GoVersion == "" || e.GOOS == "" || e.NumCPU < 1 || e.GOMAXPROCS < 1 || e.Kernel == "" || e.Version == "" {
		t.Errorf("%+v", e)
	}
}
