package cli

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/loadgen-go/loadgen/bench/dial"
	"github.com/loadgen-go/loadgen/bench/grpctarget"
	"github.com/loadgen-go/loadgen/bench/httptarget"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/scenarios"
)

// serviceLine describes a service: its requests, its connections and the protocol.
func serviceLine(c scenarios.Called) string {
	first, most := c.Connections()
	connections := format.Plural(first, "connection")
	if most > first {
		connections = fmt.Sprintf("%s to %s", format.Count(first), format.Plural(most, "connection"))
	}
	return fmt.Sprintf("%s, %s of request, %s, protocol %s", c.URL(), format.Plural(c.Requests(), "kind"),
		connections, c.Protocol())
}

// serviceFlags are the flags about a service, in the order of help texts.
var serviceFlags = []string{"method", "data", "header", "http", "expect", "redirects", "proto", "import", "protoset",
	"connections", "max-connections", "streams", "reuse", "insecure", "ca", "cert", "key", "resolve", "unix-socket",
	noVerify}

// noVerify is the flag that leaves out the first request of each kind.
const noVerify = "no-verify"

// onlyHTTP are the flags that do not apply to gRPC, with the reason.
var onlyHTTP = map[string]string{
	"method":    "the method of a call of gRPC follows the address in the URL (grpc.method)",
	"http":      "gRPC is always HTTP/2",
	"redirects": "gRPC has no redirects",
	"reuse":     "a connection of gRPC is always used again",
}

// onlyGRPC are the flags that do not apply to HTTP.
var onlyGRPC = []string{"proto", "import", "protoset"}

// protocols are the values of --http.
var protocols = []string{httptarget.Auto, httptarget.HTTP1, httptarget.H2, httptarget.H2C}

// addService adds the flags about a service to a command. They change the scenario that the command loads.
func addService(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringP("method", "X", "", "`Method` of the request (default GET, or POST with --data).")
	f.StringP("data", "d", "", "`Body` of the request: text, in which placeholders such as {{uuid}} are replaced, or "+
		"@FILE, which is sent as it is. For gRPC, the message as JSON.")
	f.StringArrayP("header", "H", nil, "A `header` of all requests, such as 'Content-Type: application/json', or "+
		"metadata of gRPC; can be repeated.")
	f.String("http", "", "`Protocol`: "+strings.Join(protocols, ", ")+" (default auto: HTTP/1.1, or over TLS what "+
		"the server prefers). 1.1 and 2 are short for them.")
	f.StringSlice("expect", nil, "Good `statuses`, in a comma-separated list; a call with another one fails (default "+
		"all below 400). For gRPC, the good code, such as NotFound (default OK).")
	f.Int("redirects", 0, "Redirects that a call follows, within the scheme and host of the URL; without it, a "+
		"redirect is an answer.")
	f.StringArray("proto", nil, "A `file` of protocol buffers that describes a service of gRPC (default: the server "+
		"is asked, by reflection); can be repeated.")
	f.StringArray("import", nil, "A `directory` of the files that those of --proto import (default theirs); can be "+
		"repeated.")
	f.String("protoset", "", "A `file` with descriptors, instead of --proto, from protoc --include_imports "+
		"--descriptor_set_out.")
	f.Int("connections", 0, "Connections that are opened before the first call (default 16, or 4 for gRPC).")
	f.Int("max-connections", 0, "The most connections: more than --connections are opened while calls find none free "+
		"(default no more).")
	f.Int("streams", 0, "Calls at once on a connection of HTTP/2 or gRPC (default 100, or fewer if the server says "+
		"so).")
	f.String("reuse", "", "`Requests` on a connection: always (no limit), never, or a number (default always).")
	f.BoolP("insecure", "k", false, "Accept any certificate of the server.")
	f.String("ca", "", "Trust the certificates in this `file`, in PEM, instead of the system's.")
	f.String("cert", "", "Certificate of the client: a `file` in PEM. Needs --key.")
	f.String("key", "", "Private key of --cert: a `file` in PEM.")
	f.StringArray("resolve", nil, "`Address` of a host, as HOST:ADDRESS or, for one of its ports, HOST:PORT:ADDRESS; "+
		"the address may have a port of its own. Can be repeated.")
	f.String("unix-socket", "", "Connect to the socket at this `path`, whatever the host of the URL.")
	f.Bool(noVerify, false, "Do not send one request of each kind first, to check its answer.")
	group(cmd, groupService, serviceFlags...)
	complete(cmd, "method", oneOf("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"))
	complete(cmd, "http", oneOf(protocols...))
	complete(cmd, "reuse", oneOf("always", "never"))
	for _, name := range []string{"unix-socket", "ca", "cert", "key", "proto", "protoset", "import"} {
		complete(cmd, name, filesOf(anyFile))
	}
	for _, name := range []string{"data", "header", "expect", "connections", "max-connections", "streams",
		"redirects", "resolve"} {
		complete(cmd, name, oneOf())
	}
}

