package observable_test

import (
	"fmt"
	"testing"

	"github.com/loadgen-go/loadgen/observable"
)

// BenchmarkCall measures a call under different options. bare-map is a
// map[string]func(), the others are a Map of the same 16 keys, called in rotation: bare
// keeps no statistics and repeats panics, guarded recovers them, counted has the zero
// Options. handle-bare and handle are bare and counted without the lookup.
func BenchmarkCall(b *testing.B) {
	keys := make([]string, 16)
	for i := range keys {
		keys[i] = fmt.Sprintf("handler-%d", i)
	}
	b.Run("bare-map", func(b *testing.B) {
		m := map[string]func(){}
		for _, key := range keys {
			m[key] = func() {}
		}
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			m[keys[i%len(keys)]]()
		}
	})
	bare := observable.Options{Uncounted: true, Panics: observable.RepeatPanics}
	for _, bench := range []struct {
		name string
		opts observable.Options
	}{
		{"bare", bare},
		{"guarded", observable.Options{Uncounted: true}},
		{"counted", observable.Options{}},
		{"histogram", observable.Options{Histogram: true}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			m := newMap(b, bench.opts)
			for _, key := range keys {
				must(b, m.Register(key, func() {}))
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if err := m.Call(background, keys[i%len(keys)]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	for name, opts := range map[string]observable.Options{"handle-bare": bare, "handle": {}} {
		b.Run(name, func(b *testing.B) {
			m := newMap(b, opts)
			handles := make([]*observable.Handle, len(keys))
			for i, key := range keys {
				must(b, m.Register(key, func() {}))
				handles[i], _ = m.Handle(key)
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if err := handles[i%len(handles)].Call(background); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
