package httptarget

import (
	"fmt"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"github.com/loadgen-go/loadgen/bench/dial"
	"github.com/loadgen-go/loadgen/bench/template"
	"github.com/loadgen-go/loadgen/internal/problems"
)

// Options describe a service, and the requests to it. URL must be set; every other field has a default.
type Options struct {
	// URL is the service, with http:// or https://. A single request goes to exactly this URL; the
	// paths of Requests are appended to it.
	URL string `json:"url"`
	// Protocol is one of [Auto], [HTTP1], [H2] and [H2C]. The default is Auto.
	Protocol string `json:"protocol,omitempty"`
	// NetHTTP makes HTTP/1.1 calls with net/http instead of the codec of this package, at two to
	// three times the CPU time. It is for comparing the two. HTTP/2 always uses net/http.
	NetHTTP bool `json:"netHTTP,omitempty"`

	// Connections is the number of connections to open before the first call; by default 16. They
	// are added to while calls find none free, up to MaxConnections; by default none are added.
	Connections    int `json:"connections,omitempty"`
	MaxConnections int `json:"maxConnections,omitempty"`
	// Streams is the number of calls at once on a connection of HTTP/2; by default 100. If the
	// server allows fewer, [Target.Open] uses the server's limit.
	Streams int `json:"streams,omitempty"`
	// Reuse is the number of requests on a connection; 0 has no limit. With 1, each call opens a
	// connection of its own.
	Reuse int `json:"reuse,omitempty"`

	// Resolve replaces the addresses of hosts: a host, or host:port, and the IP address, or
	// IP:port, to connect to.
	Resolve map[string]string `json:"resolve,omitempty"`
	// UnixSocket is the path of a socket to connect to, whatever the host of the URL.
	UnixSocket string  `json:"unixSocket,omitempty"`
	TLS        TLS     `json:"tls,omitzero"`
	Timeout    Timeout `json:"timeout,omitzero"`
	// Redirects is the number of redirects that a call follows, within the scheme and host of the
	// URL: a redirect that leads elsewhere fails the call, so that no other service is put under
	// load. By default a redirect is an answer. A call that follows redirects ends with the last answer.
	Redirects int `json:"redirects,omitempty"`
	// MaxBody is the size of the largest body to read, in bytes; by default 16 MiB. A larger body
	// fails the call. A body is held in memory if it is checked, if it is in chunks, or if the
	// status is 400 or more.
	MaxBody int `json:"maxBody,omitempty"`

	// Headers are sent with every request. The values are templates.
	Headers map[string]string `json:"headers,omitempty"`
	// Requests are the kinds of requests. Each call makes one of them, chosen by weight. The default
	// is a GET of the URL.
	Requests []Request `json:"requests,omitempty"`
	// Data are tables whose rows fill templates, by name.
	Data map[string]Data `json:"data,omitempty"`
	// Vars are values of variables in templates, by name.
	Vars map[string]string `json:"-"`
	// Seed fixes everything that is random in requests. With the same seed, call n is the same
	// request in every run.
	Seed uint64 `json:"-"`
}

// Protocols.
const (
	Auto  = "auto"     // HTTP/1.1, or over TLS what the server prefers
	HTTP1 = "http/1.1" // HTTP/1.1, over TLS too
	H2    = "h2"       // HTTP/2 over TLS
	H2C   = "h2c"      // HTTP/2 without TLS, with prior knowledge
)

// TLS says how to verify the server, and how to identify to it.
type TLS = dial.TLS

// Data is a table whose rows fill templates.
type Data = template.Data

// Connections is the account of the connections of a target.
type Connections = dial.Connections

// Timeout bounds the phases of a call. A field that is 0 has its default; a negative one has no bound.
type Timeout struct {
	// Connect bounds looking up the host and connecting, by default to 5 s, and TLS the handshake
	// after that, by default to 5 s. If there are several addresses, they share Connect.
	Connect time.Duration `json:"connect,omitempty"`
	TLS     time.Duration `json:"tls,omitempty"`
	// Headers bounds the time from sending a request until its headers are read, and Body the time
	// from then until its body is read. By default there is no bound.
	Headers time.Duration `json:"headers,omitempty"`
	Body    time.Duration `json:"body,omitempty"`
	// Total bounds the call, from when it begins; by default to 30 s.
	Total time.Duration `json:"total,omitempty"`
}

// A Request is a kind of request. Path, the values of Headers, and Body are templates: see the package
// comment.
type Request struct {
	// Name is the key of the request; by default its method and path.
	Name string `json:"name,omitempty"`
	// Weight is how often the request is made, in proportion to the weights of the others; by
	// default 1.
	Weight  int               `json:"weight,omitempty"`
	Method  string            `json:"method,omitempty"` // by default GET, or POST if there is a body
	Path    string            `json:"path,omitempty"`   // appended to the URL
	Headers map[string]string `json:"headers,omitempty"`
	Body    Body              `json:"body,omitzero"`
	Expect  Expect            `json:"expect,omitzero"`
}

