package grpctarget_test

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/loadgen-go/loadgen/bench/dial"
	"github.com/loadgen-go/loadgen/bench/grpctarget"
)

func TestTLS(t *testing.T) {
	s := server(t)
	ca, cert, key := file(t, "ca.pem", s.CA), file(t, "cert.pem", s.Cert), file(t, "key.pem", s.Key)
	_, port, err := net.SplitHostPort(s.TLS)
	if err != nil {
		t.Fatal(err)
	}
	trust := dial.TLS{CA: ca}
	for _, c := range []struct {
		name string
		o    grpctarget.Options
		want string
	}{
		{"trusted", grpctarget.Options{Address: s.TLS, TLS: trust}, ""},
		{"an unknown authority", grpctarget.Options{Address: "grpcs://" + s.TLS}, "tls-authority"},
		{"not verified", grpctarget.Options{Address: s.TLS, TLS: dial.TLS{Insecure: true}}, ""},
		{"expired", grpctarget.Options{Address: s.Expired, TLS: trust}, "tls-expired"},
		{"another name", grpctarget.Options{Address: s.TLS, TLS: dial.TLS{CA: ca, ServerName: "other.test"}},
			"tls-name"},
		{"a host resolved by us", grpctarget.Options{Address: "grpcs://service.test:" + port, TLS: trust,
			Resolve: map[string]string{"service.test": "127.0.0.1"}}, ""},
		{"no certificate of the client", grpctarget.Options{Address: s.Mutual, TLS: trust}, "tls-handshake"},
		{"a certificate of the client", grpctarget.Options{Address: s.Mutual,
			TLS: dial.TLS{CA: ca, Cert: cert, Key: key}}, ""},
		{"TLS to a port without it", grpctarget.Options{Address: s.Plain, TLS: trust}, "tls-handshake"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.o.Method, c.o.Schema, c.o.Connections = create, shop, 1
			target, err := grpctarget.New(c.o)
			if err != nil {
				t.Fatal(err)
			}
			defer target.Close()
			for range 2 {
				if err := target.Call(context.Background(), ""); kind(err) != c.want {
					t.Errorf("kind %q (%v), want %q", kind(err), err, c.want)
				}
			}
			n := target.Connections()
			if c.want == "" && (n.Opened != 1 || n.TLS.Count() != 1 || n.Failed != 0) || c.want != "" &&
				n.Failed == 0 {
				t.Errorf("%d opened, %d failed, %d handshakes: want 1, 0, 1, or failures", n.Opened, n.Failed,
					n.TLS.Count())
			}
		})
	}
	t.Run("no TLS to a port with it", func(t *testing.T) {
		target, err := grpctarget.New(grpctarget.Options{Address: s.TLS, Method: create, Schema: shop})
		if err != nil {
			t.Fatal(err)
		}
		defer target.Close()
		switch err := target.Call(context.Background(), ""); kind(err) {
		case "malformed", "closed", "reset":
		default:
			t.Errorf("kind %q (%v)", kind(err), err)
		}
	})
}

// Each form of address reaches the service.
func TestAddresses(t *testing.T) {
	s := server(t)
	_, port, err := net.SplitHostPort(s.Plain)
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range []string{s.Plain, "grpc://" + s.Plain, "unix://" + s.Unix, "unix:" + s.Unix,
		"127.0.0.1:{{port}}", "localhost:{{port}}", "{{host}}:{{port}}"} {
		t.Run(strings.ReplaceAll(address, "/", "_"), func(t *testing.T) {
			target := open(t, grpctarget.Options{Address: address, Method: create, Connections: 2,
				Vars: map[string]string{"port": port, "host": "127.0.0.1"}})
			if err := target.Call(context.Background(), ""); err != nil {
				t.Error(err)
			}
			if n := target.Connections(); n.Opened != 2 || n.Connect.Count() != 2 {
				t.Errorf("%d opened, %d connected: want 2", n.Opened, n.Connect.Count())
			}
		})
	}
}

func TestPhasesOfOpeningFail(t *testing.T) {
	for _, c := range []struct {
		name, address, want string
		o                   grpctarget.Options
	}{
		{name: "a name without an address", address: "nosuch.invalid:80", want: "dns"},
		{name: "a socket that does not exist", address: "unix:///nosuch/socket", want: "no such file or directory"},
		{name: "a handshake without an answer", address: "grpcs://" + listens(t, func(c net.Conn) {
			_, _ = c.Read(make([]byte, 1<<10))
			time.Sleep(time.Second)
		}), want: "tls-handshake", o: grpctarget.Options{ConnectTimeout: 30 * time.Millisecond}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.o.Address, c.o.Method, c.o.Connections = c.address, create, 1
			if _, err := grpctarget.Open(context.Background(), c.o); kind(err) != c.want {
				t.Errorf("kind %q (%v), want %q", kind(err), err, c.want)
			}
		})
	}
}