// setService sets what the flags of a command say about the service of a scenario.
func setService(cmd *cobra.Command, s *scenarios.Scenario) error {
	var given []string
	for _, name := range serviceFlags {
		if f := cmd.Flags().Lookup(name); f != nil && f.Changed {
			given = append(given, name)
		}
	}
	switch {
	case len(given) == 0:
		return nil
	case !s.CallsService():
		return fmt.Errorf("--%s is about a service: want a URL instead of a scenario, or a scenario with target: "+
			"http or target: grpc", strings.Join(given, ", --"))
	}
	c := s.Called()
	var errs []error
	for _, name := range given {
		if err := setServiceFlag(cmd, name, c); err != nil {
			errs = append(errs, fmt.Errorf("--%s: %w", name, err))
		}
	}
	s.SetCalled(c)
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	return s.AnyCalled().Check()
}

// setServiceFlag sets what a flag says.
func setServiceFlag(cmd *cobra.Command, name string, c scenarios.Called) error {
	switch {
	case name == noVerify:
		return nil
	case c.GRPC != nil && onlyHTTP[name] != "":
		return fmt.Errorf("it applies to HTTP only: %s", onlyHTTP[name])
	case c.HTTP != nil && slices.Contains(onlyGRPC, name):
		return errors.New("it applies to gRPC only: want a URL such as grpc://127.0.0.1:9090/shop.Orders/Create")
	case name == "streams" && c.HTTP != nil && isHTTP1(c.HTTP):
		return errors.New("it applies to HTTP/2, and the protocol is HTTP/1.1: want --http 2 beside it")
	}
	if text := cmd.Flags().Lookup(name).Value.String(); text == "" || text == "[]" {
		return errors.New("it is empty: want a value")
	}
	if done, err := setCommonFlag(cmd, name, commonOf(c)); done {
		return err
	}
	if c.GRPC != nil {
		return setGRPCFlag(cmd, name, c.GRPC)
	}
	return setHTTPFlag(cmd, name, c.HTTP)
}

// isHTTP1 reports whether a service is called over HTTP/1.1, whatever the server prefers.
func isHTTP1(o *httptarget.Options) bool {
	auto := o.Protocol == "" || o.Protocol == httptarget.Auto
	return o.Protocol == httptarget.HTTP1 || auto && !strings.HasPrefix(strings.ToLower(o.URL), "https:")
}

// common are the options that services of HTTP and of gRPC have in common.
type common struct {
	headers, resolve           *map[string]string
	tls                        *dial.TLS
	connections, most, streams *int
	usual                      int // connections, if nothing says how many
}

func commonOf(c scenarios.Called) common {
	if o := c.GRPC; o != nil {
		return common{&o.Metadata, &o.Resolve, &o.TLS, &o.Connections, &o.MaxConnections, &o.Streams,
			grpctarget.DefaultConnections}
	}
	o := c.HTTP
	return common{&o.Headers, &o.Resolve, &o.TLS, &o.Connections, &o.MaxConnections, &o.Streams,
		httptarget.DefaultConnections}
}

// setCommonFlag sets what a flag says about what services of HTTP and of gRPC have in common. It returns false if the
// flag is about something else.
func setCommonFlag(cmd *cobra.Command, name string, c common) (done bool, err error) {
	f := cmd.Flags()
	switch name {
	case "header", "resolve":
		lines, err := f.GetStringArray(name)
		if err != nil {
			return true, err
		}
		if name == "header" {
			return true, addHeaders(c.headers, lines)
		}
		return true, addAddresses(c.resolve, lines)
	case "connections", "max-connections", "streams":
		n, err := f.GetInt(name)
		return true, cmp.Or(err, c.setNumber(name, n))
	case "insecure":
		c.tls.Insecure, err = f.GetBool(name)
		return true, err
	}
	file := map[string]*string{"ca": &c.tls.CA, "cert": &c.tls.Cert, "key": &c.tls.Key}[name]
	if file == nil {
		return false, nil
	}
	*file = f.Lookup(name).Value.String()
	return true, nil
}

