package record

import (
	"context"
	"errors"
	"os"
	"reflect"
	"strings"
	"syscall"
)

// Known kinds of failed calls, whatever package reports them. Go's types are not fine enough:
// refused and reset connections are both a syscall.Errno, and every code of gRPC is a
// *status.Error. Kinds are stable, so that reports and scripts can look for them.
const (
	kindDeadline = "deadline"
	kindCanceled = "canceled"

	kindDNS            = "dns"
	kindRefused        = "refused"
	kindConnectTimeout = "connect-timeout"
	kindNoPorts        = "no-ports"       // on the generator's machine
	kindNoDescriptors  = "no-descriptors" // in the generator's process
	kindReset          = "reset"
	kindClosed         = "closed" // before the response
	kindHeaderTimeout  = "header-timeout"
	kindMalformed      = "malformed"
	kindTooLarge       = "too-large"
	kindGoAway         = "goaway"
	kindStreamReset    = "stream-reset"
	kindTLSExpired     = "tls-expired"
	kindTLSAuthority   = "tls-authority"
	kindTLSName        = "tls-name"
	kindTLSHandshake   = "tls-handshake"
	kindGRPC           = "grpc"
)

// errnoKinds are the kinds of system errors. Other system errors are counted by their text.
var errnoKinds = map[syscall.Errno]string{
	syscall.ECONNREFUSED:  kindRefused,
	syscall.ECONNRESET:    kindReset,
	syscall.EPIPE:         kindReset,
	syscall.EADDRNOTAVAIL: kindNoPorts,
	syscall.EMFILE:        kindNoDescriptors,
	syscall.ENFILE:        kindNoDescriptors,
	syscall.ETIMEDOUT:     kindConnectTimeout,
}

// typeKinds are the kinds of error types. They are strings, so that this package does not import
// the network packages.
var typeKinds = map[string]string{
	"net.DNSError":                                 kindDNS,
	"crypto/x509.UnknownAuthorityError":            kindTLSAuthority,
	"crypto/x509.HostnameError":                    kindTLSName,
	"crypto/x509.CertificateInvalidError":          kindTLSHandshake, // or expired
	"crypto/tls.RecordHeaderError":                 kindTLSHandshake,
	"crypto/tls.AlertError":                        kindTLSHandshake,
	"crypto/tls.alert":                             kindTLSHandshake,
	"net/http.MaxBytesError":                       kindTooLarge,
	"net/http.badStringError":                      kindMalformed,
	"net/http.http2GoAwayError":                    kindGoAway,
	"golang.org/x/net/http2.GoAwayError":           kindGoAway,
	"net/http.http2StreamError":                    kindStreamReset,
	"golang.org/x/net/http2.StreamError":           kindStreamReset,
	"net/textproto.ProtocolError":                  kindMalformed,
	"google.golang.org/grpc/status.Error":          kindGRPC,
	"google.golang.org/grpc/internal/status.Error": kindGRPC,
}

// textKinds are the kinds of errors of net/http without a type of their own, by a part of their text.
var textKinds = []struct{ text, kind string }{
	{"timeout awaiting response headers", kindHeaderTimeout},
	{"server closed idle connection", kindClosed},
	{"server sent GOAWAY", kindGoAway},
	{"response headers exceeded", kindTooLarge},
	{"malformed", kindMalformed},
	{"server gave HTTP response to HTTPS client", kindTLSHandshake},
	{"TLS handshake timeout", kindTLSHandshake},
	{"EOF", kindClosed},
}

// knownKind returns the kind of a known error, or "".
func knownKind(err error) string {
	switch {
	case errors.Is(err, context.Canceled):
		return kindCanceled
	case dialed(err) && timedOut(err):
		return kindConnectTimeout
	}
	network := false // whether an error of net or net/http wraps inner
	for inner := err; inner != nil; inner = unwrap(inner) {
		if errno, ok := inner.(syscall.Errno); ok {
			if kind := errnoKinds[errno]; kind != "" {
				return kind
			}
			return short(errno.Error())
		}
		name := typeName(inner)
		if kind := typeKinds[name]; kind != "" {
			return refined(kind, inner)
		}
		network = network || name == "net/url.Error" || name == "net.OpError"
		if network && unwrap(inner) == nil {
			for _, t := range textKinds {
				if strings.Contains(inner.Error(), t.text) {
					return t.kind
				}
			}
		}
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) {
		return kindDeadline
	}
	return ""
}

// refined returns a kind with detail from the error: the code of gRPC or of a reset stream, or that
// a certificate has expired.
func refined(kind string, err error) string {
	text := err.Error()
	switch kind {
	case kindGRPC: // rpc error: code = Unavailable desc = ...
		if _, code, ok := strings.Cut(text, "code = "); ok {
			code, _, _ = strings.Cut(code, " desc = ")
			return short(kind + " " + code)
		}
	case kindStreamReset: // stream error: stream ID 5; INTERNAL_ERROR; received from peer
		if parts := strings.Split(text, "; "); len(parts) > 1 {
			return short(kind + " " + parts[1])
		}
	case kindTLSHandshake:
		if strings.Contains(text, "expired") {
			return kindTLSExpired
		}
	}
	return kind
}

// dialed reports whether opening a connection failed.
func dialed(err error) bool {
	for ; err != nil; err = unwrap(err) {
		if typeName(err) == "net.OpError" {
			return strings.HasPrefix(err.Error(), "dial ")
		}
	}
	return false
}

// timedOut reports whether err is a timeout.
func timedOut(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}

// typeName returns the import path and the name of the type of err, or of the type it points to.
func typeName(err error) string {
	t := reflect.TypeOf(err)
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.PkgPath() + "." + t.Name()
}

// unwrap returns the error that err wraps, the first if it wraps several, or nil.
func unwrap(err error) error {
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		return e.Unwrap()
	case interface{ Unwrap() []error }:
		if wrapped := e.Unwrap(); len(wrapped) > 0 {
			return wrapped[0]
		}
	}
	return nil
}
