package spans_test

import (
	"context"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/loadgen-go/loadgen/observable/spans"
)

// Every combination: what a sampler chose has arrived, neither more nor less, and is
// encoded if the package says so.
func TestEverySampledSpanComesToTheEndThatItsProcessorIs(t *testing.T) {
	const batch = 250
	ctx := context.Background()
	for _, arm := range []string{"pooled", "pooled-off", "sdk"} {
		for _, sampling := range spans.Samplings {
			for _, processor := range spans.Processors {
				name := arm + "/" + sampling + "/" + processor
				p, err := spans.Options{Arm: arm, Sampling: sampling, Processors: processor}.Open()
				if err != nil {
					t.Fatal(err)
				}
				n := uint64(1000)
				if sampling == "parent-0.01" {
					n = 5000 // some 50; fewer than 5 are less likely than 1 in 10^15
				}
				tr := p.Provider.Tracer("test")
				var recording, sampled uint64
				for i := range n {
					_, s := tr.Start(ctx, "operation")
					if s.IsRecording() {
						recording++
					}
					if s.SpanContext().IsSampled() {
						sampled++
					}
					s.End()
					if i%batch == batch-1 {
						if err := p.Flush(ctx); err != nil {
							t.Error(err)
						}
					}
				}
				bounds := map[string][2]uint64{"always": {n, n}, "parent-0.01": {5, 150}}[sampling]
				low, high := bounds[0], bounds[1]
				if recording != sampled || sampled < low || sampled > high || p.Sampled(n) != sampled {
					t.Errorf("%s: %d recording, %d sampled, %d by its own count; want %d to %d", name, recording,
						sampled, p.Sampled(n), low, high)
				}
				exported, bytes := p.Exported()
				if p.Records() != (processor != "none") {
					t.Errorf("%s: it counts spans: %v", name, p.Records())
				}
				if want := map[bool]uint64{true: sampled}[p.Records()]; exported != want {
					t.Errorf("%s: %d spans arrived, want %d", name, exported, want)
				}
				if encoded := processor == "batch" && sampled > 0; (bytes > 0) != encoded {
					t.Errorf("%s: %d bytes", name, bytes)
				}
				if err := p.Close(ctx); err != nil {
					t.Error(err)
				}
			}
		}
	}
}

func TestAPartIsOfRootsAndTheRestFollowsItsParent(t *testing.T) {
	const n = 500
	for _, arm := range []string{"pooled", "sdk"} {
		for _, flags := range []trace.TraceFlags{0, trace.FlagsSampled} {
			p, err := spans.Options{Arm: arm, Sampling: "parent-0.01"}.Open()
			if err != nil {
				t.Fatal(err)
			}
			up := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{15: 1}, SpanID: trace.SpanID{1},
				TraceFlags: flags, Remote: true})
			ctx := trace.ContextWithRemoteSpanContext(context.Background(), up)
			for range n {
				_, s := p.Provider.Tracer("test").Start(ctx, "operation")
				s.End()
			}
			if err := p.Close(context.Background()); err != nil {
				t.Fatal(err)
			}
			want := n * uint64(flags)
			if exported, _ := p.Exported(); exported != want || p.Sampled(n) != want {
				t.Errorf("%s below a parent of %v: %d exported, %d sampled, want %d", arm, flags, exported,
					p.Sampled(n), want)
			}
		}
	}
}

func TestOptionsThatCannotBeAreReportedTogether(t *testing.T) {
	_, err := spans.Options{Arm: "pool", Sampling: "sometimes", Processors: "queue"}.Open()
	for _, want := range []string{`no arm is called "pool"`, `no sampling is called "sometimes": want one of always, parent-0.01, never`,
		`no processor is called "queue": want one of batch, discard, none`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q in it", err, want)
		}
	}
}

func TestAttributesAreTextsNumbersAndAFlagAndFewerAreTheFirst(t *testing.T) {
	all, err := spans.Attributes(spans.MostAttributes)
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[attribute.Type]int{}
	for _, a := range all {
		kinds[a.Value.Type()]++
	}
	if kinds[attribute.STRING] != 3 || kinds[attribute.INT64] != 2 || kinds[attribute.BOOL] != 1 {
		t.Errorf("kinds %v", kinds)
	}
	for n := range all {
		some, err := spans.Attributes(n)
		if err != nil || len(some) != n || n > 0 && some[n-1] != all[n-1] {
			t.Errorf("%d: %v, %v", n, some, err)
		}
	}
	for _, n := range []int{-1, spans.MostAttributes + 1} {
		if _, err := spans.Attributes(n); err == nil {
			t.Errorf("%d attributes", n)
		}
	}
}
