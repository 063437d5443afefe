package service

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"
)

// A family is the process of a service with its descendants, also with those whose parents have ended: this process
// adopts them.
type family struct {
	main int
	mark string // what the environment of each process of the service begins a variable with

	mu      sync.Mutex
	known   map[int]uint64 // the start times of all processes seen so far, since their numbers are used again
	orphans time.Duration  // CPU time of adopted processes that have ended
	looks   map[int]int    // how often watch has looked at processes that are not known
	many    bool           // a descendant has been seen
	spent   time.Duration  // the most CPU time that cpu has returned
}

// A kin is a process in the process table.
type kin struct {
	pid, parent, session int
	name                 string
	zombie               bool
	started              uint64        // ticks since the machine was started
	children             time.Duration // CPU time of its children that have ended
}

// errUnknown is returned for what this system does not tell.
var errUnknown = errors.New("unknown on this system")

// newFamily returns the family of a process that has just been started.
func newFamily(pid int, mark string) *family {
	f := &family{main: pid, mark: mark, known: map[int]uint64{}, looks: map[int]int{}}
	// On a system without a process table the family is the process alone.
	_, _ = f.members()
	return f
}

// members returns the processes of the family. It buries adopted ones that have ended. Others that have ended are
// members until their parents take note of it: their clocks can still be read.
func (f *family) members() ([]kin, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	table, err := processes()
	if err != nil {
		return nil, err
	}
	self := os.Getpid()
	children := map[int][]kin{}
	var found []kin
	for _, k := range table {
		children[k.parent] = append(children[k.parent], k)
		if f.includes(k, self) {
			found = append(found, k)
		}
	}
	seen := map[int]bool{self: true}
	var members []kin
	for len(found) > 0 {
		k := found[0]
		found = found[1:]
		if seen[k.pid] {
			continue
		}
		seen[k.pid] = true
		f.known[k.pid] = k.started
		f.many = f.many || k.pid != f.main
		found = append(found, children[k.pid]...)
		if k.zombie && k.parent == self && k.pid != f.main {
			// A process cannot be buried before the last of its threads has ended.
			if spent, ok := bury(k.pid); ok {
				f.orphans += spent
				continue
			}
		}
		members = append(members, k)
	}
	return members, nil
}

// includes reports whether a process is the first of the family, has been seen before, or was adopted.
func (f *family) includes(k kin, self int) bool {
	started, seen := f.known[k.pid]
	switch {
	case seen:
		return started == k.started
	case k.pid == f.main:
		return len(f.known) == 0 // later, the number may belong to another process
	}
	return k.parent == self && (k.session == f.main || marked(k.pid, f.mark))
}

// watchPause is how often a family looks for processes that this process has adopted.
const watchPause = 50 * time.Millisecond

// watch takes note of processes that this process adopts, until exited is closed: after the end of an adopted process
// there is no telling whose it was. The CPU time of one that ends within watchPause is lost.
func (f *family) watch(exited <-chan struct{}) {
	tick := time.NewTicker(watchPause)
	defer tick.Stop()
	for {
		select {
		case <-exited:
			return
		case <-tick.C:
		}
		if f.hasNew(adopted()) {
			// An error recurs when the CPU time is read.
			_, _ = f.members()
		}
	}
}

// hasNew reports whether one of some processes has not been seen before. A process that is not known after a few looks
// is not of this family. One look is not enough, since its environment cannot be read while it starts a program.
func (f *family) hasNew(pids []int) (found bool) {
	const enough = 3
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, pid := range pids {
		if _, seen := f.known[pid]; !seen && f.looks[pid] < enough {
			f.looks[pid]++
			found = true
		}
	}
	return found
}

// orphansCPU returns the CPU time of adopted processes that have ended.
func (f *family) orphansCPU() time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.orphans
}

// hasChildren reports whether a descendant has been seen.
func (f *family) hasChildren() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.many
}

// cpu returns the CPU time of the family so far. Children that have ended count in steps of 10 ms, and no such step
// makes it less than before.
func (f *family) cpu() (time.Duration, error) {
	const tries = 5
	var err error
	for range tries {
		var members []kin
		if members, err = f.members(); err != nil {
			return 0, err
		}
		total := f.orphansCPU()
		for _, k := range members {
			var d time.Duration
			if d, err = processClock(k.pid); err != nil {
				break // it has just ended
			}
			if k.children > 0 {
				f.mu.Lock()
				f.many = true
				f.mu.Unlock()
			}
			total += d + k.children
		}
		if err == nil {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.spent = max(f.spent, total)
			return f.spent, nil
		}
	}
	return 0, err
}

// How often kill looks for processes that are left, and how long it waits in between.
const (
	killTries = 1000
	killPause = 5 * time.Millisecond
)

// kill ends all processes of the family, and returns how many besides the first there were. exited is closed when
// the first has ended.
func (f *family) kill(exited <-chan struct{}) (left int, err error) {
	victims := map[int]bool{}
	for range killTries {
		members, err := f.members()
		if errors.Is(err, errUnknown) {
			return 0, f.killGroup(exited)
		} else if err != nil {
			return left, err
		}
		members = append(members, strays(f.mark, members)...)
		if len(members) == 0 {
			return len(victims), nil
		}
		for _, k := range members {
			if k.pid != f.main && !k.zombie {
				victims[k.pid] = true
			}
			killProcess(k.pid)
		}
		time.Sleep(killPause)
	}
	members, err := f.members()
	return len(victims), errors.Join(err, fmt.Errorf("processes of the service cannot be killed: %s", list(members)))
}

// killGroup ends the group of the service on a system without a process table.
func (f *family) killGroup(exited <-chan struct{}) error {
	killGroup(f.main)
	select {
	case <-exited:
		return nil
	case <-time.After(killTries * killPause):
		return fmt.Errorf("process %d of the service cannot be killed", f.main)
	}
}

// strays returns processes with a mark that are not known: their parents ended before this process saw them, and
// something else has adopted them.
func strays(mark string, known []kin) (found []kin) {
	table, err := processes()
	if err != nil {
		return nil
	}
	seen := map[int]bool{}
	for _, k := range known {
		seen[k.pid] = true
	}
	for _, k := range table {
		if !seen[k.pid] && !k.zombie && marked(k.pid, mark) {
			found = append(found, k)
		}
	}
	return found
}

// killMarked kills all processes with a mark, until there are none.
func killMarked(mark string) {
	for range killTries {
		found := strays(mark, nil)
		if len(found) == 0 {
			return
		}
		for _, k := range found {
			killProcess(k.pid)
		}
		time.Sleep(killPause)
	}
}

// list returns the numbers and the names of processes.
func list(processes []kin) string {
	words := make([]string, len(processes))
	for i, k := range processes {
		words[i] = fmt.Sprintf("%d (%s)", k.pid, k.name)
	}
	return strings.Join(words, ", ")
}
