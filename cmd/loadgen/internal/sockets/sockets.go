// Package sockets computes how many local ports and descriptors the connections of a run take, and compares them with
// what the machine has.
package sockets

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/report"
	"github.com/loadgen-go/loadgen/scenarios"
)

// Limits are what the machine has. A number that is 0 is not known.
type Limits struct {
	Descriptors uint64 // that a process may have open
	Ports       uint64 // for connections to one address and port
	// Held is how long a port stays taken after this machine was the first to close its connection (TIME_WAIT), and
	// HeldLoopback the same for a connection to a loopback address.
	Held, HeldLoopback time.Duration
}

// A Service is what is known of how a service is reached.
type Service struct {
	Addresses    int  // of its host, over which connections are spread
	Loopback     bool // they are loopback addresses
	ServerCloses bool // it is the first to close a connection, after each answer
}

// A Need is what a run takes of a resource that the machine has.
type Need struct {
	Name       string // ports or descriptors, as in checks
	Label      string // the same in plans
	Takes, Has uint64
	Line       string // for plans
	Refusal    string // why the run cannot be made, and what to do; "" if it can
}

// Check returns the need as a check of the scenario.
func (n *Need) Check() report.Check {
	return report.Check{Name: n.Name, Unit: n.Name, Have: float64(n.Has), Need: float64(n.Takes),
		Passed: n.Refusal == ""}
}

// ownDescriptors is the number of descriptors of a visit besides its connections, rounded up: its output, the files of
// the runtime, and the lookups of hosts.
const ownDescriptors = 32

// Descriptors returns what the connections of a scenario take of the descriptors, or nil if the limit is not known.
func Descriptors(s *scenarios.Scenario, limits Limits) *Need {
	if !s.CallsService() || limits.Descriptors == 0 {
		return nil
	}
	connections := most(s)
	n := &Need{Name: "descriptors", Label: "open files", Takes: connections + ownDescriptors, Has: limits.Descriptors}
	n.Line = fmt.Sprintf("%s of %s at most: %s, and %d for other files", format.Count(n.Takes), format.Count(n.Has),
		format.Plural(int(connections), "connection"), ownDescriptors)
	if n.Takes > n.Has {
		n.Refusal = fmt.Sprintf("the run takes up to %s descriptors, for %s and %d other files, and a process may "+
			"have %s (ulimit -Hn): use fewer connections (--connections, --max-connections), or raise the limit",
			format.Count(n.Takes), format.Plural(int(connections), "connection"), ownDescriptors, format.Count(n.Has))
	}
	return n
}

// most returns the most connections that are open at once.
func most(s *scenarios.Scenario) uint64 {
	_, most := s.Called().Connections()
	return uint64(most)
}

// Ports returns what the connections of a scenario take of the local ports, or nil if the limit is not known, if there
// are no ports, or if the number of connections is not known in advance.
func Ports(s *scenarios.Scenario, at Service, limits Limits) *Need {
	held := limits.Held
	if at.Loopback {
		held = limits.HeldLoopback
	}
	if !s.CallsService() || limits.Ports == 0 || held == 0 {
		return nil
	}
	if called := s.Called(); called.Socket() || s.HasClosed() && called.Reuse() > 0 {
		return nil
	}
	open := most(s)
	n := &Need{Name: "ports", Label: "ports", Takes: open, Has: limits.Ports * uint64(max(at.Addresses, 1))}
	if at.ServerCloses {
		n.Line = fmt.Sprintf("%s of %s at most: the server is nearly always the first to close a connection, and "+
			"keeps what remains of it",
			format.Count(n.Takes), format.Count(n.Has))
	} else {
		n.Takes += closedWithin(held, s)
		n.Line = fmt.Sprintf("%s of %s at most: a connection keeps its port for %v after loadgen closed it",
			format.Count(n.Takes), format.Count(n.Has), held)
	}
	if n.Takes > n.Has {
		n.Refusal = refusal(n, s, at, held)
	}
	return n
}

// refusal says that there are too few ports, and what to do.
func refusal(n *Need, s *scenarios.Scenario, at Service, held time.Duration) string {
	remedy := "use fewer connections (--connections), or longer visits (--duration)"
	if s.Called().Reuse() > 0 {
		perSecond := float64(n.Has-min(most(s), n.Has)) / held.Seconds()
		remedy = fmt.Sprintf("that allows %s new connections a second: make more requests on each (--reuse always), "+
			"or lower the rate", format.Digits(math.Floor(perSecond), 6))
	}
	of := "the address"
	if at.Addresses > 1 {
		of = fmt.Sprintf("the %d addresses", at.Addresses)
	}
	return fmt.Sprintf("the run takes up to %s local ports, and this machine has %s for %s of the service "+
		"(net.ipv4.ip_local_port_range), each of which stays taken for %v after loadgen closed its connection "+
		"(TIME_WAIT): %s; or give the machine more ports", format.Count(n.Takes), format.Count(n.Has), of, held,
		remedy)
}

// A span is the visits of a cell: how long one takes, and how many connections loadgen closes in it.
type span struct {
	length time.Duration
	closed float64
}

func (v span) perSecond() float64 { return v.closed / v.length.Seconds() }

// closedWithin returns the most connections that loadgen closes within a time. Visits of a round are in random order,
// so that the visits of a cell in two rounds may follow each other.
func closedWithin(d time.Duration, s *scenarios.Scenario) uint64 {
	reuse := s.Called().Reuse()
	var visits []span
	var round time.Duration
	for _, c := range s.Cells() {
		v := span{s.Warmup + s.Length(c.Level) + scenarios.Overhead, float64(most(s))}
		if calls, err := s.Most(c.Level); err == nil && reuse > 0 {
			v.closed = max(v.closed, float64(calls)/float64(reuse))
		}
		visits, round = append(visits, v), round+v.length
	}
	slices.SortFunc(visits, func(a, b span) int { return cmp.Compare(b.perSecond(), a.perSecond()) })
	times := min(math.Ceil(d.Seconds()/round.Seconds())+1, float64(s.Rounds))
	left, sum := d.Seconds(), 0.0
	for _, v := range visits {
		takes := min(left, times*v.length.Seconds())
		sum += takes * v.perSecond()
		left -= takes
	}
	return uint64(math.Ceil(sum - 1e-6)) // without what is left of rounding
}
