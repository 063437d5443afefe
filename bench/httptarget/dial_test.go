package httptarget_test

import (
	"context"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/loadgen-go/loadgen/bench/httptarget"
)

func TestTLS(t *testing.T) {
	s := server(t)
	ca := s.authority(t)
	cert, key := file(t, "cert.pem", s.Cert), file(t, "key.pem", s.Key)
	_, port, err := net.SplitHostPort(s.TLS)
	if err != nil {
		t.Fatal(err)
	}
	named := "https://service.test:" + port
	trust := httptarget.TLS{CA: ca}
	for _, c := range []struct {
		name string
		o    httptarget.Options
		want string
	}{
		{"trusted", httptarget.Options{URL: "https://" + s.TLS, TLS: trust}, ""},
		{"an unknown authority", httptarget.Options{URL: "https://" + s.TLS}, "tls-authority"},
		{"not verified", httptarget.Options{URL: "https://" + s.TLS, TLS: httptarget.TLS{Insecure: true}}, ""},
		{"expired", httptarget.Options{URL: "https://" + s.Expired, TLS: trust}, "tls-expired"},
		{"another name", httptarget.Options{URL: "https://" + s.TLS,
			TLS: httptarget.TLS{CA: ca, ServerName: "other.test"}}, "tls-name"},
		{"a name of its own", httptarget.Options{URL: "https://" + s.TLS,
			TLS: httptarget.TLS{CA: ca, ServerName: "service.test"}}, ""},
		{"a host resolved by us", httptarget.Options{URL: named, TLS: trust,
			Resolve: map[string]string{"service.test": "127.0.0.1"}}, ""},
		{"a host and port resolved by us", httptarget.Options{URL: "https://service.test", TLS: trust,
			Resolve: map[string]string{"service.test:443": s.TLS}}, ""},
		{"no certificate of the client", httptarget.Options{URL: "https://" + s.Mutual, TLS: trust}, "tls-handshake"},
		{"a certificate of the client", httptarget.Options{URL: "https://" + s.Mutual,
			TLS: httptarget.TLS{CA: ca, Cert: cert, Key: key}}, ""},
		{"TLS to a port without it", httptarget.Options{URL: "https://" + s.Plain, TLS: trust}, "tls-handshake"},
		{"no TLS to a port with it", httptarget.Options{URL: "http://" + s.TLS}, "status 400"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, protocol := range []string{httptarget.Auto, httptarget.HTTP1} {
				c.o.Protocol = protocol
				target, err := httptarget.New(c.o)
				if err != nil {
					t.Fatal(err)
				}
				defer target.Close()
				for range 2 {
					if err := target.Call(context.Background(), ""); kind(err) != c.want {
						t.Errorf("%s: kind %q (%v), want %q", protocol, kind(err), err, c.want)
					}
				}
				n := target.Connections()
				if c.want == "" && (n.Opened != 1 || n.TLS.Count() != 1 || n.DNS.Count() != 0) {
					t.Errorf("%s: %d opened, %d handshakes, %d lookups: want 1, 1, 0", protocol, n.Opened,
						n.TLS.Count(), n.DNS.Count())
				}
			}
		})
	}
}

func TestTheProtocolIsNegotiated(t *testing.T) {
	s := server(t)
	for _, c := range []struct {
		protocol, want string
		workers        int
	}{{httptarget.Auto, "HTTP/2.0", 2 * 50}, {httptarget.H2, "HTTP/2.0", 2 * 50}, {httptarget.HTTP1, "HTTP/1.1", 2}} {
		t.Run(c.protocol, func(t *testing.T) {
			target := open(t, httptarget.Options{URL: "https://" + s.TLS + "/protocol", Protocol: c.protocol,
				TLS: httptarget.TLS{CA: s.authority(t)}, Connections: 2,
				Requests: []httptarget.Request{{Expect: httptarget.Expect{Body: c.want}}}})
			if err := target.Call(context.Background(), ""); err != nil {
				t.Error(err)
			}
			if n := target.Workers(); n != c.workers || target.MaxWorkers() != n {
				t.Errorf("%d workers, at most %d: want %d", n, target.MaxWorkers(), c.workers)
			}
		})
	}
	t.Run("h2 that the server does not speak", func(t *testing.T) {
		l := listens(t, func(net.Conn) {})
		o := httptarget.Options{URL: "https://" + l, Protocol: httptarget.H2}
		_, err := httptarget.Open(context.Background(), o)
		if kind(err) != "tls-handshake" {
			t.Errorf("kind %q (%v), want tls-handshake", kind(err), err)
		}
	})
	t.Run("h2c that the server does not speak", func(t *testing.T) {
		l := listens(t, func(c net.Conn) { _, _ = c.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n")) })
		target, err := httptarget.New(httptarget.Options{URL: "http://" + l, Protocol: httptarget.H2C})
		if err != nil {
			t.Fatal(err)
		}
		defer target.Close()
		if err := target.Call(context.Background(), ""); err == nil {
			t.Error("no error")
		}
	})
}

// listens accepts connections, and calls f for each, which is closed afterwards.
func listens(t *testing.T, f func(net.Conn)) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return // the test is over
			}
			go func() {
				f(c)
				_ = c.Close()
			}()
		}
	}()
	return l.Addr().String()
}