// A Body is the body of a request: a text, which is a template, or a file.
type Body struct {
	Text     string `json:"text,omitempty"`
	File     string `json:"file,omitempty"`
	Template bool   `json:"template,omitempty"` // whether the file is a template
}

// UnmarshalYAML decodes a body from a text, or from its fields.
func (b *Body) UnmarshalYAML(decode func(any) error) error {
	*b = Body{}
	if decode(&b.Text) == nil {
		return nil
	}
	type fields Body // without this method
	return decode((*fields)(b))
}

// DefaultConnections is the number of connections of a service whose options do not say it.
const DefaultConnections = 16

const (
	defaultStreams  = 100
	defaultMaxBody  = 16 << 20
	mostConnections = 100_000
	mostStreams     = 10_000
	defaultConnect  = 5 * time.Second
	defaultTotal    = 30 * time.Second
)

// withDefaults returns o with its defaults filled in.
func (o Options) withDefaults() Options {
	set := func(into *int, value int) {
		if *into == 0 {
			*into = value
		}
	}
	if o.Protocol == "" {
		o.Protocol = Auto
	}
	set(&o.Connections, DefaultConnections)
	set(&o.MaxConnections, o.Connections)
	set(&o.Streams, defaultStreams)
	set(&o.MaxBody, defaultMaxBody)
	o.Timeout = o.Timeout.withDefaults()
	if len(o.Requests) == 0 {
		o.Requests = []Request{{}}
	}
	o.Requests = slices.Clone(o.Requests)
	for i := range o.Requests {
		r := &o.Requests[i]
		set(&r.Weight, 1)
		if r.Method == "" {
			r.Method = "GET"
			if r.Body != (Body{}) {
				r.Method = "POST"
			}
		}
		if r.Name == "" {
			r.Name = strings.TrimSpace(r.Method + " " + r.Path)
		}
	}
	return o
}

func (t Timeout) withDefaults() Timeout {
	for _, field := range []struct {
		into *time.Duration
		d    time.Duration
	}{
		{&t.Connect, defaultConnect}, {&t.TLS, defaultConnect}, {&t.Headers, 0}, {&t.Body, 0},
		{&t.Total, defaultTotal},
	} {
		switch {
		case *field.into == 0:
			*field.into = field.d
		case *field.into < 0:
			*field.into = 0
		}
	}
	return t
}

// ParseReuse parses a value of Options.Reuse: always, never, or the number of requests on a connection.
func ParseReuse(text string) (int, error) {
	switch text {
	case "always":
		return 0, nil
	case "never":
		return 1, nil
	}
	n, err := strconv.Atoi(strings.ReplaceAll(text, "_", ""))
	if err != nil || n < 0 {
		return 0, fmt.Errorf("%q is not valid: want always, never, or a number of requests such as 100", text)
	}
	return n, nil
}

// Check returns an error that lists everything that is wrong with o, or nil. It reads the files that o
// names. [New] calls it.
func (o Options) Check() error {
	_, err := New(o)
	return err
}

// check adds what is wrong with the fields of o, which has its defaults, besides files and templates.
func (o *Options) check(p *problems.List) {
	o.checkURL(p)
	o.checkLimits(p)
	for from, to := range o.Resolve {
		if _, err := netip.ParseAddr(to); err != nil {
			if _, err := netip.ParseAddrPort(to); err != nil {
				p.Add("resolve of %q is %q: want an IP address, or one with a port, such as 127.0.0.1:8080", from, to)
			}
		}
	}
	names := map[string]bool{}
	for i := range o.Requests {
		o.Requests[i].check(p, i, names)
	}
	checkHeaders(p, "headers", o.Headers)
}

// checkResolve adds the hosts in resolve that are not the host of the URL, so that they have no effect.
func (o *Options) checkResolve(p *problems.List, u *url.URL) {
	host, port := address(u)
	for _, from := range slices.Sorted(maps.Keys(o.Resolve)) {
		if from != host && from != net.JoinHostPort(host, port) {
			p.Add("resolve has %q, and only %q is called: want %s, or %s", from, o.URL, host,
				net.JoinHostPort(host, port))
		}
	}
}

