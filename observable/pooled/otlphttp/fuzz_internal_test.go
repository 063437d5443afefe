package otlphttp

import "testing"

// What an endpoint answers is anyone's.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte("\x0a\x06\x08\x03\x12\x02no"))
	f.Add([]byte("\x12\x05wrong"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if a := decodeResponse(b); a.rejected != 0 && a.err == nil {
			t.Errorf("%d spans are rejected without an error", a.rejected)
		}
		decodeStatus(b, true)
	})
}

func FuzzEnvironment(f *testing.F) {
	f.Add("http://localhost:4318", "a=b,c=%20d")
	f.Fuzz(func(t *testing.T, endpoint, headers string) {
		if u, err := parseEndpoint(endpoint); (u == nil) == (err == nil) {
			t.Errorf("%q: %v, %v", endpoint, u, err)
		}
		_, _ = parseHeaders(headers) // read, or refused
	})
}
