package service

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// mostCPUs is how many processors a kernel may have at most: CPU_SETSIZE.
const mostCPUs = 1024

// A CPUSet holds the numbers of processors, in order. The empty set stands for no choice.
type CPUSet []int

// String returns the set in the form of Linux's lists: 0,2-3.
func (c CPUSet) String() string {
	var parts []string
	for i := 0; i < len(c); {
		end := i
		for end+1 < len(c) && c[end+1] == c[end]+1 {
			end++
		}
		part := strconv.Itoa(c[i])
		if end > i {
			part += "-" + strconv.Itoa(c[end])
		}
		parts = append(parts, part)
		i = end + 1
	}
	return strings.Join(parts, ",")
}

// MarshalText returns the set in the form of String.
func (c CPUSet) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText parses a set in the form of String.
func (c *CPUSet) UnmarshalText(data []byte) error {
	var set CPUSet
	for part := range strings.SplitSeq(strings.TrimSpace(string(data)), ",") {
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		from, err := strconv.ParseUint(first, 10, 16)
		to, failed := strconv.ParseUint(last, 10, 16)
		if err != nil || failed != nil || from > to || to >= mostCPUs {
			return fmt.Errorf("processors %q: want numbers below %d and ranges, as in 0,2-3", data, mostCPUs)
		}
		for n := from; n <= to; n++ {
			set = append(set, int(n))
		}
	}
	slices.Sort(set)
	*c = slices.Compact(set)
	return nil
}

// given are the processors that this process may use, before it confines itself to some of them. It is empty on a
// system without processor sets.
var given = threadCPUs()

// check returns an error if a processor of the set is not one that this process may use. On a system without processor
// sets only their number counts.
func (c CPUSet) check() error {
	for _, cpu := range c {
		if len(given) > 0 && !slices.Contains(given, cpu) {
			return fmt.Errorf("processor %d: want some of %v, which this process may use", cpu, given)
		}
	}
	return nil
}

// Split divides a set of processors between a service and its load generator, which gets a quarter, and at least one.
// The empty set stands for all that this process may use. Processors of one core stay together, unless there is only
// one core. Both sets are empty if there are fewer than two processors, or if they are unknown on this system.
func (c CPUSet) Split() (service, generator CPUSet) {
	if len(c) == 0 {
		c = given
	}
	if len(c) < 2 {
		return nil, nil
	}
	return split(c, siblings)
}

// split divides processors. siblings returns the processors of the core of a processor.
func split(allowed CPUSet, siblings func(cpu int) CPUSet) (service, generator CPUSet) {
	want := max(1, len(allowed)/4)
	for _, cpu := range allowed {
		if len(generator) >= want {
			break
		}
		for _, sibling := range append(siblings(cpu), cpu) {
			if slices.Contains(allowed, sibling) && !slices.Contains(generator, sibling) {
				generator = append(generator, sibling)
			}
		}
	}
	if len(generator) == len(allowed) { // they are all of one core
		generator = slices.Clone(allowed[:want])
	}
	slices.Sort(generator)
	for _, cpu := range allowed {
		if !slices.Contains(generator, cpu) {
			service = append(service, cpu)
		}
	}
	return service, generator
}