func (o *Options) checkURL(p *problems.List) {
	protocols := []string{Auto, HTTP1, H2, H2C}
	if !slices.Contains(protocols, o.Protocol) {
		p.Add("protocol is %q: want one of %s", o.Protocol, strings.Join(protocols, ", "))
	}
	u, err := url.Parse(o.URL)
	switch {
	case strings.Contains(o.URL, "{{"):
		p.Add("url is %q: want placeholders in the paths of requests, not in the url, where only {{port}} "+
			"may stand, if loadgen starts the service", o.URL)
		return
	case err != nil:
		p.Add("url is %q: want one such as http://127.0.0.1:8080/path: %w", o.URL, err)
		return
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.Hostname() == "":
		p.Add("url is %q: want http:// or https:// and a host, such as http://127.0.0.1:8080/path", o.URL)
	case !validPort(u.Port()):
		p.Add("url is %q: want a port from 1 to 65535", o.URL)
		return
	case u.Fragment != "" || strings.Contains(o.URL, "#"):
		p.Add("url is %q: want it without the part after #, which is not sent to a server", o.URL)
	case !plain(u.Host) || !plain(u.RawQuery):
		p.Add("url is %q: want blanks and characters beyond ASCII percent-encoded, and the host in Punycode", o.URL)
	case u.User != nil:
		p.Add("url has a user and a password: want them in headers, as Authorization: Basic and the base64 of " +
			"user:password")
	case u.RawQuery != "" && slices.ContainsFunc(o.Requests, func(r Request) bool { return r.Path != "" }):
		p.Add("url is %q, and requests have paths: want the query in the paths", o.URL)
	default:
		o.checkResolve(p, u)
	}
	switch {
	case o.Protocol == H2C && u.Scheme == "https":
		p.Add("protocol is h2c, and url is %q: want protocol h2, or http://", o.URL)
	case o.Protocol == H2 && u.Scheme == "http":
		p.Add("protocol is h2, and url is %q: want protocol h2c, or https://", o.URL)
	}
}

// validPort reports whether a port is a number that ports have, or left out.
func validPort(port string) bool {
	n, err := strconv.ParseUint(port, 10, 16)
	return port == "" || err == nil && n > 0
}

// plain reports whether s holds only visible characters of ASCII.
func plain(s string) bool {
	return !strings.ContainsFunc(s, func(c rune) bool { return c <= ' ' || c >= 0x7f })
}

func (o *Options) checkLimits(p *problems.List) {
	for _, field := range []struct {
		name               string
		value, least, most int
	}{
		{"connections", o.Connections, 1, mostConnections},
		{"maxConnections", o.MaxConnections, o.Connections, mostConnections},
		{"streams", o.Streams, 1, mostStreams},
		{"reuse", o.Reuse, 0, 1 << 30},
		{"redirects", o.Redirects, 0, 100},
		{"maxBody", o.MaxBody, 1, 1 << 30},
	} {
		if field.value < field.least || field.value > field.most {
			p.Add("%s is %d: want %d to %d", field.name, field.value, field.least, field.most)
		}
	}
}

// check adds what is wrong with r, which is request i. Names are the names of the requests before it.
func (r *Request) check(p *problems.List, i int, names map[string]bool) {
	where := fmt.Sprintf("requests[%d]", i)
	if names[r.Name] {
		p.Add("%s.name is %q, as of a request before it: want different names", where, r.Name)
	}
	names[r.Name] = true
	if !httpguts.ValidHeaderFieldValue(r.Name) {
		p.Add("%s.name is %q: want it without control characters", where, r.Name)
	}
	if r.Weight < 1 || r.Weight > 1_000_000 {
		p.Add("%s.weight is %d: want 1 to 1000000", where, r.Weight)
	}
	if !httpguts.ValidHeaderFieldName(r.Method) || r.Method == "CONNECT" {
		p.Add("%s.method is %q: want a method such as GET or POST", where, r.Method)
	}
	if r.Path != "" && r.Path[0] != '/' && r.Path[0] != '?' && !strings.HasPrefix(r.Path, "{{") {
		p.Add("%s.path is %q: want it to begin with / or ?", where, r.Path)
	}
	if r.Body.Text != "" && r.Body.File != "" {
		p.Add("%s.body has a text and a file: want one of them", where)
	}
	if r.Body.Template && r.Body.File == "" {
		p.Add("%s.body.template is set without a file: a text is always a template", where)
	}
	checkHeaders(p, where+".headers", r.Headers)
}

// ownHeaders are the headers that follow from the body and the connection.
var ownHeaders = []string{"Content-Length", "Transfer-Encoding", "Connection", "Trailer", "Upgrade", "Expect"}

func checkHeaders(p *problems.List, where string, headers map[string]string) {
	for name := range headers {
		switch {
		case !httpguts.ValidHeaderFieldName(name):
			p.Add("%s has the name %q: want letters, digits and -", where, name)
		case slices.ContainsFunc(ownHeaders, func(own string) bool { return strings.EqualFold(own, name) }):
			p.Add("%s has %s, which follows from the body and the connection: want it left out", where, name)
		}
	}
}

// address returns the host and port of a URL to connect to.
func address(u *url.URL) (host, port string) {
	port = u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return u.Hostname(), port
}
