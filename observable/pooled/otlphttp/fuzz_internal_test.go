package otlphttp

import (
	"testing"

	coltrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"
)

// What the official decoder reads, ours reads the same; what it does not, never counts
// as a full success unless a text that is not UTF-8 is all that is wrong.
func FuzzResponse(f *testing.F) {
	for _, m := range []*coltrace.ExportTracePartialSuccess{nil, {}, {RejectedSpans: 3}, {RejectedSpans: -1, ErrorMessage: "a warning"}} {
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

func FuzzEnvironment(f *testing.F) {
	f.Add("http://localhost:4318", "a=b,c=%20d")
	f.Fuzz(func(t *testing.T, endpoint, headers string) {
		if u, err := parseEndpoint(endpoint); (u == nil) == (err == nil) {
			t.Errorf("%q: %v, %v", endpoint, u, err)
		}
		_, _ = parseHeaders(headers) // read, or refused
	})
}
