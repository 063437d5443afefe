package httptarget

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/loadgen-go/loadgen/bench/template"
)

// A request is a kind of request, ready to be made.
type request struct {
	name, method string
	idempotent   bool // may be sent again
	base         *url.URL
	target       template.Template // the path and the query
	headers      []header
	host         template.Template
	body         template.Template
	hasBody      bool // a length is sent, even if it is 0
	expect       *checks
	close        bool // the server is asked to close the connection

	// The following are set if nothing changes from call to call.
	static       bool
	staticRaw    []byte
	staticTarget []byte
	staticBody   []byte
	staticHeader http.Header
}

type header struct {
	name  string
	value template.Template
}

// newRequest prepares a request of o, the i-th.
func newRequest(o *Options, base *url.URL, i int, p *template.Parser) (*request, error) {
	from := &o.Requests[i]
	where := fmt.Sprintf("requests[%d]", i)
	r := &request{name: from.Name, method: from.Method, base: base, close: o.Reuse == 1}
	r.idempotent = slices.Contains([]string{"GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"}, r.method)
	var err error
	if r.target, err = parseTarget(p, where+".path", base, from.Path); err != nil {
		return nil, err
	}
	if err := r.parseHeaders(p, o.Headers, "headers", from.Headers, where+".headers"); err != nil {
		return nil, err
	}
	if r.body, err = parseBody(p, where+".body", from.Body); err != nil {
		return nil, err
	}
	r.hasBody = len(r.body) > 0 || slices.Contains([]string{"POST", "PUT", "PATCH"}, r.method)
	if r.expect, err = newChecks(where+".expect", &from.Expect); err != nil {
		return nil, err
	}
	r.prepare()
	return r, nil
}

// parseTarget parses the path of a request, after the path of the URL.
func parseTarget(p *template.Parser, where string, base *url.URL, path string) (template.Template, error) {
	prefix := base.EscapedPath()
	if path != "" && path[0] != '?' {
		prefix = strings.TrimSuffix(prefix, "/")
	} else if prefix == "" {
		prefix = "/"
	}
	if base.RawQuery != "" {
		prefix += "?" + base.RawQuery
	}
	t, err := p.Parse(where, path, template.InPath)
	if err != nil {
		return nil, err
	}
	for _, text := range t.Texts() {
		for i, c := range string(text) {
			if c <= ' ' || c >= 0x7f || c == '#' {
				return nil, fmt.Errorf("%s has %q after %q: want it percent-encoded", where, c,
					text[:i])
			}
		}
	}
	return append(template.Literal([]byte(prefix)), t...), nil
}

// parseHeaders parses the headers of a request, which replace those of all requests.
func (r *request) parseHeaders(p *template.Parser, all map[string]string, whereAll string, own map[string]string,
	where string) error {
	values, wheres := map[string]string{"User-Agent": "loadgen"}, map[string]string{}
	for _, set := range []struct {
		headers map[string]string
		where   string
	}{{all, whereAll}, {own, where}} {
		for _, name := range slices.Sorted(maps.Keys(set.headers)) {
			key := http.CanonicalHeaderKey(name)
			values[key], wheres[key] = set.headers[name], set.where+"."+name
		}
	}
	r.host = template.Literal([]byte(r.base.Host))
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if !httpguts.ValidHeaderFieldValue(values[name]) {
			return fmt.Errorf("%s has a line break or another control character: want one line of text",
				wheres[name])
		}
		value, err := p.Parse(wheres[name], values[name], template.InHeader)
		switch {
		case err != nil:
			return err
		case name == "Host":
			r.host = value
		default:
			r.headers = append(r.headers, header{name, value})
		}
	}
	return nil
}

func parseBody(p *template.Parser, where string, b Body) (template.Template, error) {
	if b.File == "" {
		return p.Parse(where, b.Text, template.Verbatim)
	}
	text, err := os.ReadFile(b.File)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", where, err)
	case b.Template:
		return p.Parse(b.File, string(text), template.Verbatim)
	case len(text) == 0:
		return nil, nil
	}
	return template.Literal(text), nil
}

