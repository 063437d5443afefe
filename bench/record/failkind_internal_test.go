package record

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"syscall"
	"testing"
	"time"
)

func TestErrorsThatGoLumpsAreKindsApart(t *testing.T) {
	dial := func(err error) error {
		return &url.Error{Op: "Get", URL: "http://x", Err: &net.OpError{Op: "dial", Net: "tcp", Err: err}}
	}
	read := func(err error) error {
		return &url.Error{Op: "Get", URL: "http://x", Err: &net.OpError{Op: "read", Net: "tcp", Err: err}}
	}
	get := func(err error) error {
		return fmt.Errorf("try 2: %w", &url.Error{Op: "Get", URL: "http://x", Err: err})
	}
	for _, c := range []struct {
		name string
		err  error
		want string
	}{
		{"refused", dial(os.NewSyscallError("connect", syscall.ECONNREFUSED)), "refused"},
		{"reset", read(os.NewSyscallError("read", syscall.ECONNRESET)), "reset"},
		{"broken pipe", read(os.NewSyscallError("write", syscall.EPIPE)), "reset"},
		{"no ports", dial(os.NewSyscallError("connect", syscall.EADDRNOTAVAIL)), "no-ports"},
		{"no descriptors", dial(os.NewSyscallError("socket", syscall.EMFILE)), "no-descriptors"},
		{"an errno by its text", &os.PathError{Op: "open", Path: "x", Err: syscall.EACCES}, "permission denied"},
		{"a name without an address", dial(&net.DNSError{Err: "no such host", Name: "x", IsNotFound: true}), "dns"},
		{"a lookup that takes too long", dial(&net.DNSError{Err: "i/o timeout", Name: "x", IsTimeout: true}), "dns"},
		{"a lookup without descriptors", dial(&net.DNSError{Err: "dial udp: socket: too many open files", Name: "x"}),
			"no-descriptors"},
		{"goaway", get(errors.New("http2: Transport received Server's graceful shutdown GOAWAY")), "goaway"},
		{"a dial that takes too long", dial(os.ErrDeadlineExceeded), "connect-timeout"},
		{"a dial that the system gives up", dial(os.NewSyscallError("connect", syscall.ETIMEDOUT)), "connect-timeout"},
		{"a read that takes too long", read(os.ErrDeadlineExceeded), "deadline"},
		{"a deadline", fmt.Errorf("slow: %w", context.DeadlineExceeded), "deadline"},
		{"canceled", get(context.Canceled), "canceled"},
		{"closed", get(io.EOF), "closed"},
		{"an end that is the function's own", io.EOF, "EOF"},
		{"headers", get(errors.New("net/http: timeout awaiting response headers")), "header-timeout"},
		{"too many bytes", &http.MaxBytesError{Limit: 1}, "too-large"},
		{"authority", get(&tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}), "tls-authority"},
		{"name", get(&tls.CertificateVerificationError{Err: x509.HostnameError{Certificate: &x509.Certificate{},
			Host: "x"}}), "tls-name"},
		{"expired", get(&tls.CertificateVerificationError{Err: x509.CertificateInvalidError{Reason: x509.Expired}}),
			"tls-expired"},
		{"not TLS", get(tls.RecordHeaderError{Msg: "first record does not look like a TLS handshake"}),
			"tls-handshake"},
		{"one that names itself", fmt.Errorf("x: %w", named{}), "mine"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := KindOf(c.err); got != c.want {
				t.Errorf("%v (%T): %q, want %q", c.err, c.err, got, c.want)
			}
		})
	}
}

type named struct{}

func (named) Error() string { return "changes: 17" }
func (named) Kind() string  { return "mine" }
func (named) Unwrap() error { return syscall.ECONNRESET }

// These are errors that net/http returns; it has no types for some of them.
func TestWhatARealServerDoesIsAKindOfItsOwn(t *testing.T) {
	hijacked := func(answer string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = io.WriteString(conn, answer) // the client may have gone
			_ = conn.Close()
		}
	}
	for _, c := range []struct {
		name    string
		handler http.HandlerFunc
		want    string
	}{
		{"garbage", hijacked("garbage\r\n\r\n"), "malformed"},
		{"garbage in a header", hijacked("HTTP/1.1 200 OK\r\nno colon\r\n\r\n"), "malformed"},
		{"a status that is none", hijacked("HTTP/1.1 2x OK\r\n\r\n"), "malformed"},
		{"closed before the answer", hijacked(""), "closed"},
		{"never an answer", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "header-timeout"},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := httptest.NewServer(c.handler)
			defer server.Close()
			client := server.Client()
			client.Transport.(*http.Transport).ResponseHeaderTimeout = time.Millisecond
			if c.want != KindHeaderTimeout {
				client.Transport.(*http.Transport).ResponseHeaderTimeout = 0
			}
			answer, err := client.Get(server.URL)
			if err == nil {
				t.Fatal(answer.Status, answer.Body.Close())
			}
			if got := KindOf(err); got != c.want {
				t.Errorf("%v: %q, want %q", err, got, c.want)
			}
		})
	}
}