// setNumber sets a number of connections or of streams. The most connections bound those that are opened first, and
// the other way round, unless both are given.
func (c common) setNumber(name string, n int) error {
	switch {
	case n < 1:
		return fmt.Errorf("%d is out of range: want 1 or more", n)
	case name == "streams":
		*c.streams = n
		return nil
	case name == "connections":
		*c.connections = n
		if *c.most > 0 {
			*c.most = max(*c.most, n)
		}
		return nil
	case *c.connections > n:
		return fmt.Errorf("%d is less than the %s that are opened first: want as many or more, or fewer "+
			"--connections", n, format.Plural(*c.connections, "connection"))
	}
	*c.connections, *c.most = cmp.Or(*c.connections, min(n, c.usual)), n
	return nil
}

// setHTTPFlag sets what a flag says about a service of HTTP.
func setHTTPFlag(cmd *cobra.Command, name string, o *httptarget.Options) (err error) {
	text := cmd.Flags().Lookup(name).Value.String()
	switch name {
	case "unix-socket":
		o.UnixSocket = text
		return nil
	case "http":
		o.Protocol, err = protocolOf(text, o.URL)
		return err
	case "reuse":
		o.Reuse, err = httptarget.ParseReuse(text)
		return err
	case "redirects":
		if o.Redirects, err = cmd.Flags().GetInt(name); err == nil && o.Redirects < 0 {
			err = fmt.Errorf("%d is out of range: want 0 or more", o.Redirects)
		}
		return err
	}
	r, err := only(&o.Requests)
	if err != nil {
		return err
	}
	switch name {
	case "method":
		r.Method = text
	case "data":
		r.Body = bodyOf(text)
	case "expect":
		statuses, err := cmd.Flags().GetStringSlice(name)
		if err != nil {
			return err
		}
		r.Expect.Status, err = statusesOf(statuses)
		return err
	}
	return nil
}

// setGRPCFlag sets what a flag says about a service of gRPC.
func setGRPCFlag(cmd *cobra.Command, name string, o *grpctarget.Options) (err error) {
	text := cmd.Flags().Lookup(name).Value.String()
	switch name {
	case "unix-socket":
		setSocket(o, text)
		return nil
	case "proto", "import", "protoset":
		if cmd.Flags().Changed("proto") || cmd.Flags().Changed("protoset") {
			o.Schema.From = "" // which they replace
		}
		switch name {
		case "proto":
			o.Schema.Proto, err = cmd.Flags().GetStringArray(name)
			o.Schema.Protoset = ""
		case "import":
			o.Schema.Import, err = cmd.Flags().GetStringArray(name)
		case "protoset":
			o.Schema.Protoset = text
			if !cmd.Flags().Changed("proto") {
				o.Schema.Proto, o.Schema.Import = nil, nil
			}
		}
		return err
	}
	r := &grpctarget.Request{Messages: o.Messages, Expect: o.Expect}
	if len(o.Requests) > 0 {
		if r, err = only(&o.Requests); err != nil {
			return err
		}
	}
	switch name {
	case "data":
		r.Messages = grpctarget.Messages{messageOf(text)}
	case "expect":
		codes, err := cmd.Flags().GetStringSlice(name)
		if err != nil || len(codes) != 1 {
			return cmp.Or(err, fmt.Errorf("%q is no code: a call of gRPC ends with one, such as NotFound", text))
		}
		r.Expect.Code = codes[0]
	}
	if len(o.Requests) == 0 {
		o.Messages, o.Expect = r.Messages, r.Expect
	}
	return nil
}

// messageOf returns the message of gRPC that --data gives.
func messageOf(text string) string {
	if file, ok := strings.CutPrefix(text, "@"); ok {
		return fmt.Sprintf("{{file %q}}", file)
	}
	return text
}