// The server is told the name of the service.
func TestAuthority(t *testing.T) {
	s := server(t)
	for _, c := range []struct{ name, address, authority, want string }{
		{"the address", s.Plain, "", s.Plain}, {"a socket", "unix://" + s.Unix, "", "localhost"},
		{"another one", s.Plain, "shop.test:1", "shop.test:1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			md := unique("")
			target := open(t, grpctarget.Options{Address: c.address, Authority: c.authority, Method: create,
				Metadata: md})
			if err := target.Call(context.Background(), ""); err != nil {
				t.Fatal(err)
			}
			if got := s.seen(t, md).Authority; got != c.want {
				t.Errorf("the authority %q, want %q", got, c.want)
			}
		})
	}
}

// The schema comes from both versions of reflection, or from files, and says what is missing.
func TestSchemas(t *testing.T) {
	s := server(t)
	for _, c := range []struct {
		name, address string
		o             grpctarget.Options
		want          string
	}{
		{"reflection v1", s.Plain, grpctarget.Options{Schema: grpctarget.Schema{From: "reflection"}}, ""},
		{"reflection v1alpha", s.Old, grpctarget.Options{}, ""},
		{"no reflection", s.Bare, grpctarget.Options{}, "want it on, or schema: {proto: [FILES]} or schema: " +
			"{protoset: FILE}"},
		{"files", s.Bare, grpctarget.Options{Schema: shop}, ""},
		{"another service", s.Plain, grpctarget.Options{Method: "shop.Order/Create"},
			`there is no service "shop.Order" (did you mean shop.Orders?): want one of shop.Orders`},
		{"a service without its package", s.Plain, grpctarget.Options{Method: "Orders/Create"},
			`there is no service "Orders" (did you mean shop.Orders?)`},
		{"another method", s.Plain, grpctarget.Options{Method: "shop.Orders/Crate"},
			`has no method "Crate" (did you mean Create?): want one of Create, Watch, Upload, Chat`},
		{"another field", s.Plain, grpctarget.Options{Messages: grpctarget.Messages{`{"id": "1",
  "amont": 2}`}}, `requests[0].message[0]: (line 2:3): unknown field "amont" (did you mean amount?): ` +
			"want JSON of a shop.Order"},
		{"a value of another type", s.Plain, grpctarget.Options{Messages: grpctarget.Messages{`{"amount": "x"}`}},
			`requests[0].message[0]: (line 1:12): invalid value for int64`},
		{"a message that is no JSON", s.Plain, grpctarget.Options{Messages: grpctarget.Messages{`{"id": `}},
			`requests[0].message[0]: syntax error (line 1:8): the JSON ends too early`},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.o.Address, c.o.Connections = c.address, 1
			if c.o.Method == "" {
				c.o.Method = create
			}
			target, err := grpctarget.Open(context.Background(), c.o)
			if err != nil {
				if c.want == "" || !strings.HasPrefix(err.Error(), "grpctarget: ") ||
					!strings.Contains(err.Error(), c.want) {
					t.Errorf("error:\n%v\nwant %q", err, c.want)
				}
				wanted := "no-request"
				if c.address == s.Bare {
					wanted = "grpc Unimplemented"
				}
				if kind(err) != wanted {
					t.Errorf("%v has the kind %s: want %s", err, kind(err), wanted)
				}
				return
			}
			defer target.Close()
			if err := target.Call(context.Background(), ""); err != nil || c.want != "" {
				t.Errorf("%v: want %q", err, c.want)
			}
		})
	}
	t.Run("calls before Open", func(t *testing.T) {
		target, err := grpctarget.New(grpctarget.Options{Address: s.Plain, Method: create})
		if err != nil {
			t.Fatal(err)
		}
		if err := target.Call(context.Background(), ""); kind(err) != "no-request" ||
			!strings.Contains(err.Error(), "want Target.Open") {
			t.Errorf("kind %q (%v), want no-request", kind(err), err)
		}
	})
}

// Closing a target fails its calls, and those after it.
func TestClose(t *testing.T) {
	md := unique("hang")
	target := open(t, grpctarget.Options{Address: server(t).Plain, Method: create, Metadata: md})
	failed := make(chan error, 1)
	go func() { failed <- target.Call(context.Background(), "") }()
	for server(t).seen(t, md).Requests == 0 {
	}
	target.Close()
	if err := <-failed; err == nil {
		t.Error("a call on a closed connection: no error")
	}
	if err := target.Call(context.Background(), ""); kind(err) != "no-connection" {
		t.Errorf("kind %q (%v), want no-connection", kind(err), err)
	}
	target.Close()
}
