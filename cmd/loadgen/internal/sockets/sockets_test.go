package sockets_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/sockets"
	"github.com/loadgen-go/loadgen/scenarios"
)

func decode(t *testing.T, service, load string) *scenarios.Scenario {
	t.Helper()
	s, err := scenarios.Decode("x.yaml", fmt.Appendf(nil, "target: http\nhttp: {url: http://a/, %s}\narrivals: "+
		"constant\n%s\n",
		service, load))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var limits = sockets.Limits{Descriptors: 100, Ports: 1000, Held: time.Minute, HeldLoopback: time.Second}

// The ports of connections that loadgen closed stay taken. Visits take 60 ms more than their load.
func TestThePortsOfARunAreThoseOpenAndThoseHeld(t *testing.T) {
	const once = "warmup: 0\nrounds: 1\n"
	remote := sockets.Service{Addresses: 1}
	for name, c := range map[string]struct {
		service, load string
		at            sockets.Service
		takes, has    uint64
	}{
		"one visit":     {"reuse: never", once + "qps: 10\nduration: 20s", remote, 16 + 200, 1000},
		"a tenth":       {"reuse: 10", once + "qps: 10\nduration: 20s", remote, 16 + 20, 1000},
		"reused":        {"reuse: always", once + "qps: 10\nduration: 20s", remote, 16 + 16, 1000},
		"at least open": {"reuse: 100000", once + "qps: 10\nduration: 20s", remote, 16 + 16, 1000},
		"a warm-up":     {"reuse: never", "warmup: 2s\nrounds: 1\nqps: 10\nduration: 20s", remote, 16 + 220, 1000},
		"a long visit":  {"reuse: never", once + "qps: 10\nduration: 119.94s", remote, 16 + 600, 1000},
		"many rounds":   {"reuse: never", "warmup: 0\nrounds: 100\nqps: 10\nduration: 1.94s", remote, 16 + 600, 1000},
		"loopback": {"reuse: never", once + "qps: 10\nduration: 9.94s", sockets.Service{Loopback: true}, 16 + 10,
			1000},
		"two addresses": {"reuse: never", once + "qps: 10\nduration: 20s", sockets.Service{Addresses: 2}, 216, 2000},
		"it closes": {"reuse: never", once + "qps: 10\nduration: 20s", sockets.Service{ServerCloses: true}, 16,
			1000},
		"more are open":  {"connections: {max: 30}", once + "qps: 10\nduration: 20s", remote, 60, 1000},
		"the worse rate": {"reuse: never", once + "qps: [1, 10]\nduration: 60s", remote, 16 + 600, 1000},
		"two rates":      {"reuse: never", once + "qps: [1, 10]\nduration: 20s", remote, 16 + 220, 1000},
	} {
		t.Run(name, func(t *testing.T) {
			n := sockets.Ports(decode(t, c.service, c.load), c.at, limits)
			if n == nil || n.Takes != c.takes || n.Has != c.has || n.Refusal != "" {
				t.Errorf("%+v, want %d of %d", n, c.takes, c.has)
			}
		})
	}
}

func TestANeedThatIsTooLargeIsRefused(t *testing.T) {
	s := decode(t, "reuse: never, connections: 70", "warmup: 0\nrounds: 1\nqps: 100\nduration: 20s")
	ports, descriptors := sockets.Ports(s, sockets.Service{Addresses: 1}, limits), sockets.Descriptors(s, limits)
	two := sockets.Ports(s, sockets.Service{Addresses: 2}, limits)
	for _, c := range []struct {
		need *sockets.Need
		want string
	}{
		{ports, "takes up to 2,070 local ports, and this machine has 1,000"},
		{ports, "that allows 15 new connections a second"},
		{two, "and this machine has 2,000 for the 2 addresses of the service"},
		{descriptors, "takes up to 102 descriptors, for 70 connections and 32 other files, and a process may have " +
			"100"},
	} {
		if !strings.Contains(c.need.Refusal, c.want) || c.need.Check().Passed {
			t.Errorf("%q: want %q", c.need.Refusal, c.want)
		}
	}
}

func TestWhatIsNotKnownIsLeftOut(t *testing.T) {
	const load = "rounds: 1\nqps: 100\nduration: 20s"
	if n := sockets.Descriptors(decode(t, "reuse: 1", load), sockets.Limits{}); n != nil {
		t.Errorf("descriptors: %+v", n)
	}
	for name, n := range map[string]*sockets.Need{
		"limits":   sockets.Ports(decode(t, "reuse: 1", load), sockets.Service{}, sockets.Limits{Descriptors: 1}),
		"a socket": sockets.Ports(decode(t, "reuse: 1, unixSocket: /s", load), sockets.Service{}, limits),
		"a loop": sockets.Ports(decode(t, "reuse: 1", "rounds: 1\nclosed: true\nduration: 20s"), sockets.Service{},
			limits),
	} {
		if n != nil {
			t.Errorf("%s: %+v", name, n)
		}
	}
}
