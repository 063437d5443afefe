package machine

import (
	"testing"
	"testing/fstest"
)

// files returns a file system of the files, by path.
func files(texts map[string]string) fstest.MapFS {
	m := fstest.MapFS{}
	for name, text := range texts {
		m[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return m
}

func TestAQuotaIsReadFromBothVersionsOfControlGroups(t *testing.T) {
	const stat = "usage_usec 5\nnr_periods 200\nnr_throttled 50\nthrottled_usec 7\n"
	for name, c := range map[string]struct {
		files map[string]string
		want  quota
	}{
		"none": {map[string]string{}, quota{}},
		"version 2, no max": {map[string]string{"proc/self/cgroup": "0::/a\n",
			"sys/fs/cgroup/a/cpu.max": "max 100000\n"}, quota{}},
		"version 2": {map[string]string{"proc/self/cgroup": "0::/a/b\n",
			"sys/fs/cgroup/a/b/cpu.max":  "150000 100000\n",
			"sys/fs/cgroup/a/b/cpu.stat": stat}, quota{1.5, 200, 50}},
		"version 2, of a group above": {map[string]string{"proc/self/cgroup": "0::/a/b\n",
			"sys/fs/cgroup/a/b/cpu.max": "400000 100000\n",
			"sys/fs/cgroup/a/cpu.max":   "50000 50000\n", "sys/fs/cgroup/a/cpu.stat": stat}, quota{1, 200, 50}},
		"version 2, in a container": {map[string]string{"proc/self/cgroup": "0::/docker/1\n",
			"sys/fs/cgroup/cpu.max":  "150000 100000\n",
			"sys/fs/cgroup/cpu.stat": stat}, quota{1.5, 200, 50}},
		"version 1": {map[string]string{"proc/self/cgroup": "9:name=systemd:/\n4:cpu,cpuacct:/a\n0::/\n",
			"sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us":  "25000\n",
			"sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us": "100000\n",
			"sys/fs/cgroup/cpu,cpuacct/a/cpu.stat":          "nr_periods 10\nnr_throttled 9\nthrottled_time 1\n"},
			quota{0.25, 10, 9}},
		"version 1, no quota": {map[string]string{"proc/self/cgroup": "4:cpu:/\n",
			"sys/fs/cgroup/cpu/cpu.cfs_quota_us":  "-1\n",
			"sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n"}, quota{}},
		"other controllers": {map[string]string{"proc/self/cgroup": "4:cpuset:/\n3:cpuacct:/\n",
			"sys/fs/cgroup/cpuset/cpu.cfs_quota_us":  "1\n",
			"sys/fs/cgroup/cpuset/cpu.cfs_period_us": "1\n"}, quota{}},
		"nonsense": {map[string]string{"proc/self/cgroup": "x\n0::\n0::/../..\n",
			"sys/fs/cgroup/cpu.max": "1e9x 0\n"}, quota{}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := readQuota(files(c.files)); got != c.want {
				t.Errorf("%+v, want %+v", got, c.want)
			}
		})
	}
}

func TestThrottlingIsAShareOfThePeriodsBetween(t *testing.T) {
	for name, c := range map[string]struct {
		before, after quota
		want          float64
	}{
		"half":         {quota{1, 100, 10}, quota{1, 200, 60}, 0.5},
		"none":         {quota{1, 100, 10}, quota{1, 200, 10}, 0},
		"no period":    {quota{1, 100, 10}, quota{1, 100, 10}, 0},
		"begun anew":   {quota{1, 100, 10}, quota{1, 50, 5}, 0},
		"without one":  {quota{}, quota{}, 0},
		"every period": {quota{1, 0, 0}, quota{1, 7, 7}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			if got := c.after.throttledSince(&c.before); got != c.want {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
}
