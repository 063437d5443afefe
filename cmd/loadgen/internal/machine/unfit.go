package machine

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"path"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// What makes a machine unfit for measuring.
const (
	maxPressure = 10   // percent of time in which something waited for a processor
	maxLoad     = 0.5  // of each processor, where pressure is not known
	maxProcess  = 0.10 // of a processor, by one process
	maxNamed    = 3    // processes
)

// lookFor is how long the use of processors by others is looked at: 25 ticks of /proc.
const lookFor = 250 * time.Millisecond

// Unfit looks at the machine for a quarter of a second and returns what keeps it from
// measuring well, each with what to do about it. What the system does not tell, such as
// most of it outside Linux, is passed over.
func Unfit(ctx context.Context) []string {
	system := system()
	before := look(system)
	wait := time.NewTimer(lookFor)
	defer wait.Stop()
	if before.processes != nil {
		select {
		case <-ctx.Done():
			return nil
		case <-wait.C:
		}
	}
	after := look(system)
	return after.unfit(&before, runtime.NumCPU(), runtime.GOMAXPROCS(0))
}

// A sight is what there was to see of a machine at an instant.
type sight struct {
	at        time.Time
	pressure  float64 // percent of the last 10 s; -1: not known
	load      float64 // processes that ran or waited in the last minute; -1: not known
	governor  string  // of frequency, other than performance; "" is fine
	battery   bool
	quota     float64         // cores; 0 without a limit
	processes map[int]process // but for this one and its ancestors, which wait for it
}

type process struct {
	name    string
	started string // a number may be given anew
	parent  int
	cpu     time.Duration
}

// look reads proc(5) and sysfs below root.
func look(s host) sight {
	root := s.root
	v := sight{at: time.Now(), pressure: -1, load: s.load(), processes: processes(root, s.pid)}
	if some, ok := strings.CutPrefix(readLine(root, "proc/pressure/cpu"), "some avg10="); ok {
		some, _, _ = strings.Cut(some, " ")
		if x, err := strconv.ParseFloat(some, 64); err == nil {
			v.pressure = x
		}
	}
	governors, _ := fs.Glob(root, "sys/devices/system/cpu/cpu*/cpufreq/scaling_governor")
	for _, file := range governors {
		if g := readLine(root, file); g != "" && g != "performance" {
			v.governor = g
		}
	}
	v.battery = onBattery(root)
	v.quota = readQuota(root).cores
	return v
}

// onBattery tells whether a battery is being emptied.
func onBattery(root fs.FS) bool {
	supplies, _ := fs.Glob(root, "sys/class/power_supply/*/status")
	return slices.ContainsFunc(supplies, func(file string) bool {
		dir := path.Dir(file)
		// The battery of a mouse has the scope of a device.
		return readLine(root, dir+"/type") == "Battery" && readLine(root, dir+"/scope") != "Device" &&
			readLine(root, file) == "Discharging"
	})
}

// processes are those that /proc lists; nil if there is none.
func processes(root fs.FS, self int) map[int]process {
	entries, err := fs.ReadDir(root, "proc")
	if err != nil {
		return nil
	}
	all := map[int]process{}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if p, ok := parseStat(readLine(root, "proc/"+e.Name()+"/stat")); ok {
			all[pid] = p
		}
	}
	for pid := self; pid != 0; {
		p, ok := all[pid]
		if !ok {
			break
		}
		delete(all, pid)
		pid = p.parent
	}
	if len(all) == 0 {
		return nil
	}
	return all
}

// parseStat reads /proc/PID/stat: number, name in brackets (which may hold anything),
// state, parent, ..., utime and stime as 14th and 15th, and the start as 22nd.
func parseStat(line string) (p process, ok bool) {
	from, to := strings.IndexByte(line, '('), strings.LastIndexByte(line, ')')
	if from < 0 || to < from {
		return p, false
	}
	fields := strings.Fields(line[to+1:]) // from the 3rd
	if len(fields) < 20 {
		return p, false
	}
	parent, err := strconv.Atoi(fields[1])
	if err != nil {
		return p, false
	}
	p = process{name: line[from+1 : to], started: fields[19], parent: parent}
	for _, f := range fields[11:13] {
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return p, false
		}
		p.cpu += time.Duration(n) * 10 * time.Millisecond
	}
	return p, true
}

func readLine(root fs.FS, file string) string {
	data, err := fs.ReadFile(root, file)
	if err != nil {
		return "" // not known, or gone meanwhile
	}
	line, _, _ := strings.Cut(string(data), "\n")
	return strings.TrimSpace(line)
}

// unfit is what speaks against measuring now.
func (v *sight) unfit(before *sight, processors, procs int) (warnings []string) {
	warn := func(format string, a ...any) { warnings = append(warnings, fmt.Sprintf(format, a...)) }
	switch load := v.load / float64(processors); {
	case v.pressure > maxPressure:
		warn("for %.0f%% of the last 10 s something had to wait for a processor (/proc/pressure/cpu): close other "+
			"programs, or measure on a quieter machine", v.pressure)
	case v.pressure < 0 && load > maxLoad:
		warn("the load average is %.1f on %d processors: close other programs, and wait until it has fallen below "+
			"%.1f", v.load, processors, maxLoad*float64(processors))
	}
	for _, p := range v.heavy(before) {
		warn("process %d (%q) uses %.0f%% of a processor: stop it, or wait until it has ended", p.pid, p.name,
			100*p.share)
	}
	if v.governor != "" {
		warn("the frequency governor is %s, and the clock follows the load: set it to performance (cpupower "+
			"frequency-set -g performance)", v.governor)
	}
	if used := min(processors, procs); v.quota > 0 && v.quota < float64(used) {
		warn("the CPU quota of this process (cgroup) is %.4g cores, and it runs on %d: it is stopped whenever the "+
			"quota is used up. "+
			"Raise the quota to %[2]d cores, or set GOMAXPROCS=%[3]d", v.quota, used, max(1, int(v.quota)))
	}
	if v.battery {
		warn("the machine runs on its battery, and saves power: plug it in")
	}
	return warnings
}

type heavy struct {
	pid   int
	name  string
	share float64 // of a processor
}

// heavy are the processes that have used most since before, the greediest first.
func (v *sight) heavy(before *sight) (all []heavy) {
	elapsed := v.at.Sub(before.at)
	if elapsed <= 0 {
		return nil
	}
	for pid, p := range v.processes {
		was, ok := before.processes[pid]
		if !ok || was.started != p.started {
			continue
		}
		if share := float64(p.cpu-was.cpu) / float64(elapsed); share > maxProcess {
			all = append(all, heavy{pid, p.name, share})
		}
	}
	slices.SortFunc(all, func(a, b heavy) int {
		return cmp.Or(cmp.Compare(b.share, a.share),
			cmp.Compare(a.pid, b.pid))
	})
	return all[:min(len(all), maxNamed)]
}

// A host is what is looked at.
type host struct {
	root fs.FS
	pid  int // of this process
	load func() float64
}

// parseLoad is the first of the averages in /proc/loadavg; -1 if it is none.
func parseLoad(line string) float64 {
	first, _, _ := strings.Cut(line, " ")
	load, err := strconv.ParseFloat(first, 64)
	if err != nil {
		return -1
	}
	return load
}