// setSocket makes a service of gRPC one at a socket. Its name in requests and in TLS stays that of its address.
func setSocket(o *grpctarget.Options, path string) {
	scheme, authority, _ := strings.Cut(o.Address, "://")
	if !strings.HasPrefix(scheme, "grpc") {
		scheme, authority = "", o.Address
	}
	if !strings.HasPrefix(o.Address, "unix:") && !strings.Contains(authority, "{{") {
		o.Authority = cmp.Or(o.Authority, authority)
		if host, _, err := net.SplitHostPort(authority); err == nil && scheme == "grpcs" {
			o.TLS.ServerName = cmp.Or(o.TLS.ServerName, host)
		}
	}
	o.Address = "unix://" + path
}

// protocolOf returns the protocol that --http names for a URL.
func protocolOf(text, address string) (string, error) {
	switch text = strings.ToLower(text); text {
	case "1", "1.1", "http/1", "http1.1":
		return httptarget.HTTP1, nil
	case "2", "2.0", "http/2", "http2":
		if strings.HasPrefix(strings.ToLower(address), "http://") {
			return httptarget.H2C, nil
		}
		return httptarget.H2, nil
	}
	if !slices.Contains(protocols, text) {
		return "", fmt.Errorf("%q is unknown: want one of %s", text, strings.Join(protocols, ", "))
	}
	return text, nil
}

// addAddresses adds addresses of hosts, such as shop.local:127.0.0.1 and, as curl has them, shop.local:443:127.0.0.1.
func addAddresses(resolve *map[string]string, lines []string) error {
	all := maps.Clone(*resolve)
	if all == nil {
		all = map[string]string{}
	}
	for _, line := range lines {
		host, to, ok := strings.Cut(line, ":")
		if port, rest, more := strings.Cut(to, ":"); ok && more && !isAddress(to) {
			host, to = net.JoinHostPort(host, port), rest
		}
		if address := strings.TrimSuffix(strings.TrimPrefix(to, "["), "]"); isAddress(address) {
			to = address
		}
		if host == "" || !isAddress(to) {
			return fmt.Errorf("%q is no host with its address: want HOST:ADDRESS or HOST:PORT:ADDRESS, such as "+
				"shop.local:443:127.0.0.1", line)
		}
		all[host] = to
	}
	*resolve = all
	return nil
}

// isAddress reports whether a text is an IP address, with a port or without.
func isAddress(text string) bool {
	_, err := netip.ParseAddr(text)
	if err != nil {
		_, err = netip.ParseAddrPort(text)
	}
	return err == nil
}

// only returns a copy of the only request of a service, which the copy replaces.
func only[R any](have *[]R) (*R, error) {
	if n := len(*have); n > 1 {
		return nil, fmt.Errorf("the scenario has %d requests: want it in the file, where it belongs to one of them", n)
	}
	requests := make([]R, 1)
	copy(requests, *have)
	*have = requests
	return &requests[0], nil
}

// bodyOf returns the body that --data gives.
func bodyOf(text string) httptarget.Body {
	if file, ok := strings.CutPrefix(text, "@"); ok {
		return httptarget.Body{File: file}
	}
	return httptarget.Body{Text: text}
}

// addHeaders adds the headers of lines such as Name: value. They replace the headers of the scenario.
func addHeaders(have *map[string]string, lines []string) error {
	headers := map[string]string{}
	for name, value := range *have {
		headers[name] = value
	}
	for _, line := range lines {
		name, value, ok := strings.Cut(line, ":")
		if name = strings.TrimSpace(name); !ok || name == "" {
			return fmt.Errorf("%q is no header: want one such as 'Content-Type: application/json'", line)
		}
		for have := range headers {
			if strings.EqualFold(have, name) {
				delete(headers, have)
			}
		}
		headers[name] = strings.TrimSpace(value)
	}
	*have = headers
	return nil
}

// statusesOf returns the statuses that --expect lists.
func statusesOf(texts []string) (statuses []int, err error) {
	for _, text := range texts {
		n, err := strconv.Atoi(strings.TrimSpace(text))
		if err != nil || n < 200 || n > 999 {
			return nil, fmt.Errorf("%q is no status: want a list of numbers from 200 to 999, such as 200,201", text)
		}
		statuses = append(statuses, n)
	}
	return statuses, nil
}
