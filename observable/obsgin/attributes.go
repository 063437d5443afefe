package obsgin

import (
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
)

// An address is a host, and a port that is -1 if it is not known.
type address struct {
	host string
	port int
}

// newAddress returns the address of a text such as HOST, HOST:PORT or [HOST]:PORT. If the text is something else, the
// host is "".
func newAddress(text string) address {
	host, port := text, ""
	if rest, ok := strings.CutPrefix(text, "["); ok {
		if host, port, ok = strings.Cut(rest, "]"); !ok {
			return address{"", -1}
		}
		port = strings.TrimPrefix(port, ":")
	} else if i := strings.LastIndexByte(text, ':'); i >= 0 {
		if host, port = text[:i], text[i+1:]; strings.ContainsRune(host, ':') {
			return address{"", -1}
		}
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if port == "" || err != nil {
		return address{host, -1}
	}
	return address{host, int(n)}
}

// usual reports whether a port is unknown, or the one of the scheme.
func (a address) usual(encrypted bool) bool {
	return a.port <= 0 || !encrypted && a.port == 80 || encrypted && a.port == 443
}

// methodOf returns the standard name of a method, or "" if it is not standard.
func methodOf(method string) string {
	switch upper := strings.ToUpper(method); upper {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
		http.MethodConnect, http.MethodOptions, http.MethodTrace:
		return upper
	}
	return ""
}

// nameOf returns the name of a method in names of spans: clients may invent methods.
func nameOf(method string) string {
	if standard := methodOf(method); standard != "" {
		return standard
	}
	return "HTTP"
}

// schemeOf returns the attribute of the scheme.
func schemeOf(encrypted bool) attribute.KeyValue {
	if encrypted {
		return semconv.URLScheme("https")
	}
	return semconv.URLScheme("http")
}

// protocolOf returns the name of a protocol such as HTTP/1.1, in lower case, and its version.
func protocolOf(proto string) (name, version string) {
	name, version, _ = strings.Cut(proto, "/")
	return strings.ToLower(name), version
}

// mostAttributes is the number of attributes of a span when it starts, at most.
const mostAttributes = 13

// attributes returns the attributes that the span of a request starts with, so that a sampler sees them.
func (o *observer) attributes(c *gin.Context, r *route) []attribute.KeyValue {
	request, encrypted := c.Request, c.Request.TLS != nil
	server := o.server
	if server.port < 0 {
		host := newAddress(request.Host)
		if server.port = host.port; server.host == "" {
			server.host = host.host
		}
	}
	list := append(make([]attribute.KeyValue, 0, mostAttributes),
		semconv.ServerAddress(server.host), schemeOf(encrypted))
	add := func(wanted bool, a attribute.KeyValue) {
		if wanted {
			list = append(list, a)
		}
	}
	standard := methodOf(request.Method)
	if standard == "" {
		list = append(list, semconv.HTTPRequestMethodOther)
	} else {
		list = append(list, semconv.HTTPRequestMethodKey.String(standard))
	}
	add(standard != request.Method, semconv.HTTPRequestMethodOriginal(request.Method))
	add(!server.usual(encrypted), semconv.ServerPort(server.port))
	peer := newAddress(request.RemoteAddr)
	add(peer.host != "", semconv.NetworkPeerAddress(peer.host))
	add(peer.host != "" && peer.port > 0, semconv.NetworkPeerPort(peer.port))
	client := o.clientOf(c, peer.host)
	add(client != "", semconv.ClientAddress(client))
	agent := request.Header["User-Agent"]
	if len(agent) > 0 {
		add(agent[0] != "", semconv.UserAgentOriginal(agent[0]))
	}
	add(request.URL.Path != "", semconv.URLPath(request.URL.Path))
	name, version := protocolOf(request.Proto)
	add(name != "" && name != "http", semconv.NetworkProtocolName(name))
	add(version != "", semconv.NetworkProtocolVersion(version))
	add(r.path != "", semconv.HTTPRoute(r.path))
	return list
}

// clientOf returns the address of the client as Gin finds it, or else the first one of X-Forwarded-For, or else the
// peer.
func (o *observer) clientOf(c *gin.Context, peer string) string {
	if ip, err := netip.ParseAddr(peer); err == nil && ip.Is4() && !o.forwarded(c.Request.Header) {
		return peer // what Gin finds too, at a higher cost
	}
	if found := c.ClientIP(); found != "" && found != nilIP {
		return found
	}
	if first, _, _ := strings.Cut(c.Request.Header.Get("X-Forwarded-For"), ","); first != "" {
		return first
	}
	return peer
}

// nilIP is what Gin returns for a socket of Unix.
var nilIP = net.IP(nil).String()

// forwarded reports whether Gin may take the address of a client from the header of a request.
func (o *observer) forwarded(header http.Header) bool {
	if o.engine == nil || o.engine.TrustedPlatform != "" || o.engine.AppEngine {
		return true
	}
	for _, name := range o.proxied {
		if len(header[name]) > 0 {
			return true
		}
	}
	return false
}

// propagator returns what reads the context of the caller.
func (o *observer) propagator() propagation.TextMapPropagator {
	if o.Propagator != nil {
		return o.Propagator
	}
	return otel.GetTextMapPropagator()
}

// A carrier is a header. It finds the names of W3C without making them canonical, which allocates.
type carrier struct{ propagation.HeaderCarrier }

var (
	_ propagation.TextMapCarrier = carrier{}
	_ propagation.ValuesGetter   = carrier{}
)

// Get returns the first value of a key.
func (c carrier) Get(key string) string {
	if values := c.Values(key); len(values) > 0 {
		return values[0]
	}
	return ""
}

// Values returns the values of a key.
func (c carrier) Values(key string) []string {
	switch key {
	case "traceparent":
		return c.HeaderCarrier["Traceparent"]
	case "tracestate":
		return c.HeaderCarrier["Tracestate"]
	case "baggage":
		return c.HeaderCarrier["Baggage"]
	}
	return c.HeaderCarrier.Values(key)
}
