package service

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"
)

// threadCPUs returns the processors that the calling thread may use, or none if they are unknown, as on a machine with
// more than mostCPUs.
func threadCPUs() (set CPUSet) {
	var mask unix.CPUSet
	if err := unix.SchedGetaffinity(0, &mask); err != nil {
		return nil
	}
	for cpu := range mostCPUs {
		if mask.IsSet(cpu) {
			set = append(set, cpu)
		}
	}
	return set
}

// mask returns the set in the form of the kernel.
func (c CPUSet) mask() *unix.CPUSet {
	mask := new(unix.CPUSet)
	for _, cpu := range c {
		mask.Set(cpu)
	}
	return mask
}

// siblings returns the processors of the core of a processor, or none if they are unknown.
func siblings(cpu int) CPUSet {
	data, err := os.ReadFile(fmt.Sprintf("/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list", cpu))
	var set CPUSet
	if err != nil || set.UnmarshalText(data) != nil {
		return nil
	}
	return set
}

// goProcs returns "", since the runtime of Go sees the processors that a process may use.
func (CPUSet) goProcs() string { return "" }

// confineThread lets the calling thread, and what it starts, use only the processors of a set. The empty set stands
// for those that this process was given.
func confineThread(c CPUSet) error {
	switch {
	case len(given) == 0 && len(c) == 0:
		return nil
	case len(given) == 0: // a later service could not be given all of them again
		return errors.New("the processors of this machine are unknown: want no choice")
	case len(c) == 0:
		c = given
	}
	return unix.SchedSetaffinity(0, c.mask())
}

// Confine lets this process, which is the load generator, use only the processors of the set, and sets GOMAXPROCS. The
// empty set changes nothing.
func (c CPUSet) Confine() error {
	if len(c) == 0 {
		return nil
	}
	if err := c.check(); err != nil {
		return err
	}
	confined := map[string]bool{}
	for { // a thread gets the processors of the one that starts it, so soon there are no new ones with others
		tasks, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return fmt.Errorf("setting the processors of loadgen to %v: %w", c, err)
		}
		before := len(confined)
		for _, task := range tasks {
			tid, err := strconv.Atoi(task.Name())
			if err != nil || confined[task.Name()] {
				continue
			}
			confined[task.Name()] = true
			if err := unix.SchedSetaffinity(tid, c.mask()); err != nil && !errors.Is(err, unix.ESRCH) {
				return fmt.Errorf("setting the processors of loadgen to %v: %w", c, err)
			}
		}
		if len(confined) == before {
			runtime.GOMAXPROCS(len(c))
			return nil
		}
	}
}
