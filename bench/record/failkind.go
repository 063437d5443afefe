package record

import (
	"context"
	"errors"
	"os"
	"reflect"
	"strings"
	"syscall"
)

// Kinds of failed calls that a target of a network protocol has, whatever package reports the error.
// Go's types are not fine enough: refused and reset connections are both a syscall.Errno, and every
// code of gRPC is a *status.Error. Kinds are stable, so that reports and scripts can look for them.
//
// An error chooses its kind with a method Kind() string. A target also makes kinds with a detail, such
// as "status 503", "stream-reset INTERNAL_ERROR", "grpc Unavailable" or "check body".
const (
	KindDeadline = "deadline" // the call took longer than it may
	KindCanceled = "canceled"

	KindDNS            = "dns"
	KindRefused        = "refused"
	KindConnectTimeout = "connect-timeout"
	KindReset          = "reset"
	KindClosed         = "closed"      // before the response
	KindClosedIdle     = "closed-idle" // a kept connection, before the response
	KindHeaderTimeout  = "header-timeout"
	KindBodyTimeout    = "body-timeout"
	KindShortBody      = "short-body"
	KindMalformed      = "malformed"
	KindTooLarge       = "too-large"
	KindGoAway         = "goaway"
	KindStreamReset    = "stream-reset"
	KindTLSExpired     = "tls-expired"
	KindTLSAuthority   = "tls-authority"
	KindTLSName        = "tls-name"
	KindTLSHandshake   = "tls-handshake"
	KindGRPC           = "grpc"

	// These are failures of the generator. A run that has one is [GeneratorLimited].
	KindNoPorts       = "no-ports"       // the generator's machine has no free port
	KindNoDescriptors = "no-descriptors" // the generator's process may open no more files
	KindNoConnection  = "no-connection"  // more calls at once than the target may have connections
	KindNoRequest     = "no-request"     // there is no such request, or no data left for it
)

// errnoKinds are the kinds of system errors. Other system errors are counted by their text.
var errnoKinds = map[syscall.Errno]string{
	syscall.ECONNREFUSED:  KindRefused,
	syscall.ECONNRESET:    KindReset,
	syscall.EPIPE:         KindReset,
	syscall.EADDRNOTAVAIL: KindNoPorts,
	syscall.EMFILE:        KindNoDescriptors,
	syscall.ENFILE:        KindNoDescriptors,
	syscall.ETIMEDOUT:     KindConnectTimeout,
}

// typeKinds are the kinds of error types. They are strings, so that this package does not import
// the network packages.
var typeKinds = map[string]string{
	"net.DNSError":                                 KindDNS,
	"crypto/x509.UnknownAuthorityError":            KindTLSAuthority,
	"crypto/x509.HostnameError":                    KindTLSName,
	"crypto/x509.CertificateInvalidError":          KindTLSHandshake, // or expired
	"crypto/tls.RecordHeaderError":                 KindTLSHandshake,
	"crypto/tls.AlertError":                        KindTLSHandshake,
	"crypto/tls.alert":                             KindTLSHandshake,
	"net/http.MaxBytesError":                       KindTooLarge,
	"net/http.badStringError":                      KindMalformed,
	"net/http.http2GoAwayError":                    KindGoAway,
	"golang.org/x/net/http2.GoAwayError":           KindGoAway,
	"net/http.http2ConnectionError":                KindMalformed,
	"golang.org/x/net/http2.ConnectionError":       KindMalformed,
	"net/http.http2StreamError":                    KindStreamReset,
	"golang.org/x/net/http2.StreamError":           KindStreamReset,
	"net/textproto.ProtocolError":                  KindMalformed,
	"google.golang.org/grpc/status.Error":          KindGRPC,
	"google.golang.org/grpc/internal/status.Error": KindGRPC,
}

// textKinds are the kinds of errors of net/http without a type of their own, by a part of their text.
var textKinds = []struct{ text, kind string }{
	{"timeout awaiting response headers", KindHeaderTimeout},
	{"server closed idle connection", KindClosed},
	{"GOAWAY", KindGoAway},
	{"response headers exceeded", KindTooLarge},
	{"response header list larger", KindTooLarge},
	{"malformed", KindMalformed},
	{"server gave HTTP response to HTTPS client", KindTLSHandshake},
	{"TLS handshake timeout", KindTLSHandshake},
	{"EOF", KindClosed},
}

// knownKind returns the kind of a known error, or "".
func knownKind(err error) string {
	switch {
	case errors.Is(err, context.Canceled):
		return KindCanceled
	case dialed(err) && timedOut(err) && !lookedUp(err):
		return KindConnectTimeout
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
		return KindDeadline
	}
	return ""
}

// refined returns a kind with detail from the error: the code of gRPC or of a reset stream, that a
// certificate has expired, or that a lookup found no free descriptor.
func refined(kind string, err error) string {
	text := err.Error()
	switch kind {
	case KindGRPC: // rpc error: code = Unavailable desc = ...
		if _, code, ok := strings.Cut(text, "code = "); ok {
			code, _, _ = strings.Cut(code, " desc = ")
			return short(kind + " " + code)
		}
	case KindStreamReset: // stream error: stream ID 5; INTERNAL_ERROR; received from peer
		if parts := strings.Split(text, "; "); len(parts) > 1 {
			return short(kind + " " + parts[1])
		}
	case KindDNS: // the lookup needs a socket, and reports its error as text
		if strings.Contains(text, syscall.EMFILE.Error()) || strings.Contains(text, syscall.ENFILE.Error()) {
			return KindNoDescriptors
		}
	case KindTLSHandshake:
		if strings.Contains(text, "expired") {
			return KindTLSExpired
		}
	}
	return kind
}

// lookedUp reports whether the lookup of a name failed.
func lookedUp(err error) bool {
	for ; err != nil; err = unwrap(err) {
		if typeKinds[typeName(err)] == KindDNS {
			return true
		}
	}
	return false
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
