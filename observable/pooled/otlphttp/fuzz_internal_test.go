package otlphttp

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	coltrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"
)

// If the official decoder accepts a response, decodeResponse reads the same. If it does not, the
// response is never a full success, unless invalid UTF-8 is the only error.
func FuzzResponse(f *testing.F) {
	for _, m := range []*coltrace.ExportTracePartialSuccess{nil, {}, {RejectedSpans: 3},
		{RejectedSpans: -1, ErrorMessage: "a warning"}} {
		b, err := proto.Marshal(&coltrace.ExportTraceServiceResponse{PartialSuccess: m})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
		f.Add(b[:len(b)/2])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got := decodeResponse(b)
		_ = decodeStatus(b, true)
		var m coltrace.ExportTraceServiceResponse
		if proto.Unmarshal(b, &m) != nil {
			return
		}
		partial := m.GetPartialSuccess()
		want := uint64(max(partial.GetRejectedSpans(), 0))
		if got.unread || got.rejected != want || (got.err != nil) != (want > 0 || partial.GetErrorMessage() != "") {
			t.Errorf("%x: %+v, want %v", b, got, partial)
		}
	})
}

// An answer that is unreadable or rejects spans always has an error.
func FuzzJSONResponse(f *testing.F) {
	for _, s := range []string{``, `{}`, `{"partialSuccess":{"rejectedSpans":"3","errorMessage":"x"}}`,
		`{"partialSuccess":{"rejectedSpans":-1}}`, `{"partialSuccess":[]}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got := decodeJSON(b)
		if got.unread && got.err == nil || got.rejected > 0 && got.err == nil {
			t.Errorf("%q: %+v", b, got)
		}
	})
}

var withoutValue = regexp.MustCompile(`^has an invalid header, number \d+: want key=value, percent-encoded$`)

// Headers that are accepted can be sent, and are unchanged after they are written as a variable and
// parsed again. An error does not contain the value, which may be a secret.
func FuzzHeaders(f *testing.F) {
	for _, s := range []string{"", "a=1, key=two%20words%3D,", "secret", "a=%zz", "=x", "a=b=c", "a b=c", "a=\n",
		"a=1,A=2"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		headers, err := parseHeaders(s)
		if err != nil {
			if !withoutValue.MatchString(err.Error()) {
				t.Errorf("%q: %v", s, err)
			}
			return
		}
		var pairs []string
		for name, value := range headers {
			if !validHeader(name, value) {
				t.Errorf("%q: accepted %q=%q", s, name, value)
			}
			pairs = append(pairs, name+"="+url.PathEscape(value))
		}
		again, err := parseHeaders(strings.Join(pairs, ","))
		if err != nil || len(again) != len(headers) {
			t.Fatalf("%q parses as %v, and again as %v, %v", s, headers, again, err)
		}
		for name, value := range headers {
			if again[name] != value {
				t.Errorf("%q: %q is %q, and after parsing again %q", s, name, value, again[name])
			}
		}
	})
}

// An endpoint that is accepted makes a valid request, and is unchanged if parsed again.
func FuzzEndpoint(f *testing.F) {
	for _, s := range []string{"", "localhost:4318", "http://c", "https://u:p@c:4318/base/?q#f", "http://[::1]:1/x",
		"http://:1", "HTTP://C/%2f", "http://a b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		u, err := parseEndpoint(s)
		if err != nil {
			return
		}
		req, err := http.NewRequest(http.MethodPost, u.String(), nil)
		if err != nil || req.URL.Hostname() == "" {
			t.Fatalf("%q parses as %v, which makes the request %v, %v", s, u, req, err)
		}
		again, err := parseEndpoint(u.String())
		if err != nil || again.String() != u.String() {
			t.Errorf("%q parses as %v, and again as %v, %v", s, u, again, err)
		}
	})
}

func FuzzRetryAfter(f *testing.F) {
	for _, s := range []string{"", "7", "-1", "99999999999999999999", "Wed, 21 Oct 2065 07:28:00 GMT",
		"Wed, 21 Oct 2015 07:28:00 GMT", "soon"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if d := retryAfter(s); d < 0 || d > maxAfter {
			t.Errorf("%q: %v, want 0 to %v", s, d, maxAfter)
		}
	})
}
