package httptarget

import (
	"errors"

	"github.com/loadgen-go/loadgen/bench/dial"
)

// newDialer returns the dialer of a service.
func newDialer(o *Options, scheme, host, port string) (*dial.Dialer, error) {
	d := dial.Options{Host: host, Port: port, Unix: o.UnixSocket, Resolve: o.Resolve, H2: o.Protocol == H2,
		Timeout: o.Timeout.Connect, TLSTimeout: o.Timeout.TLS}
	if scheme != "https" {
		if o.TLS != (TLS{}) {
			return nil, errors.New("tls is set, and url is http://: want https://")
		}
		return dial.New(d)
	}
	var err error
	if d.TLS, err = o.TLS.Config(host); err != nil {
		return nil, err
	}
	switch o.Protocol {
	case H2:
		d.TLS.NextProtos = []string{"h2"}
	case HTTP1:
		d.TLS.NextProtos = []string{"http/1.1"}
	default:
		d.TLS.NextProtos = []string{"h2", "http/1.1"}
	}
	return dial.New(d)
}
