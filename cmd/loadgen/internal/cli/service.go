package cli

import (
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/loadgen-go/loadgen/bench/httptarget"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/internal/spelling"
	"github.com/loadgen-go/loadgen/scenarios"
	"github.com/loadgen-go/loadgen/scenarios/services/shop"
)

// beginsAsURL matches the beginning of a URL. Other schemes than those of services are matched too, so that the error
// is about the scheme.
var beginsAsURL = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9+.-]*://|(?i:https?):)`)

// isURL reports whether an argument is the URL of a service.
func isURL(arg string) bool { return beginsAsURL.MatchString(arg) }

// notInNames matches what the name of a scenario cannot have.
var notInNames = regexp.MustCompile(`[^A-Za-z0-9._]+`)

// serviceAt returns a scenario that calls the service at a URL. The URL may have placeholders after the host, and a
// user and a password, which become a header.
func serviceAt(address string, settings []scenarios.Setting) (*scenarios.Scenario, error) {
	base, path := cutTemplate(address)
	anyPort := base
	if slices.ContainsFunc(settings, func(s scenarios.Setting) bool { return s.Key == scenarios.ServiceKey }) {
		anyPort = scenarios.AnyPort(base)
	}
	if strings.Contains(anyPort, "{{") {
		return nil, fmt.Errorf("%s has a placeholder before its path, and {{port}} is the port of a service that "+
			"loadgen starts: want --service beside it, or the port of a service that runs", address)
	}
	u, err := url.Parse(anyPort)
	service := fmt.Sprintf("url: %q", base)
	if err == nil && u.User != nil {
		password, _ := u.User.Password()
		token := base64.StdEncoding.EncodeToString([]byte(u.User.Username() + ":" + password))
		base, anyPort = withoutUser(base), withoutUser(anyPort)
		service = fmt.Sprintf("url: %q, headers: {Authorization: %q}", base, "Basic "+token)
	}
	if err := (httptarget.Options{URL: anyPort}).Check(); err != nil {
		return nil, errors.New(strings.ReplaceAll(err.Error(), "httptarget: ", ""))
	}
	if path != "" {
		service += fmt.Sprintf(", requests: [{path: %q}]", path)
	}
	if anyPort != base { // its port differs from visit to visit
		u.Host = "service"
	}
	name := strings.Trim(notInNames.ReplaceAllString(u.Host+u.Path+path, "-"), "-")
	text := fmt.Appendf(nil, "name: %q\ntarget: http\nhttp: {%s}\nqps: 100\nduration: 10s\nwarmup: 2s\n"+
		"rounds: 6\nquantile: none\n", cmp.Or(name, "service"), service)
	s, err := scenarios.Decode(base, text, settings...)
	var problems scenarios.Problems
	if errors.As(err, &problems) {
		for i := range problems {
			if strings.HasPrefix(problems[i].Where, base+":") {
				problems[i].Where = base // the lines are not the user's
			}
		}
	}
	return s, err
}

// withoutUser returns a URL without its user and password.
func withoutUser(address string) string {
	scheme, rest, _ := strings.Cut(address, "://")
	end := strings.IndexAny(rest+"/", "/?#")
	return scheme + "://" + rest[strings.LastIndex(rest[:end], "@")+1:]
}

// cutTemplate cuts a URL before its path, if it has placeholders there. Otherwise the path is empty.
func cutTemplate(address string) (base, path string) {
	scheme, rest, _ := strings.Cut(address, "://")
	if at := strings.IndexAny(rest, "/?"); at >= 0 && strings.Contains(rest[at:], "{{") {
		return scheme + "://" + rest[:at], rest[at:]
	}
	return address, ""
}

// serviceLine describes a service: its requests, its connections and the protocol.
func serviceLine(o *httptarget.Options) string {
	first := cmp.Or(o.Connections, httptarget.DefaultConnections)
	connections := format.Plural(first, "connection")
	if o.MaxConnections > first {
		connections = fmt.Sprintf("%s to %s", format.Count(first), format.Plural(o.MaxConnections, "connection"))
	}
	return fmt.Sprintf("%s, %s of request, %s, protocol %s", o.URL, format.Plural(max(len(o.Requests), 1), "kind"),
		connections, cmp.Or(o.Protocol, httptarget.Auto))
}

// serviceFlags are the flags about a service, in the order of help texts.
var serviceFlags = []string{"method", "data", "header", "http", "expect", "redirects", "connections",
	"max-connections", "reuse", "insecure", "ca", "cert", "key", "resolve", "unix-socket", noVerify}

// noVerify is the flag that leaves out the first request of each kind.
const noVerify = "no-verify"

// protocols are the values of --http.
var protocols = []string{httptarget.Auto, httptarget.HTTP1, httptarget.H2, httptarget.H2C}

