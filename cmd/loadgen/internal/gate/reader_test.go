package gate

import (
	"strings"
	"testing"

	"github.com/loadgen-go/loadgen/results/comparison"
)

// Both sides of a cell have three digits in one unit, however far apart they are, and the sentence has that unit.
func TestBothSidesOfACellKeepTheirDigits(t *testing.T) {
	for name, row := range map[string]struct {
		unit             string
		base, head       float64
		label, old, now  string
		sentenceHasLabel bool
	}{
		"alike":                       {"sec/op", 12e-3, 13e-3, "ms/op", "12.0", "13.0", true},
		"below one of the larger's":   {"sec/op", 0.65e-3, 12e-3, "us/op", "650", "12,000", true},
		"a time that has vanished":    {"sec/op", 2.499, 25e-9, "ns/op", "2,499,000,000", "25.0", true},
		"CPU that has grown":          {"cpu-sec/op", 11.3e-6, 5.557, "CPU us/op", "11.3", "5,557,000", false},
		"bytes that have vanished":    {"B/op", 3e9, 4096, "B/op", "3,000,000,000", "4,096", true},
		"memory":                      {"peak-RSS-bytes", 1 << 30, 2 << 10, "peak RSS KiB", "1,048,576", "2.00", true},
		"a throughput":                {"B/s", 2e9, 3e6, "MB/s", "2,000", "3.00", true},
		"less than the smallest unit": {"sec/op", 2.5e-10, 25e-9, "ns/op", "0.25", "25.0", true},
		"nothing":                     {"sec/op", 12e-3, 0, "ms/op", "12.0", "0", true},
		"nothing at all":              {"sec/op", 0, 0, "us/op", "0", "0", true},
	} {
		t.Run(name, func(t *testing.T) {
			shift := 1.0
			if row.base != 0 {
				shift = row.head/row.base - 1
			}
			c := measured("", row.unit, row.base, shift, shift, shift, comparison.Improved)
			c.Head.Median = &row.head
			s := c.scale()
			if old, now := s.number(c.Base.Median), s.number(c.Head.Median); s.label != row.label || old != row.old ||
				now != row.now {
				t.Errorf("%s %s -> %s, want %s %s -> %s", s.label, old, now, row.label, row.old, row.now)
			}
			if text := c.differs(); row.sentenceHasLabel && !strings.HasSuffix(text, row.label) {
				t.Errorf("%q does not name %s", text, row.label)
			}
		})
	}
}

// Only what vanished is -100%: what did not lies within the interval that is printed beside it.
func TestAChangeLiesWithinItsInterval(t *testing.T) {
	for name, row := range map[string]struct {
		shift, low, high float64
		change, interval string
	}{
		"almost all":  {-0.99874, -0.998742, -0.998738, "-99.87%", "[-99.87%, -99.87%]"},
		"nearly all":  {-0.996, -0.99601, -0.99599, "-99.60%", "[-99.60%, -99.60%]"},
		"all":         {-1, -1, -1, "-100%", "[-100%, -100%]"},
		"most of all": {-0.99, -0.9989, -0.98, "-99%", "[-99.89%, -98%]"},
	} {
		t.Run(name, func(t *testing.T) {
			c := measured("", "sec/op", 1, row.shift, row.low, row.high, comparison.Improved)
			if change, interval := c.change(), c.interval("%"); change != row.change || interval != row.interval {
				t.Errorf("%s %s, want %s %s", change, interval, row.change, row.interval)
			}
		})
	}
}
