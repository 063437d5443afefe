package bench

import (
	"os"
	"strings"
	"testing"
	"time"
)

func TestPressureIsReadFromItsTotal(t *testing.T) {
	const full = "full avg10=0.00 avg60=0.00 avg300=0.02 total=7\n"
	for _, c := range []struct {
		file string
		want time.Duration
		ok   bool
	}{
		{"some avg10=0.09 avg60=0.05 avg300=0.06 total=1651776\n" + full, 1651776 * time.Microsecond, true},
		{full + "some avg10=0.09 avg60=0.05 avg300=0.06 total=12", 12 * time.Microsecond, true},
		{"some total=0\n", 0, true},
		{"some total=9223372036854775\n", 9223372036854775 * time.Microsecond, true},
		{"some total=9223372036854776\n", 0, false}, // does not fit
		{"some total=99999999999999999999999\n", 0, false},
		{"some total=-1\n", 0, false},
		{"some total=1.5\n", 0, false},
		{"some total=\n", 0, false},
		{"some avg10=0.09\n" + full, 0, false}, // the total of full is another
		{"something total=1\n", 0, false},
		{"some", 0, false},
		{full, 0, false},
		{"", 0, false},
		{"\n\n", 0, false},
		{"\x00\xff", 0, false},
	} {
		if got, ok := parsePressure([]byte(c.file)); got != c.want || ok != c.ok {
			t.Errorf("%q: %v, %v; want %v, %v", c.file, got, ok, c.want, c.ok)
		}
	}
}

func FuzzAnyPressureIsReadOrRefused(f *testing.F) {
	f.Add([]byte("some avg10=0.09 avg60=0.05 avg300=0.06 total=1651776\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if d, ok := parsePressure(data); d < 0 || !ok && d != 0 {
			t.Errorf("%v, %v", d, ok)
		}
	})
}

func TestPressureIsKnownWhereTheKernelTells(t *testing.T) {
	tells := true
	for _, name := range []string{"cpu", "memory", "io"} {
		data, err := os.ReadFile("/proc/pressure/" + name)
		tells = tells && err == nil && strings.HasPrefix(string(data), "some ")
	}
	p := openPressure()
	first := p.read()
	if first.known != tells {
		t.Fatalf("known %v, want %v", first.known, tells)
	}
	if second := p.read(); second.cpu < first.cpu || second.memory < first.memory || second.io < first.io {
		t.Errorf("%+v, and then %+v", first, second)
	}
	p.close()
	if p.read().known {
		t.Error("known from closed files")
	}
}

func TestAnObserverLeavesNoFileOpen(t *testing.T) {
	var during int
	o := watching(0, time.Second, func(o *observer) { during = len(o.teller.pressure.fds) })
	if p := openPressure(); during != len(p.fds) {
		t.Errorf("%d files of pressure during a run, want %d", during, len(p.fds))
	} else {
		p.close()
	}
	if n := len(o.teller.pressure.fds); n != 0 {
		t.Errorf("%d are open after it", n)
	}
}