// addService adds the flags about a service to a command. They change the scenario that the command loads.
func addService(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringP("method", "X", "", "`Method` of the request (default GET, or POST with --data).")
	f.StringP("data", "d", "", "`Body` of the request: text, in which placeholders such as {{uuid}} are replaced, or "+
		"@FILE, which is sent as it is.")
	f.StringArrayP("header", "H", nil, "A `header` of all requests, such as 'Content-Type: application/json'; can be "+
		"repeated.")
	f.String("http", "", "`Protocol`: "+strings.Join(protocols, ", ")+" (default auto: HTTP/1.1, or over TLS what "+
		"the server prefers). 1.1 and 2 are short for them.")
	f.StringSlice("expect", nil, "Good `statuses`, in a comma-separated list; a call with another one fails (default "+
		"all below 400).")
	f.Int("redirects", 0, "Redirects that a call follows, within the scheme and host of the URL; without it, a "+
		"redirect is an answer.")
	f.Int("connections", 0, "Connections that are opened before the first call (default 16).")
	f.Int("max-connections", 0, "The most connections: more than --connections are opened while calls find none free "+
		"(default no more).")
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
	for _, name := range []string{"unix-socket", "ca", "cert", "key"} {
		complete(cmd, name, filesOf(anyFile))
	}
	for _, name := range []string{"data", "header", "expect", "connections", "max-connections", "redirects",
		"resolve"} {
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
	case s.HTTP == nil:
		return fmt.Errorf("--%s is about a service: want a URL instead of a scenario, or a scenario with target: http",
			strings.Join(given, ", --"))
	}
	o := *s.HTTP
	var errs []error
	for _, name := range given {
		if err := setServiceFlag(cmd, name, &o); err != nil {
			errs = append(errs, fmt.Errorf("--%s: %w", name, err))
		}
	}
	s.HTTP = &o
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	if err := s.CheckHTTP(); err != nil {
		return errors.New(strings.ReplaceAll(err.Error(), "httptarget: ", ""))
	}
	return nil
}

// setServiceFlag sets what a flag says.
func setServiceFlag(cmd *cobra.Command, name string, o *httptarget.Options) (err error) {
	f := cmd.Flags()
	text := f.Lookup(name).Value.String()
	switch name {
	case noVerify:
		return nil
	case "header", "resolve":
		lines, err := f.GetStringArray(name)
		if err != nil {
			return err
		}
		if name == "header" {
			return addHeaders(o, lines)
		}
		return addAddresses(o, lines)
	case "connections", "max-connections", "redirects":
		n, err := f.GetInt(name)
		return cmp.Or(err, setNumber(o, name, n))
	case "insecure":
		o.TLS.Insecure, err = f.GetBool(name)
		return err
	}
	if text == "" || text == "[]" {
		return errors.New("it is empty: want a value")
	}
	fields := map[string]*string{"unix-socket": &o.UnixSocket, "ca": &o.TLS.CA, "cert": &o.TLS.Cert, "key": &o.TLS.Key}
	switch field := fields[name]; {
	case field != nil:
		*field = text
	case name == "http":
		o.Protocol, err = protocolOf(text, o.URL)
	case name == "reuse":
		o.Reuse, err = httptarget.ParseReuse(text)
	default:
		err = setRequestFlag(cmd, name, text, o)
	}
	return err
}

// setRequestFlag sets what a flag says about the only request.
func setRequestFlag(cmd *cobra.Command, name, text string, o *httptarget.Options) error {
	r, err := onlyRequest(o)
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

// setNumber sets a number of connections or of redirects. The most connections bound those that are opened first, and
// the other way round, unless both are given.
func setNumber(o *httptarget.Options, name string, n int) error {
	switch {
	case name == "redirects" && n < 0:
		return fmt.Errorf("%d is out of range: want 0 or more", n)
	case name == "redirects":
		o.Redirects = n
		return nil
	case n < 1:
		return fmt.Errorf("%d is out of range: want 1 or more", n)
	case name == "connections":
		o.Connections = n
		if o.MaxConnections > 0 {
			o.MaxConnections = max(o.MaxConnections, n)
		}
		return nil
	case o.Connections > n:
		return fmt.Errorf("%d is less than the %s that are opened first: want as many or more, or fewer "+
			"--connections", n, format.Plural(o.Connections, "connection"))
	}
	o.Connections, o.MaxConnections = cmp.Or(o.Connections, min(n, httptarget.DefaultConnections)), n
	return nil
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
func addAddresses(o *httptarget.Options, lines []string) error {
	all := maps.Clone(o.Resolve)
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
	o.Resolve = all
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

// onlyRequest returns a copy of the only request of a service, which the copy replaces.
func onlyRequest(o *httptarget.Options) (*httptarget.Request, error) {
	if n := len(o.Requests); n > 1 {
		return nil, fmt.Errorf("the scenario has %d requests: want it in the file, where it belongs to one of them", n)
	}
	requests := make([]httptarget.Request, 1)
	copy(requests, o.Requests)
	o.Requests = requests
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
func addHeaders(o *httptarget.Options, lines []string) error {
	headers := map[string]string{}
	for name, value := range o.Headers {
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
	o.Headers = headers
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

// newSample returns the hidden command that serves the sample services. Scenarios about services start this program
// with it, so that they run in any directory, and without a Go toolchain.
func newSample() *cobra.Command {
	sample := &cobra.Command{
		Use:    "sample",
		Short:  "Serve a sample service, to put under load",
		Hidden: true,
	}
	sample.AddCommand(&cobra.Command{
		Use:                "shop",
		Short:              "Serve a catalogue and orders, with spans made as SPANS says",
		Hidden:             true,
		DisableFlagParsing: true, // the service has its own flags and help
		RunE: func(cmd *cobra.Command, args []string) error {
			return unusable(shop.Main(cmd.Context(), args, cmd.OutOrStdout(), cmd.ErrOrStderr()))
		},
	})
	names := []string{"shop"}
	list := strings.Join(names, ", ")
	sample.RunE = func(_ *cobra.Command, args []string) error {
		if len(args) == 0 {
			return unusable(fmt.Errorf("sample: the name of a service is missing: want one of %s", list))
		}
		return unusable(fmt.Errorf("sample: %q is no service: want one of %s%s", args[0], list,
			spelling.Meant(args[0], names)))
	}
	return sample
}