func TestPhasesOfOpeningHaveTimeouts(t *testing.T) {
	silent := listens(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }) // until the client closes
	const short = 20 * time.Millisecond
	for _, c := range []struct {
		name string
		o    httptarget.Options
		want string
	}{
		{"the handshake", httptarget.Options{URL: "https://" + silent, Timeout: httptarget.Timeout{TLS: short}},
			"tls-handshake"},
		{"connecting", httptarget.Options{URL: "http://" + silent, Timeout: httptarget.Timeout{Connect: 1}},
			"connect-timeout"},
		{"the whole call", httptarget.Options{URL: "https://" + silent, Timeout: httptarget.Timeout{Total: short}},
			"deadline"},
		{"a name without an address", httptarget.Options{URL: "http://nosuch.invalid",
			Timeout: httptarget.Timeout{Connect: time.Second}}, "dns"},
		{"a socket that does not exist", httptarget.Options{URL: "http://x", UnixSocket: "/nosuch/socket"},
			"no such file or directory"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			target, err := httptarget.New(c.o)
			if err != nil {
				t.Fatal(err)
			}
			defer target.Close()
			if err := target.Call(context.Background(), ""); kind(err) != c.want {
				t.Errorf("kind %q (%v), want %q", kind(err), err, c.want)
			}
			if n := target.Connections(); n.Opened != 0 || n.Failed != 1 {
				t.Errorf("%d opened, %d failed: want 0 and 1", n.Opened, n.Failed)
			}
		})
	}
}

func TestAUnixSocket(t *testing.T) {
	everyCodec(t, false, func(t *testing.T, c codec) {
		o := httptarget.Options{URL: "http://service/echo/", UnixSocket: server(t).Unix,
			Requests: []httptarget.Request{{Expect: httptarget.Expect{BodyMatches: "^GET /echo/ host=service "}}}}
		c.set(&o)
		if err := open(t, o).Call(context.Background(), ""); err != nil {
			t.Error(err)
		}
	})
}

// A connection is opened for as many requests as it is used for.
func TestReuse(t *testing.T) {
	for name, c := range map[string]struct {
		reuse        int
		want, opened uint64
	}{"always": {0, 1, 1}, "never": {1, 10, 0}, "three times": {3, 4, 1}} {
		t.Run(name, func(t *testing.T) {
			everyCodec(t, false, func(t *testing.T, codec codec) {
				o := httptarget.Options{URL: "http://" + server(t).Plain, Reuse: c.reuse}
				codec.set(&o)
				target := open(t, o)
				if n := target.Connections().Opened; n != c.opened {
					t.Errorf("%d connections opened before the first call, want %d", n, c.opened)
				}
				for range 10 {
					if err := target.Call(context.Background(), ""); err != nil {
						t.Fatal(err)
					}
				}
				if n := target.Connections(); n.Opened != c.want || n.Reconnects != 0 {
					t.Errorf("%d connections for 10 calls, %d reconnects: want %d and 0", n.Opened, n.Reconnects,
						c.want)
				}
			})
		})
	}
}

// A connection of HTTP/2 that has had its requests is closed when the last of them has ended, and no call notices.
func TestReuseOfAConnectionThatCallsShare(t *testing.T) {
	const path, callers, calls = "/shared", 16, 300
	target := open(t, httptarget.Options{URL: "http://" + server(t).Plain + path, Protocol: httptarget.H2C,
		Streams: 16, Reuse: 5, Requests: []httptarget.Request{{Method: "POST"}}})
	before := server(t).seen(t, path)
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			for range calls {
				if err := target.Call(context.Background(), ""); err != nil {
					t.Errorf("%s: %v", kind(err), err)
				}
			}
		})
	}
	all.Wait()
	if n := server(t).seen(t, path).Posts - before.Posts; n != callers*calls {
		t.Errorf("the server saw %d requests: want %d", n, callers*calls)
	}
	if n := target.Connections(); n.Reconnects != 0 || n.Resent != 0 {
		t.Errorf("%d connections opened, %d reconnects, %d resent: want no reconnects and none resent", n.Opened,
			n.Reconnects, n.Resent)
	}
}

// With several addresses, one that does not answer is passed over.
func TestAHostWithSeveralAddresses(t *testing.T) {
	_, port, err := net.SplitHostPort(server(t).Plain)
	if err != nil {
		t.Fatal(err)
	}
	target := open(t, httptarget.Options{URL: "http://localhost:" + port, Connections: 4})
	if n := target.Connections(); n.Opened != 4 || n.DNS.Count() != 4 || n.Connect.Count() != 4 {
		t.Errorf("%d opened, %d lookups, %d connected: want 4 each", n.Opened, n.DNS.Count(), n.Connect.Count())
	}
}

func TestFilesOfTLSAreChecked(t *testing.T) {
	empty, missing := file(t, "empty.pem", "nothing"), filepath.Join(t.TempDir(), "missing.pem")
	for name, c := range map[string]struct {
		tls  httptarget.TLS
		want string
	}{
		"no certificate in the file": {httptarget.TLS{CA: empty}, "holds no certificate"},
		"no file":                    {httptarget.TLS{CA: missing}, "no such file"},
		"no pair":                    {httptarget.TLS{Cert: empty, Key: empty}, "tls.cert and tls.key"},
		"no key":                     {httptarget.TLS{Cert: empty}, "want both, or neither"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := httptarget.New(httptarget.Options{URL: "https://127.0.0.1", TLS: c.tls})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v: want %q", err, c.want)
			}
		})
	}
}
