package grpctarget

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"unicode"

	"google.golang.org/grpc/codes"

	"github.com/loadgen-go/loadgen/internal/problems"
	"github.com/loadgen-go/loadgen/internal/spelling"
)

// check adds what is wrong with the fields of o, which has its defaults, besides files and templates.
func (o *Options) check(p *problems.List) {
	for _, field := range []struct {
		name               string
		value, least, most int
	}{
		{"connections", o.Connections, 1, mostConnections},
		{"maxConnections", o.MaxConnections, o.Connections, mostConnections},
		{"streams", o.Streams, 1, mostStreams},
		{"maxMessage", o.MaxMessage, 1, 1 << 30},
	} {
		if field.value < field.least || field.value > field.most {
			p.Add("%s is %d: want %d to %d", field.name, field.value, field.least, field.most)
		}
	}
	for from, to := range o.Resolve {
		if _, err := netip.ParseAddr(to); err != nil {
			if _, err := netip.ParseAddrPort(to); err != nil {
				p.Add("resolve of %q is %q: want an IP address, or one with a port, such as 127.0.0.1:8080", from, to)
			}
		}
	}
	if !plain(o.Authority) {
		p.Add("authority is %q: want visible characters of ASCII", o.Authority)
	}
	o.Schema.check(p)
	names := map[string]bool{}
	for i := range o.Requests {
		o.Requests[i].check(p, i, names)
	}
}

// plain reports whether s holds only visible characters of ASCII.
func plain(s string) bool {
	return !strings.ContainsFunc(s, func(c rune) bool { return c <= ' ' || c >= 0x7f })
}

// check adds what is wrong with r, which is request i. Names are the names of the requests before it.
func (r *Request) check(p *problems.List, i int, names map[string]bool) {
	where := fmt.Sprintf("requests[%d]", i)
	if names[r.Name] {
		p.Add("%s.name is %q, as of a request before it: want different names", where, r.Name)
	}
	names[r.Name] = true
	if strings.ContainsFunc(r.Name, unicode.IsControl) {
		p.Add("%s.name is %q: want it without control characters", where, r.Name)
	}
	if r.Weight < 1 || r.Weight > 1_000_000 {
		p.Add("%s.weight is %d: want 1 to 1000000", where, r.Weight)
	}
	if _, _, err := splitMethod(r.Method); err != nil {
		p.Add("%s.method %w", where, err)
	}
	if r.Stream.Send < 0 || r.Stream.Send > mostSent {
		p.Add("%s.stream.send is %d: want 1 to %d, or nothing for each message once", where, r.Stream.Send, mostSent)
	}
	if r.Stream.Every < 0 {
		p.Add("%s.stream.every is %v: want a duration such as 10ms", where, r.Stream.Every)
	}
	if _, err := r.Stream.most(); err != nil {
		p.Add("%s.stream.%w", where, err)
	}
	r.Expect.check(p, where+".expect")
}

// most returns the number of messages after which the client ends a stream; 0 if the server ends it.
func (s *Stream) most() (n int, err error) {
	if s.Receive == "" || s.Receive == "all" {
		return 0, nil
	}
	n, err = strconv.Atoi(s.Receive)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("receive is %q: want all, or a number of messages of at least 1", s.Receive)
	}
	return n, nil
}

// check adds what is wrong with the fields of e, besides paths in JSON.
func (e *Expect) check(p *problems.List, where string) {
	code, err := parseCode(e.Code)
	if err != nil {
		p.Add("%s.code is %w", where, err)
	}
	if err == nil && code != codes.OK && len(e.JSON)+len(e.FirstJSON) > 0 {
		p.Add("%s.code is %v, and there are values of JSON: want code OK, with which messages come", where, code)
	}
	if e.MaxLatency < 0 {
		p.Add("%s.maxLatency is %v: want a duration above 0", where, e.MaxLatency)
	}
}

// parseCode returns the code with a name: NotFound, or NOT_FOUND. The name "" is OK.
func parseCode(name string) (codes.Code, error) {
	if name == "" {
		return codes.OK, nil
	}
	var names []string
	plain := func(s string) string { return strings.ToLower(strings.ReplaceAll(s, "_", "")) }
	for c := codes.OK; c <= codes.Unauthenticated; c++ {
		names = append(names, c.String())
		// The code has two spellings of its own: CANCELLED of the protocol, and Canceled of grpc-go.
		if plain(name) == plain(c.String()) || c == codes.Canceled && plain(name) == "cancelled" {
			return c, nil
		}
	}
	return 0, fmt.Errorf("%q%s: want one of %s", name, spelling.Meant(name, names), strings.Join(names, ", "))
}

// splitMethod returns the service and the method of a full name, such as shop.Orders/Create.
func splitMethod(name string) (service, method string, err error) {
	full := strings.TrimPrefix(name, "/")
	cut := strings.LastIndexByte(full, '/')
	if cut < 0 {
		cut = strings.LastIndexByte(full, '.')
	}
	if cut > 0 {
		service, method = full[:cut], full[cut+1:]
	}
	if !identifiers(service) || !identifiers(method) || strings.Contains(method, ".") {
		return "", "", fmt.Errorf("is %q: want the full name of a method, such as shop.Orders/Create", name)
	}
	return service, method, nil
}

// identifiers reports whether s is one or more identifiers of protocol buffers, with points between them.
func identifiers(s string) bool {
	for part := range strings.SplitSeq(s, ".") {
		if part == "" || part[0] >= '0' && part[0] <= '9' || strings.ContainsFunc(part, func(c rune) bool {
			return c != '_' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z')
		}) {
			return false
		}
	}
	return true
}
