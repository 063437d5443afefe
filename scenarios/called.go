package scenarios

import (
	"cmp"
	"errors"
	"regexp"
	"slices"
	"strings"

	"github.com/loadgen-go/loadgen/bench/grpctarget"
	"github.com/loadgen-go/loadgen/bench/httptarget"
)

// The targets that are services. Each is also the key of the field that describes the service: a mapping, whose fields
// are those of [httptarget.Options] and of [grpctarget.Options].
const (
	HTTPTarget = "http"
	GRPCTarget = "grpc"
)

var serviceTargets = []string{HTTPTarget, GRPCTarget}

// IsService reports whether a target is a service.
func IsService(target string) bool { return slices.Contains(serviceTargets, target) }

// Called holds the options of the client of a service: one of its fields is set.
type Called struct {
	HTTP *httptarget.Options
	GRPC *grpctarget.Options
}

// CallsService reports whether the scenario calls a service.
func (s *Scenario) CallsService() bool { return s.HTTP != nil || s.GRPC != nil }

// Called returns a copy of the options of the service that the scenario calls. It must call one.
func (s *Scenario) Called() Called {
	for _, target := range serviceTargets {
		if c, ok := s.calledBy(target); ok {
			return c
		}
	}
	return Called{}
}

// calledBy returns a copy of the options of the service that a target calls; ok is false if the scenario has none.
func (s *Scenario) calledBy(target string) (c Called, ok bool) {
	switch {
	case target == HTTPTarget && s.HTTP != nil:
		o := *s.HTTP
		return Called{HTTP: &o}, true
	case target == GRPCTarget && s.GRPC != nil:
		o := *s.GRPC
		return Called{GRPC: &o}, true
	}
	return Called{}, false
}

// SetCalled makes the scenario call a service of the same target with other options.
func (s *Scenario) SetCalled(c Called) { s.HTTP, s.GRPC = c.HTTP, c.GRPC }

// AnyCalled returns the options of the service as they are once it has been started, with any port.
func (s *Scenario) AnyCalled() Called { return s.Called().withAnyPort(s) }

func (c Called) withAnyPort(s *Scenario) Called {
	if s.Service == nil {
		return c
	}
	return c.At(AnyPort(c.Address()), "1")
}

// At returns the options with another address, and the value of {{port}}.
func (c Called) At(address, port string) Called {
	vars := map[string]string{"port": port}
	if c.GRPC != nil {
		o := *c.GRPC
		o.Address, o.Vars = address, vars
		return Called{GRPC: &o}
	}
	o := *c.HTTP
	o.URL, o.Vars = address, vars
	return Called{HTTP: &o}
}

// Alone returns the options with one connection.
func (c Called) Alone() Called {
	if c.GRPC != nil {
		o := *c.GRPC
		o.Connections, o.MaxConnections = 1, 1
		return Called{GRPC: &o}
	}
	o := *c.HTTP
	o.Connections, o.MaxConnections = 1, 1
	return Called{HTTP: &o}
}

// Target returns the name of the target.
func (c Called) Target() string {
	if c.GRPC != nil {
		return GRPCTarget
	}
	return HTTPTarget
}

// Address returns the address of the service, as the scenario has it.
func (c Called) Address() string {
	if c.GRPC != nil {
		return c.GRPC.Address
	}
	return c.HTTP.URL
}

// URL returns what is called, for people: the address, and the method if there is only one.
func (c Called) URL() string {
	if c.GRPC != nil && len(c.GRPC.Requests) == 0 {
		return c.GRPC.Address + "/" + strings.TrimPrefix(c.GRPC.Method, "/")
	}
	return c.Address()
}

// Protocol returns the name of the protocol.
func (c Called) Protocol() string {
	if c.GRPC != nil {
		return GRPCTarget
	}
	return cmp.Or(c.HTTP.Protocol, httptarget.Auto)
}

// Requests returns the number of kinds of requests.
func (c Called) Requests() int {
	if c.GRPC != nil {
		return max(len(c.GRPC.Requests), 1)
	}
	return max(len(c.HTTP.Requests), 1)
}

// Connections returns the number of connections that are opened first, and the most.
func (c Called) Connections() (first, most int) {
	if c.GRPC != nil {
		first = cmp.Or(c.GRPC.Connections, grpctarget.DefaultConnections)
		return first, max(first, c.GRPC.MaxConnections)
	}
	first = cmp.Or(c.HTTP.Connections, httptarget.DefaultConnections)
	return first, max(first, c.HTTP.MaxConnections)
}

