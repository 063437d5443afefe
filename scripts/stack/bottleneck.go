package main

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// A share is the time that a span took itself, without its children.
type share struct {
	name  string
	took  time.Duration
	share float64 // of the whole
}

// selfTimes returns the time that each span of a trace took itself, longest first. Children may overlap.
func (t *tree) selfTimes() []share {
	self := map[string]time.Duration{}
	for _, s := range t.spans[1:] {
		self[s.name] += s.took()
	}
	self[t.root.name] += t.root.took() - t.covered()
	return shares(self)
}

// covered returns how long at least one child of the root ran. The children are in the order of their start.
func (t *tree) covered() (sum time.Duration) {
	until := t.root.start
	for _, s := range t.spans[1:] {
		from, to := latest(s.start, until), earliest(s.end, t.root.end)
		if to.After(from) {
			sum += to.Sub(from)
			until = to
		}
	}
	return sum
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earliest(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// shares returns times with their shares of the sum, longest first.
func shares(self map[string]time.Duration) (list []share) {
	var sum time.Duration
	for _, d := range self {
		sum += d
	}
	for _, name := range slices.Sorted(maps.Keys(self)) {
		list = append(list, share{name, self[name], float64(self[name]) / float64(max(sum, 1))})
	}
	slices.SortStableFunc(list, func(a, b share) int { return cmp.Compare(b.took, a.took) })
	return list
}
