package pooled

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/loadgen-go/loadgen/observable/internal/clock"
)

// Anything that reset leaves in a record would stay alive, or show up in another span.
func TestResetLeavesNothingOfASpan(t *testing.T) {
	p := &Provider{limits: effective(nil)}
	for _, n := range []int{0, 1, 8, 9, 64, 65, 200} {
		t.Run(fmt.Sprint(n, " attributes"), func(t *testing.T) {
			r := newRecord(p)
			r.name, r.tracer, r.anchor, r.static = "name", &Tracer{provider: p}, &anchor{}, &static{}
			r.clock, r.given = &reading{}, &given{}
			r.setStatus(codes.Error, "description")
			for i := range n {
				kv := attribute.Int(string(rune('a'+i)), i)
				r.addAttributes([]attribute.KeyValue{kv, {}})
				r.addEvent(sdktrace.Event{Name: "event", Attributes: []attribute.KeyValue{kv}})
				r.addLink(sdktrace.Link{Attributes: []attribute.KeyValue{kv}})
			}
			attributes := r.attributes[:cap(r.attributes)]
			r.reset()
			if r.name != "" || r.description != "" || r.status != codes.Unset || r.tracer != nil || r.anchor != nil ||
				r.static != nil ||
				r.clock != nil || r.given != nil || r.index != nil {
				t.Errorf("kept %+v", r)
			}
			if len(r.attributes) != 0 || len(r.events) != 0 || len(r.links) != 0 {
				t.Errorf("kept %d attributes, %d events, %d links", len(r.attributes), len(r.events), len(r.links))
			}
			if r.lost.attributes != 0 || r.lost.events != 0 || r.lost.links != 0 {
				t.Errorf("kept the counts %+v of what was lost", r.lost)
			}
			for _, kv := range append(attributes, r.first[:]...) {
				if kv != (attribute.KeyValue{}) {
					t.Fatalf("kept the attribute %v", kv)
				}
			}
			for _, e := range r.events[:cap(r.events)] {
				if e.Name != "" || e.Attributes != nil {
					t.Fatalf("kept the event %v", e)
				}
			}
			for _, l := range r.links[:cap(r.links)] {
				if l.Attributes != nil {
					t.Fatalf("kept the link %v", l)
				}
			}
			if cap(r.attributes) > 64 || cap(r.events) > 64 || cap(r.links) > 64 {
				t.Errorf("room for %d attributes, %d events, %d links", cap(r.attributes), cap(r.events),
					cap(r.links))
			}
		})
	}
}

// Two separate clock reads would differ by the time that the goroutine was preempted between them.
func TestTheOffsetOfTheClocksIsThatOfOneReading(t *testing.T) {
	now := time.Now()
	if got := newReading(now).unix(clock.Of(now)); got != now.UnixNano() {
		t.Errorf("the time of the reading is off by %d ns", got-now.UnixNano())
	}
}

// time.Now reads the wall clock before the monotonic one, and may be held up between them.
func TestAReadingThatWasHeldUpIsNotUsed(t *testing.T) {
	good := newReading(time.Now())
	late := *good
	late.mono += 100 * time.Millisecond
	late.offset -= int64(100 * time.Millisecond)
	for _, all := range [][]*reading{{good, &late, &late}, {&late, good, &late}, {&late, &late, good}} {
		if got := closest(all...); got != good {
			t.Errorf("the offset is off by %d ns", got.offset-good.offset)
		}
	}
}

func TestTheClockIsSetAtTheStartAndAtEveryInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, err := New(Options{Interval: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		check := func(when string) {
			v := p.Tracer("t").(*Tracer).Template("x").Start(context.Background())
			defer v.End()
			if got := v.record.start; got != time.Now().UnixNano() {
				t.Errorf("%s: the time of a span is off by %d ns", when, got-time.Now().UnixNano())
			}
		}
		check("at the start")
		p.clock.Load().offset += 1e9 // as if the wall clock had been corrected
		time.Sleep(time.Second)
		check("after an interval")
		if err := p.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
}
