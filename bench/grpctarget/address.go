package grpctarget

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/loadgen-go/loadgen/bench/dial"
	"github.com/loadgen-go/loadgen/bench/template"
)

// An address is a parsed Options.Address.
type address struct {
	text       string
	host, port string
	unix       string
	secure     bool
}

// parseAddress parses the address of a service, which is a template.
func parseAddress(cut *template.Parser, text string) (address, error) {
	t, err := cut.Parse("address", text, template.Verbatim)
	if err != nil {
		return address{}, err
	}
	if !t.Static() {
		return address{}, fmt.Errorf("address is %q: want it without values that change from call to call", text)
	}
	a := address{text: string(t.Append(nil, &template.Values{}))}
	rest := a.text
	if path, ok := strings.CutPrefix(rest, "unix:"); ok {
		if a.unix = strings.TrimPrefix(path, "//"); a.unix == "" {
			return a, fmt.Errorf("address is %q: want the path of a socket, such as unix:///run/service.sock", a.text)
		}
		return a, nil
	}
	if scheme, after, ok := strings.Cut(rest, "://"); ok {
		if scheme != "grpc" && scheme != "grpcs" {
			return a, fmt.Errorf("address is %q: want host:port, or one that begins with grpc://, grpcs:// or unix://",
				a.text)
		}
		a.secure, rest = scheme == "grpcs", after
	}
	a.host, a.port, err = net.SplitHostPort(rest)
	port, portErr := strconv.ParseUint(a.port, 10, 16)
	if err != nil || portErr != nil || port == 0 || a.host == "" || !plain(rest) || strings.Contains(a.host, "/") {
		return a, fmt.Errorf("address is %q: want host:port, such as 127.0.0.1:8080, or unix:///path of a socket",
			a.text)
	}
	return a, nil
}

// dialer returns the dialer of a service, and the authority of its requests.
func (a *address) dialer(o *Options) (*dial.Dialer, string, error) {
	d := dial.Options{Host: a.host, Port: a.port, Unix: a.unix, Resolve: o.Resolve, Timeout: o.ConnectTimeout,
		TLSTimeout: o.ConnectTimeout, H2: true}
	authority, host := net.JoinHostPort(a.host, a.port), a.host
	if a.unix != "" {
		authority, host = "localhost", "localhost"
	}
	if o.Authority != "" {
		authority = o.Authority
	}
	if strings.HasPrefix(a.text, "grpc://") && o.TLS != (dial.TLS{}) {
		return nil, "", fmt.Errorf("tls is set, and address is %q: want grpcs://, or host:port", a.text)
	}
	if a.secure || o.TLS != (dial.TLS{}) {
		var err error
		if d.TLS, err = o.TLS.Config(host); err != nil {
			return nil, "", err
		}
		d.TLS.NextProtos = []string{"h2"}
	}
	dialer, err := dial.New(d)
	return dialer, authority, errors.Join(err, a.checkResolve(o.Resolve))
}

// checkResolve returns an error about hosts that are not the host of the address, so that they have no effect.
func (a *address) checkResolve(resolve map[string]string) error {
	var errs []error
	for _, from := range slices.Sorted(maps.Keys(resolve)) {
		switch {
		case a.unix != "":
			errs = append(errs, fmt.Errorf("resolve has %q, and address is %q: want no resolve for a socket", from,
				a.text))
		case from != a.host && from != net.JoinHostPort(a.host, a.port):
			errs = append(errs, fmt.Errorf("resolve has %q, and only %q is called: want %s, or %s", from, a.text,
				a.host, net.JoinHostPort(a.host, a.port)))
		}
	}
	return errors.Join(errs...)
}
