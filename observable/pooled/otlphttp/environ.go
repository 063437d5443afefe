package otlphttp

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"
)

// Environment returns the Options that the environment variables OTEL_EXPORTER_OTLP_TRACES_* set,
// or else OTEL_EXPORTER_OTLP_*. The variables are ENDPOINT (the general one is a base, to which
// /v1/traces is appended), HEADERS (key=value, separated by commas, percent-encoded), COMPRESSION
// (case is ignored), TIMEOUT (in ms; 0 is no limit), CERTIFICATE, CLIENT_CERTIFICATE and CLIENT_KEY
// (names of PEM files). The other options are zero. The error lists every variable that is wrong,
// with the values that are accepted.
//
// Source: OpenTelemetry Protocol Exporter, "Configuration Options".
func Environment() (Options, error) { return environment(signal{"TRACES", false}) }

// CheckEnvironment returns what is wrong with the variables that the SDK's exporters read for a signal, TRACES or
// METRICS: those that Environment reads. The SDK logs what is wrong with them and takes the default. An exporter over
// gRPC takes a target of gRPC as its endpoint, too, such as localhost:4317.
func CheckEnvironment(name string, grpc bool) error {
	_, err := environment(signal{name, grpc})
	return err
}

// A signal is what variables are of: its name is part of theirs.
type signal struct {
	name string
	grpc bool
}

// endpoint parses the endpoint of a signal. The error is what was wanted.
func (s signal) endpoint(v variable) (*url.URL, error) {
	const want = "want a URL such as http://localhost:"
	if s.grpc {
		u, err := url.Parse(v.value)
		if err != nil || (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() == "" {
			return nil, errors.New(want + "4317")
		}
		return u, nil
	}
	u, err := parseEndpoint(v.value)
	switch {
	case err != nil && v.general:
		return nil, errors.New(want + "4318")
	case err != nil:
		return nil, errors.New(want + "4318/v1/" + strings.ToLower(s.name))
	}
	return u, nil
}

func environment(s signal) (Options, error) {
	var o Options
	var errs []error
	wrong := func(v variable, want string) {
		errs = append(errs, fmt.Errorf("otlphttp: %s is %q: want %s", v.name, v.value, want))
	}
	endpoint := s.lookup("ENDPOINT")
	if u, err := s.endpoint(endpoint); err != nil {
		errs = append(errs, fmt.Errorf("otlphttp: %s is %q: %w", endpoint.name, endpoint.value, err))
	} else if endpoint.value != "" {
		if endpoint.general {
			u = u.JoinPath("v1/traces")
		}
		o.Endpoint = u.String()
	}
	if v := s.lookup("COMPRESSION"); validCompression(strings.ToLower(v.value)) {
		o.Compression = strings.ToLower(v.value)
	} else {
		wrong(v, `"gzip" or "none"`)
	}
	if v := s.lookup("TIMEOUT"); v.value != "" {
		ms, err := strconv.ParseUint(v.value, 10, 31)
		if err != nil {
			wrong(v, "a number of milliseconds, or 0 for no limit")
		}
		o.Timeout = time.Duration(ms) * time.Millisecond
		if ms == 0 {
			o.Timeout = math.MaxInt64
		}
	}
	var err error
	if v := s.lookup("HEADERS"); v.value != "" {
		if o.Headers, err = parseHeaders(v.value); err != nil {
			// does not contain the value, which may be a secret
			errs = append(errs, fmt.Errorf("otlphttp: %s %w", v.name, err))
		}
	}
	if o.Transport, err = s.transport(); err != nil {
		errs = append(errs, err)
	}
	return o, errors.Join(errs...)
}

// A variable is an environment variable. A general variable applies to all signals.
type variable struct {
	name, value string
	general     bool
}

func (s signal) lookup(suffix string) variable {
	if name := "OTEL_EXPORTER_OTLP_" + s.name + "_" + suffix; os.Getenv(name) != "" {
		return variable{name, strings.TrimSpace(os.Getenv(name)), false}
	}
	name := "OTEL_EXPORTER_OTLP_" + suffix
	return variable{name, strings.TrimSpace(os.Getenv(name)), true}
}

const defaultEndpoint = "http://localhost:4318/v1/traces"

func parseEndpoint(s string) (*url.URL, error) {
	u, err := url.Parse(cmp.Or(s, defaultEndpoint))
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return nil, fmt.Errorf("%q: want a URL such as %s", s, defaultEndpoint)
	}
	u.Path = cmp.Or(u.Path, "/")
	return u, nil
}

func validCompression(s string) bool { return s == "" || s == "none" || s == "gzip" }

func validHeader(name, value string) bool {
	return httpguts.ValidHeaderFieldName(name) && httpguts.ValidHeaderFieldValue(value)
}

func parseHeaders(s string) (map[string]string, error) {
	headers := map[string]string{}
	for i, pair := range strings.Split(s, ",") {
		if strings.TrimSpace(pair) == "" {
			continue
		}
		name, value, ok := strings.Cut(pair, "=")
		name = strings.TrimSpace(name)
		value, err := url.PathUnescape(strings.TrimSpace(value))
		if !ok || err != nil || !validHeader(name, value) {
			return nil, fmt.Errorf("has an invalid header, number %d: want key=value, percent-encoded", i+1)
		}
		headers[name] = value
	}
	return headers, nil
}

// transport returns a transport with the certificates that the environment names, or nil if it
// names none.
func (s signal) transport() (http.RoundTripper, error) {
	ca, cert, key := s.lookup("CERTIFICATE"), s.lookup("CLIENT_CERTIFICATE"), s.lookup("CLIENT_KEY")
	if ca.value == "" && cert.value == "" && key.value == "" {
		return nil, nil
	}
	var errs []error
	var config tls.Config
	if ca.value != "" {
		pem, err := os.ReadFile(ca.value)
		config.RootCAs = x509.NewCertPool()
		if err == nil && !config.RootCAs.AppendCertsFromPEM(pem) {
			err = errors.New("no certificate in it")
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("otlphttp: %s is %q: want a PEM file: %w", ca.name, ca.value, err))
		}
	}
	if cert.value != "" || key.value != "" {
		pair, err := tls.LoadX509KeyPair(cert.value, key.value)
		if err != nil {
			errs = append(errs, fmt.Errorf(
				"otlphttp: %s is %q and %s is %q: want the PEM files of a certificate and its key: %w",
				cert.name, cert.value, key.name, key.value, err))
		}
		config.Certificates = []tls.Certificate{pair}
	}
	t := newTransport()
	t.TLSClientConfig = &config
	return t, errors.Join(errs...)
}

// newTransport returns a copy of the default transport. If the program has replaced that by
// another type, newTransport does not use it: a transport that traces requests would trace the
// requests that carry the traces.
func newTransport() *http.Transport {
	if t, ok := http.DefaultTransport.(*http.Transport); ok {
		return t.Clone()
	}
	return &http.Transport{Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true,
		IdleConnTimeout: 90 * time.Second}
}
