package spans_test

import (
	"context"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/loadgen-go/loadgen/observable/spans"
)

func TestEveryArmExportsEverySpanToTheSameBytes(t *testing.T) {
	const n = 500
	ctx := context.Background()
	sizes := map[string]uint64{}
	for _, arm := range spans.Arms {
		p, err := spans.Open(arm.Name)
		if err != nil {
			t.Fatal(err)
		}
		if p.Provider == nil {
			if arm.Name != "none" {
				t.Errorf("%s makes no spans", arm.Name)
			}
			continue
		}
		tr := p.Provider.Tracer("test")
		for i := range n {
			_, s := tr.Start(ctx, "operation", trace.WithAttributes(attribute.Int("i", i)))
			s.End()
		}
		if err := p.Flush(ctx); err != nil {
			t.Error(err)
		}
		count, bytes := p.Exported()
		if p.Records() && count != n || !p.Records() && count != 0 {
			t.Errorf("%s exported %d spans of %d", arm.Name, count, n)
		}
		if p.Records() {
			sizes[arm.Name] = bytes
		}
		if err := p.Close(ctx); err != nil {
			t.Error(err)
		}
	}
	// The arms may cut their batches differently, and every request has a header.
	for name, size := range sizes {
		if d := int64(size) - int64(sizes["sdk"]); d < -500 || d > 500 {
			t.Errorf("%s exported %d bytes, sdk %d", name, size, sizes["sdk"])
		}
	}
	if len(sizes) != 3 {
		t.Errorf("arms that export: %v", sizes)
	}
}

func TestAnUnknownArmIsAnErrorThatNamesTheKnownOnes(t *testing.T) {
	_, err := spans.Open("pool")
	if err == nil || !strings.Contains(err.Error(), "pooled-off") {
		t.Errorf("error is %v", err)
	}
}
