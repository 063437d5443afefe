package machine

import (
	"bufio"
	"bytes"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// A quota is the CPU limit of a process's control groups, and how often they have stopped it.
type quota struct {
	cores float64 // CPU time per second; 0 if unlimited
	// periods counts the periods in which the group ran, and throttled the periods in which it used up its quota and
	// was stopped until the next period. Both count from the start of the group.
	periods, throttled uint64
}

// throttledSince returns the share of the periods since before in which the group was stopped.
func (q *quota) throttledSince(before *quota) float64 {
	if q.periods <= before.periods || q.throttled < before.throttled {
		return 0
	}
	return min(1, float64(q.throttled-before.throttled)/float64(q.periods-before.periods))
}

// readQuota reads the smallest quota of a process's group and the groups above it, below the file system root. It
// reads groups of version 2 (cpu.max) and of version 1 (cpu.cfs_quota_us). A missing file means no limit.
//
// Source: the kernel's Documentation/admin-guide/cgroup-v2.rst and Documentation/scheduler/sched-bwc.rst.
func readQuota(root fs.FS) (least quota) {
	data, err := fs.ReadFile(root, "proc/self/cgroup")
	if err != nil {
		return least
	}
	for lines := bufio.NewScanner(bytes.NewReader(data)); lines.Scan(); {
		// Each line has a number, controllers separated by commas (none in version 2), and the group.
		parts := strings.SplitN(lines.Text(), ":", 3)
		if len(parts) != 3 {
			continue
		}
		mounts, read := []string{"sys/fs/cgroup", "sys/fs/cgroup/unified"}, quotaV2
		if parts[1] != "" {
			if !strings.Contains(","+parts[1]+",", ",cpu,") {
				continue
			}
			mounts, read = []string{"sys/fs/cgroup/" + parts[1], "sys/fs/cgroup/cpu"}, quotaV1
		}
		for _, mount := range mounts {
			for group := path.Clean("/" + parts[2]); ; group = path.Dir(group) {
				dir := path.Join(mount, group)
				if q := read(root, dir); q.cores > 0 && (least.cores == 0 || q.cores < least.cores) {
					least = q
					least.periods, least.throttled = throttling(root, dir)
				}
				if group == "/" {
					break
				}
			}
		}
	}
	return least
}

// quotaV2 reads cpu.max, which holds quota and period in microseconds, or max if there is no limit.
func quotaV2(root fs.FS, dir string) (q quota) {
	limit, period, ok := strings.Cut(readLine(root, dir+"/cpu.max"), " ")
	if ok {
		q.cores = cores(limit, period)
	}
	return q
}

// quotaV1 reads cpu.cfs_quota_us, which is -1 if there is no limit, and cpu.cfs_period_us.
func quotaV1(root fs.FS, dir string) (q quota) {
	q.cores = cores(readLine(root, dir+"/cpu.cfs_quota_us"), readLine(root, dir+"/cpu.cfs_period_us"))
	return q
}

// cores returns limit divided by period, or 0 if they are not positive numbers.
func cores(limit, period string) float64 {
	l, err := strconv.ParseFloat(limit, 64)
	if err != nil || !(l > 0) {
		return 0
	}
	p, err := strconv.ParseFloat(period, 64)
	if err != nil || !(p > 0) {
		return 0
	}
	return l / p
}

// throttling reads nr_periods and nr_throttled of cpu.stat.
func throttling(root fs.FS, dir string) (periods, throttled uint64) {
	data, err := fs.ReadFile(root, dir+"/cpu.stat")
	if err != nil {
		return 0, 0
	}
	for lines := bufio.NewScanner(bytes.NewReader(data)); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), " ")
		n, err := strconv.ParseUint(value, 10, 64)
		switch {
		case err != nil:
		case name == "nr_periods":
			periods = n
		case name == "nr_throttled":
			throttled = n
		}
	}
	return periods, throttled
}
