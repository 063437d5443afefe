package machine

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

// stat returns a line of /proc/PID/stat.
func stat(pid, parent int, name string, user, system, started int) string {
	return fmt.Sprintf("%d (%s) R %d 1 1 0 -1 4194304 10 0 0 0 %d %d 7 8 20 0 1 0 %d 1000 100\n", pid, name, parent,
		user, system, started)
}

// tree returns the file system of a quiet machine, in which files replace the files of the same name.
func tree(files map[string]string) fstest.MapFS {
	texts := map[string]string{
		"proc/pressure/cpu": "some avg10=1.25 avg60=93.46 avg300=93.14 total=7298309899\nfull avg10=0.00 " +
			"avg60=0.00 avg300=0.00 total=0\n",
		"proc/loadavg":   "14.85 13.93 10.88 20/225 11638\n",
		"proc/1/stat":    stat(1, 0, "init", 50, 50, 1),
		"proc/40/stat":   stat(40, 1, "shell", 0, 0, 5),
		"proc/42/stat":   stat(42, 40, "loadgen", 100, 0, 10),
		"proc/self/stat": "not a number",
		"sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "performance\n",
		"sys/class/power_supply/AC/type":                       "Mains\n",
		"sys/class/power_supply/BAT0/type":                     "Battery\n",
		"sys/class/power_supply/BAT0/status":                   "Charging\n",
	}
	for name, text := range files {
		texts[name] = text
	}
	m := fstest.MapFS{}
	for name, text := range texts {
		if text != "" {
			m[name] = &fstest.MapFile{Data: []byte(text)}
		}
	}
	return m
}

// warned returns the warnings about a machine that was observed twice, a second apart.
func warned(before, after fstest.MapFS) []string {
	a, b := look(linux(before, 42)), look(linux(after, 42))
	b.at = a.at.Add(time.Second)
	return b.unfit(&a, 2, 2)
}

func TestWarningsAboutAnUnfitMachineSayWhatToDo(t *testing.T) {
	busy := map[string]string{"proc/7/stat": stat(7, 1, "a (b) c", 1000, 500, 3),
		"proc/8/stat": stat(8, 1, "idle", 0, 0, 3)}
	for name, c := range map[string]struct {
		before, after map[string]string
		want          []string // a part of each, in order
	}{
		"quiet": {nil, nil, nil},
		"pressure": {nil, map[string]string{"proc/pressure/cpu": "some avg10=99.07 avg60=1 avg300=1 total=1\n"},
			[]string{"something had to wait for a processor for 99% of the last 10 s"}},
		"load, where pressure is not known": {nil, map[string]string{"proc/pressure/cpu": ""},
			[]string{"the load average is 14.8 on 2 processors: close other programs, and wait until it has fallen " +
				"below 1"}},
		"a little load": {nil, map[string]string{"proc/pressure/cpu": "",
			"proc/loadavg": "0.90 1 1 1/2 3\n"}, nil},
		"a process": {busy, map[string]string{"proc/7/stat": stat(7, 1, "a (b) c", 1040, 545, 3)},
			[]string{`process 7 ("a (b) c") uses 85% of a processor: stop it`}},
		"one that uses little": {busy, map[string]string{"proc/7/stat": stat(7, 1, "a (b) c", 1005, 505,
			3)}, nil},
		"another of the same number": {busy, map[string]string{"proc/7/stat": stat(7, 1, "new", 2000, 500,
			900)}, nil},
		"one that has just begun": {nil, map[string]string{"proc/9/stat": stat(9, 1, "new", 50, 0, 900)},
			nil},
		"this process, and what started it": {nil, map[string]string{"proc/42/stat": stat(42, 40, "loadgen", 200, 0,
			10), "proc/40/stat": stat(40, 1, "shell", 90, 0, 5)}, nil},
		"three of four": {
			map[string]string{"proc/5/stat": stat(5, 1, "e", 0, 0, 1), "proc/6/stat": stat(6, 1, "f", 0, 0, 1),
				"proc/7/stat": stat(7, 1, "g", 0, 0, 1), "proc/8/stat": stat(8, 1, "h", 0, 0, 1)},
			map[string]string{"proc/5/stat": stat(5, 1, "e", 20, 0, 1), "proc/6/stat": stat(6, 1, "f", 30, 0, 1),
				"proc/7/stat": stat(7, 1, "g", 30, 0, 1), "proc/8/stat": stat(8, 1, "h", 40, 0, 1)},
			[]string{"process 8 ", "process 6 ", "process 7 "}},
		"a governor": {nil, map[string]string{"sys/devices/system/cpu/cpu1/cpufreq/scaling_governor": "powersave\n"},
			[]string{"the frequency governor is powersave, so the clock rate follows the load: set it to " +
				"performance"}},
		"a quota": {nil, map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "150000 100000\n"},
			[]string{"the CPU quota of this process (cgroup) is 1.5 cores, but it runs on 2, so it is stopped " +
				"whenever the quota is used up: raise the quota to 2 cores, or set GOMAXPROCS=1"}},
		"a quota that is enough": {nil, map[string]string{"proc/self/cgroup": "0::/\n",
			"sys/fs/cgroup/cpu.max": "200000 100000\n"}, nil},
		"a battery": {nil, map[string]string{"sys/class/power_supply/BAT0/status": "Discharging\n"},
			[]string{"runs on its battery and saves power: plug it in"}},
		"the battery of a mouse": {nil, map[string]string{"sys/class/power_supply/BAT0/status": "Discharging\n",
			"sys/class/power_supply/BAT0/scope": "Device\n"}, nil},
		"missing files": {nil, map[string]string{"proc/pressure/cpu": "", "proc/loadavg": ""}, nil},
		"nonsense": {nil, map[string]string{"proc/pressure/cpu": "some avg10=x", "proc/loadavg": "x",
			"proc/7/stat": "7 (a", "proc/8/stat": "8 (a) R 1"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			got := warned(tree(c.before), tree(c.after))
			if len(got) != len(c.want) || slices.ContainsFunc(c.want, func(want string) bool {
				return !strings.Contains(strings.Join(got, "\n"), want)
			}) {
				t.Errorf("%q, want %q", got, c.want)
			}
			for i := range min(len(got), len(c.want)) {
				if !strings.Contains(got[i], c.want[i]) {
					t.Errorf("warning %d is %q, want %q", i+1, got[i], c.want[i])
				}
			}
		})
	}
	if got := warned(fstest.MapFS{}, fstest.MapFS{}); got != nil {
		t.Errorf("without any files: %q", got)
	}
}
