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

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
)

// Limits beyond which a machine is unfit for measuring.
const (
	maxPressure = 10   // per cent of the time in which something waited for a processor
	maxLoad     = 0.5  // load average per processor, if pressure is unknown
	maxProcess  = 0.10 // share of a processor that one process uses
	maxNamed    = 3    // processes named in warnings
)

// lookFor is how long other processes are observed: 25 ticks of /proc.
const lookFor = 250 * time.Millisecond

// Unfit observes the machine for a quarter of a second and returns the reasons why it is unfit for
// measuring, each with advice. Reasons that the system does not report are left out. Outside Linux, these
// are most of them.
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

// A sight is what is known about a machine at an instant.
type sight struct {
	at        time.Time
	pressure  float64 // per cent of the last 10 s; -1 if unknown
	load      float64 // processes that ran or waited in the last minute; -1 if unknown
	governor  string  // a frequency governor other than performance, or ""
	battery   bool
	quota     float64         // cores; 0 if unlimited
	processes map[int]process // without this process and its ancestors, which wait for it
}

// A process is a process of /proc.
type process struct {
	name    string
	started string // identifies the process, since its number may be reused

	parent int
	cpu    time.Duration
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

// onBattery reports whether a battery is discharging.
func onBattery(root fs.FS) bool {
	supplies, _ := fs.Glob(root, "sys/class/power_supply/*/status")
	return slices.ContainsFunc(supplies, func(file string) bool {
		dir := path.Dir(file)
		// The battery of a mouse has the scope Device.
		return readLine(root, dir+"/type") == "Battery" && readLine(root, dir+"/scope") != "Device" &&
			readLine(root, file) == "Discharging"
	})
}

// processes returns the processes in /proc, without self and its ancestors, or nil if there are none.
func processes(root fs.FS, self int) map[int]process {
	entries, err := fs.ReadDir(root, "proc")
	if err != nil {
		return nil
	}
	found := map[int]process{}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if p, ok := parseStat(readLine(root, "proc/"+e.Name()+"/stat")); ok {
			found[pid] = p
		}
	}
	for pid := self; pid != 0; {
		p, ok := found[pid]
		if !ok {
			break
		}
		delete(found, pid)
		pid = p.parent
	}
	if len(found) == 0 {
		return nil
	}
	return found
}

// parseStat parses /proc/PID/stat. It holds the number, the name in parentheses (which may contain any characters),
// the state, the parent, ..., utime and stime as 14th and 15th field, and the start as 22nd.
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
			return process{}, false
		}
		p.cpu += time.Duration(n) * 10 * time.Millisecond
	}
	return p, true
}

// readLine returns the first line of a file, or "" if it cannot be read.
func readLine(root fs.FS, file string) string {
	data, err := fs.ReadFile(root, file)
	if err != nil {
		return "" // the file does not exist, or the process has ended
	}
	line, _, _ := strings.Cut(string(data), "\n")
	return strings.TrimSpace(line)
}

// unfit returns the reasons why the machine is unfit, each with advice.
func (v *sight) unfit(before *sight, processors, procs int) (warnings []string) {
	warn := func(text string, a ...any) { warnings = append(warnings, fmt.Sprintf(text, a...)) }
	switch load := v.load / float64(processors); {
	case v.pressure > maxPressure:
		warn("something had to wait for a processor for %s of the last 10 s (/proc/pressure/cpu): close other "+
			"programs, or measure on a quieter machine", format.Rough(v.pressure/100))
	case v.pressure < 0 && load > maxLoad:
		warn("the load average is %s on %d processors: close other programs, and wait until it has fallen below "+
			"%s", format.Number(v.load), processors, format.Digits(maxLoad*float64(processors), 3))
	}
	for _, p := range v.heavy(before) {
		warn("process %d (%q) uses %s of a processor: stop it, or wait until it has ended", p.pid, p.name,
			format.Rough(p.share))
	}
	if v.governor != "" {
		warn("the frequency governor is %s, so the clock rate follows the load: set it to performance (cpupower "+
			"frequency-set -g performance)", v.governor)
	}
	if used := min(processors, procs); v.quota > 0 && v.quota < float64(used) {
		warn("the CPU quota of this process (cgroup) is %s cores, but it runs on %d, so it is stopped whenever the "+
			"quota is used up: raise the quota to %[2]d cores, or set GOMAXPROCS=%[3]d", format.Digits(v.quota, 4),
			used,
			max(1, int(v.quota)))
	}
	if v.battery {
		warn("the machine runs on its battery and saves power: plug it in")
	}
	return warnings
}

// A heavy process is a process that uses much CPU time.
type heavy struct {
	pid   int
	name  string
	share float64 // of a processor
}

// heavy returns the processes that have used the most CPU time since before, in descending order.
func (v *sight) heavy(before *sight) (list []heavy) {
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
			list = append(list, heavy{pid, p.name, share})
		}
	}
	slices.SortFunc(list, func(a, b heavy) int {
		return cmp.Or(cmp.Compare(b.share, a.share),
			cmp.Compare(a.pid, b.pid))
	})
	return list[:min(len(list), maxNamed)]
}

// A host is the source of information about a machine.
type host struct {
	root fs.FS
	pid  int            // of this process
	load func() float64 // returns the load average, or -1 if it is unknown
}

// parseLoad returns the first average of /proc/loadavg, or -1 if it is not a number.
func parseLoad(line string) float64 {
	first, _, _ := strings.Cut(line, " ")
	load, err := strconv.ParseFloat(first, 64)
	if err != nil {
		return -1
	}
	return load
}