// Calls returns the number of calls that the connections opened first make at once, as far as it is known before they
// are open: one each for HTTP, whose protocol the server may choose.
func (c Called) Calls() int {
	first, _ := c.Connections()
	if c.GRPC != nil {
		return first * cmp.Or(c.GRPC.Streams, grpctarget.DefaultStreams)
	}
	return first
}

// Reuse returns the number of requests on a connection; 0 has no limit.
func (c Called) Reuse() int {
	if c.GRPC != nil {
		return 0
	}
	return c.HTTP.Reuse
}

// Socket reports whether the service is called at a socket of this machine, which takes no ports.
func (c Called) Socket() bool {
	if c.GRPC != nil {
		return strings.HasPrefix(c.GRPC.Address, "unix:")
	}
	return c.HTTP.UnixSocket != ""
}

// Check returns an error that lists everything that is wrong with the options, one problem per line, or nil. It reads
// the files that they name.
func (c Called) Check() (err error) {
	if c.GRPC != nil {
		err = c.GRPC.Check()
	} else {
		err = c.HTTP.Check()
	}
	if err == nil {
		return nil
	}
	return errors.New(strings.ReplaceAll(err.Error(), c.Target()+"target: ", ""))
}

// AnyPort returns an address with some number instead of the placeholder of the port of a service that is started.
func AnyPort(address string) string { return portPlaceholder.ReplaceAllString(address, "1") }

// portPlaceholder matches the placeholder of a port.
var portPlaceholder = regexp.MustCompile(`\{\{\s*port(\s+[^\s{}]+)?\s*\}\}|\$\(PORT\)`)

// checkCalled checks that a scenario describes a service if and only if it calls one, and the service.
func (d *decoder) checkCalled(s *Scenario) {
	for _, target := range serviceTargets {
		d.checkCalledBy(s, target)
	}
}

// inField says what the field of a target is to have, at least.
var inField = map[string]string{HTTPTarget: "url", GRPCTarget: "address and method"}

// checkCalledBy checks the service that a target calls. Files of the service are not read for a run, which may have
// been made on another machine.
func (d *decoder) checkCalledBy(s *Scenario, name string) {
	target, service := d.values[Target], d.values[name]
	calls := slices.Contains(s.arms[Target], name)
	called, described := s.calledBy(name)
	switch {
	case !calls && !described || d.unread[name]:
		return
	case !calls:
		d.wrong(service.where, service.line, "%s describes a service that is not called: want target: %s beside it",
			name, name)
		return
	case !described:
		d.wrong(target.where, target.line, "target is %s, and there is no service: want a field %s with its %s, or a "+
			"URL instead of a scenario", name, name, inField[name])
		return
	case len(s.arms[Target]) > 1:
		d.wrong(target.where, target.line, "target is %s: want %s alone, since the costs of a service are not "+
			"those of a function", strings.Join(s.arms[Target], ", "), name)
	}
	d.checkNotOfServices(s, name)
	if d.lenient {
		return
	}
	if err := called.withAnyPort(s).Check(); err != nil {
		for line := range strings.SplitSeq(err.Error(), "\n") {
			d.wrong(service.where, service.line, "%s: %s", name, line)
		}
	}
}

// checkNotOfServices checks that a scenario of a service sets nothing that only calls in this process have.
func (d *decoder) checkNotOfServices(s *Scenario, target string) {
	for _, dim := range dimensions {
		v, given := d.values[dim.Name]
		if given && dim.InProcess && !slices.Equal(s.arms[dim.Name], dim.Default) {
			d.wrong(v.where, v.line, "%s: it applies to calls in this process: want no field %s with target %s",
				dim.Name, dim.Name, target)
		}
	}
	if v, given := d.values["live"]; given && s.Live {
		d.wrong(v.where, v.line, "live: it puts estimators on the path of calls in this process: want no field live "+
			"with target %s", target)
	}
	for _, key := range keysBelow("handlers.") {
		if v, given := d.values[key]; given {
			d.wrong(v.where, v.line, "%s is about the handlers of the map: want no field handlers with target %s",
				key, target)
		}
	}
}
