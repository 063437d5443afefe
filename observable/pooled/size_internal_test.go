package pooled

import (
	"testing"
	"unsafe"
)

// The documentation states these sizes. With one byte more, the allocator would round up to the
// next size class.
func TestSizesFitTheirClasses(t *testing.T) {
	if n := unsafe.Sizeof(Span{}); n != 64 {
		t.Errorf("a handle is %d bytes, want 64", n)
	}
	if n := unsafe.Sizeof(record{}); n > 760 {
		t.Errorf("a record is %d bytes, want at most 760", n)
	}
}

func TestOTelAsksAContextForItsSpan(t *testing.T) {
	if spanKey == nil {
		t.Error("otel/trace no longer calls Value with a key: spans cannot be found in their contexts")
	}
}
