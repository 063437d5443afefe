package machine

import (
	"testing"
	"testing/fstest"
)

// A line of the kernel is either parsed or refused, and a refused line yields no values.
func FuzzProc(f *testing.F) {
	f.Add("1 (a b) S 0 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 9", "cpu  1 2 3 4 5 6 7 8 9 10",
		"0.52 0.58 0.59 2/1 3")
	f.Add(")(", "cpu 1", "")
	f.Fuzz(func(t *testing.T, stat, ticks, load string) {
		if p, ok := parseStat(stat); !ok && p.started != "" && p.parent == 0 && p.cpu != 0 {
			t.Errorf("%q: %+v is refused and not empty", stat, p)
		}
		if d, ok := parseTicks(ticks); !ok && d.total != 0 {
			t.Errorf("%q: %+v is refused and not empty", ticks, d)
		}
		parseLoad(load)
	})
}

func FuzzQuota(f *testing.F) {
	f.Add("0::/a/b", "50000 100000", "nr_periods 5\nnr_throttled 2\n")
	f.Add("4:cpu,cpuacct:/a", "max 100000", "nr_periods -1")
	f.Add("0::/../..", "NaN Inf", "")
	f.Fuzz(func(t *testing.T, group, limit, stat string) {
		root := fstest.MapFS{
			"proc/self/cgroup":         {Data: []byte(group)},
			"sys/fs/cgroup/cpu.max":    {Data: []byte(limit)},
			"sys/fs/cgroup/a/cpu.max":  {Data: []byte(limit)},
			"sys/fs/cgroup/cpu.stat":   {Data: []byte(stat)},
			"sys/fs/cgroup/a/cpu.stat": {Data: []byte(stat)},
		}
		if q := readQuota(root); !(q.cores >= 0) {
			t.Errorf("%v cores", q.cores)
		}
	})
}
