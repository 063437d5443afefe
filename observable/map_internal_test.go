package observable

import (
	"context"
	"testing"
)

// A direct call skips everything that options add to a call.
func TestOnlyFunctionsWithNothingAroundThemAreDirect(t *testing.T) {
	bare := Options{Uncounted: true, Panics: RepeatPanics}
	for name, c := range map[string]struct {
		change func(*Options)
		want   int
	}{
		"bare":      {func(*Options) {}, 1},
		"counted":   {func(o *Options) { o.Uncounted = false }, 0},
		"recovered": {func(o *Options) { o.Panics = RecoverPanics }, 0},
		"OnRead":    {func(o *Options) { o.OnRead = func(string) {} }, 0},
		"OnWrite":   {func(o *Options) { o.OnWrite = func(string, Write) {} }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			opts := bare
			c.change(&opts)
			m, err := New(opts)
			if err != nil {
				t.Fatal(err)
			}
			if err := m.Register("a", func() {}); err != nil {
				t.Fatal(err)
			}
			if err := m.RegisterContext("b", func(context.Context) error { return nil }); err != nil {
				t.Fatal(err)
			}
			got := 0
			if fns := m.direct.Load(); fns != nil {
				got = len(*fns)
			}
			if got != c.want {
				t.Errorf("%d functions are direct, want %d", got, c.want)
			}
		})
	}
}
