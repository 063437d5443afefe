package pooled

import (
	"context"
	"testing"
)

// A record that was put into the pool twice would be used by two spans at once.
func TestARecordIsGivenBackOnce(t *testing.T) {
	p, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = p.Shutdown(context.Background()) }()
	r := newRecord(p)
	first := &lent{view{record: r, generation: r.generation()}}
	for range 3 {
		r.tracer, r.name = p.Tracer("t").(*Tracer), "ended"
		r.retire(first.generation) // as End does
		if first.Name() != "ended" {
			t.Errorf("an ended span reads as %q", first.Name())
		}
		first.recycle()
		r.tracer, r.name = p.Tracer("t").(*Tracer), "the next span"
		g := r.generation()
		first.recycle()
		if r.generation() != g || r.name != "the next span" || first.Name() != "" {
			t.Errorf("a record recycled in generation %d is in generation %d, named %q", g, r.generation(), r.name)
		}
		first = &lent{view{record: r, generation: g}}
	}
}