// prepare makes everything that does not change from call to call.
func (r *request) prepare() {
	r.static = r.target.Static() && r.host.Static() && r.body.Static()
	for _, h := range r.headers {
		r.static = r.static && h.value.Static()
	}
	if !r.static {
		return
	}
	var m message
	m.render(r, 0)
	m.renderRaw()
	r.staticRaw, r.staticTarget, r.staticBody, r.staticHeader = m.raw, m.target, m.body, m.header()
}

// A message is a request of one call. It is made again for each call, in the same memory.
type message struct {
	*request
	method string
	values template.Values

	raw    []byte // what HTTP/1.1 sends
	target []byte
	body   []byte
	own    struct{ raw, target, body []byte } // memory, if the request is not static
}

// set makes m the request r of call n. Raw says whether m.raw is needed.
func (m *message) set(r *request, n uint64, raw bool) {
	if r.static {
		m.request, m.method, m.values = r, r.method, template.Values{N: n, Key: r.name}
		m.raw, m.target, m.body = r.staticRaw, r.staticTarget, r.staticBody
		return
	}
	m.render(r, n)
	if raw {
		m.renderRaw()
	}
}

// render makes the target and the body of call n.
func (m *message) render(r *request, n uint64) {
	m.request, m.method, m.values = r, r.method, template.Values{N: n, Key: r.name}
	m.own.target = r.target.Append(m.own.target[:0], &m.values)
	m.own.body = r.body.Append(m.own.body[:0], &m.values)
	m.target, m.body = m.own.target, m.own.body
}

// renderRaw makes the bytes that HTTP/1.1 sends.
func (m *message) renderRaw() {
	b := m.own.raw[:0]
	b = append(b, m.method...)
	b = append(b, ' ')
	b = append(b, m.target...)
	b = append(b, " HTTP/1.1\r\nHost: "...)
	b = m.host.Append(b, &m.values)
	for i := range m.headers {
		h := &m.headers[i]
		b = append(b, "\r\n"...)
		b = append(b, h.name...)
		b = append(b, ": "...)
		b = h.value.Append(b, &m.values)
	}
	if m.close {
		b = append(b, "\r\nConnection: close"...)
	}
	if m.sendsLength() {
		b = append(b, "\r\nContent-Length: "...)
		b = strconv.AppendInt(b, int64(len(m.body)), 10)
	}
	b = append(b, "\r\n\r\n"...)
	b = append(b, m.body...)
	m.own.raw, m.raw = b, b
}

// sendsLength reports whether the request has the header Content-Length.
func (m *message) sendsLength() bool {
	return len(m.body) > 0 || m.hasBody && m.method == m.request.method
}

// header returns the headers for net/http. They must not be changed.
func (m *message) header() http.Header {
	if m.staticHeader != nil {
		return m.staticHeader
	}
	all := make(http.Header, len(m.headers))
	for i := range m.headers {
		h := &m.headers[i]
		all[h.name] = []string{string(h.value.Append(nil, &m.values))}
	}
	return all
}

// sameService reports whether two URLs have the same scheme, host and port.
func sameService(a, b *url.URL) bool {
	hostA, portA := address(a)
	hostB, portB := address(b)
	return a.Scheme == b.Scheme && strings.EqualFold(hostA, hostB) && portA == portB
}

// redirect makes m the request that follows a redirect, as browsers and net/http do: a POST that was
// answered by 301, 302 or 303 becomes a GET without a body.
func (m *message) redirect(status int, location string) error {
	current, err := url.ParseRequestURI(string(m.target))
	if err != nil {
		return fmt.Errorf("the path %q: %w", m.target, err)
	}
	current.Scheme, current.Host = m.base.Scheme, m.base.Host
	next, err := current.Parse(location)
	if err != nil {
		return fmt.Errorf("the location %q: %w", location, err)
	}
	if !sameService(next, m.base) {
		return fmt.Errorf("it leads to %s, and calls stay with the scheme and host of the URL, %s://%s: give that "+
			"URL instead, or count the redirect as the answer (no redirects)", next.Redacted(), m.base.Scheme,
			m.base.Host)
	}
	if status != http.StatusTemporaryRedirect && status != http.StatusPermanentRedirect && m.method != "HEAD" {
		m.method, m.body = "GET", nil
	}
	m.target = []byte(next.RequestURI())
	m.renderRaw()
	return nil
}
