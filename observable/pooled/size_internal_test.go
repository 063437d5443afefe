package pooled

import (
	"testing"
	"unsafe"
)

// The figures of the documentation: a byte more, and the allocator rounds up to
// the next class.
func TestSizesFitTheirClasses(t *testing.T) {
	if n := unsafe.Sizeof(Span{}); n != 64 {
		t.Errorf("a handle is %d bytes, want 64", n)
	}
	if n := unsafe.Sizeof(record{}); n > 760 {
		t.Errorf("a record is %d bytes, want 760 at most", n)
	}
}

func TestOTelAsksAContextForItsSpan(t *testing.T) {
	if spanKey == nil {
		t.Error("otel/trace no longer asks a context for a key: spans cannot be found in their contexts")
	}
}
