package register_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/loadgen-go/loadgen/observable/register"
)

type job func() int

func serve(http.ResponseWriter, *http.Request) {}
func ping(context.Context) error               { return nil }

// named returns a valid registration of kind.
func named(kind register.Kind, name, from string, attributes ...attribute.KeyValue) register.Registration {
	fn := map[register.Kind]any{register.HTTPHandler: serve, register.DBDriver: ping, register.CustomSpan: func() {}}
	return register.Registration{Kind: kind, Name: name, Func: fn[kind], Attributes: attributes, From: from}
}

func TestAKindTakesTheFunctionsOfItsPolicy(t *testing.T) {
	type handler func(http.ResponseWriter, *http.Request)
	for name, c := range map[string]struct {
		kind register.Kind
		fn   any
		want string // in the error; empty: none
	}{
		"a function of requests": {register.HTTPHandler, serve, ""},
		"http.HandlerFunc":       {register.HTTPHandler, http.HandlerFunc(serve), ""},
		"a named type of requests": {
			register.HTTPHandler, handler(serve),
			"register_test.handler: want func(net/http.R",
		},
		"requests with a result": {
			register.HTTPHandler, func(http.ResponseWriter, *http.Request) error { return nil },
			"error: want",
		},
		"a request that is no pointer": {
			register.HTTPHandler, func(http.ResponseWriter, http.Request) {},
			"net/http.Request): want",
		},
		"http.Handler that is a HandlerFunc": {
			register.HTTPHandler, http.NotFoundHandler(),
			"",
		},
		"a driver": {register.DBDriver, ping, ""},
		"a driver without an error": {
			register.DBDriver, func(context.Context) {},
			"is func(context.Context): want func(context.Context) error",
		},
		"a driver without a context": {
			register.DBDriver, func() error { return nil },
			"is func() error: want",
		},
		"two results": {
			register.DBDriver, func() (int, error) { return 0, nil },
			"is func() (int, error): want",
		},
		"a span":                  {register.CustomSpan, func() {}, ""},
		"a span with a result":    {register.CustomSpan, func() int { return 0 }, ""},
		"a span with two results": {register.CustomSpan, func() (int, error) { return 0, nil }, ""},
		"a span with a context":   {register.CustomSpan, ping, ""},
		"a span of a named type":  {register.CustomSpan, job(func() int { return 0 }), ""},
		"a span with a parameter": {
			register.CustomSpan, func(int) {},
			"is func(int): want func() or func(context.Context), with any results",
		},
		"a span with two parameters": {
			register.CustomSpan, func(context.Context, int) {},
			"func(context.Context, int): want",
		},
		"a span with variable parameters": {
			register.CustomSpan, func(...context.Context) {},
			"is func(...context.Context): want",
		},
		"a parameter that is a function": {register.CustomSpan, func(func()) {}, "is func(func()): want"},
		"nil":                            {register.CustomSpan, nil, "is nil: want"},
		"a nil function":                 {register.CustomSpan, (func())(nil), "is a nil func(): want"},
		"a nil function of a named type": {
			register.CustomSpan, job(nil),
			"is a nil github.com/loadgen-go/loadgen/observable/register_test.job",
		},
		"a number":                {register.CustomSpan, 7, "is int: want"},
		"a pointer to a function": {register.CustomSpan, new(func()), "is *func(): want"},
	} {
		t.Run(name, func(t *testing.T) {
			err := register.Validate(register.Registration{Kind: c.kind, Name: "n", Func: c.fn, From: "a.go:1"})
			var wrong *register.TypeError
			switch {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want != "" && (!errors.As(err, &wrong) || !strings.Contains(err.Error(), c.want)):
				t.Errorf("got %v, want a TypeError with %q", err, c.want)
			}
		})
	}
}

func TestValidateReportsAllThatIsWrong(t *testing.T) {
	err := register.Validate(register.Registration{ //loadgen:skip
		Kind: 9, From: "a.go:1", Attributes: []attribute.KeyValue{attribute.String("", "x"), attribute.Int("", 1)},
	})
	want := "register: \"\" has the unknown kind 9: want HTTPHandler, DBDriver or CustomSpan (a.go:1)\n" +
		"register: a registration of kind Kind(9) has no name: want one (a.go:1)\n" +
		"register: Kind(9) \"\" has an attribute without a key, x (a.go:1)\n" +
		"register: Kind(9) \"\" has an attribute without a key, 1 (a.go:1)"
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestAKindIsGovernedByItsPolicy(t *testing.T) {
	for name, c := range map[string]struct {
		kind   register.Kind
		second string // name of the second registration
		freeze bool
		want   string // how the second registration ends
		held   string // what is held at the end: names and places
	}{
		"an HTTP handler overrides": {
			register.HTTPHandler, "a", false,
			`HTTP handler "a" (b.go:2) overrides "a" (a.go:1)`, "a b.go:2",
		},
		"an HTTP handler overrides all names": {
			register.HTTPHandler, "b", false,
			`HTTP handler "b" (b.go:2) overrides "a" (a.go:1)`, "b b.go:2",
		},
		"an HTTP handler overrides when frozen": {
			register.HTTPHandler, "a", true,
			`HTTP handler "a" (b.go:2) overrides "a" (a.go:1)`, "a b.go:2",
		},
		"a DB driver is refused": {
			register.DBDriver, "a", false,
			`DB driver "a" is registered already: choose another name (b.go:2, first at a.go:1)`, "a a.go:1",
		},
		"a DB driver of another name": {register.DBDriver, "b", false, "", "a a.go:1, b b.go:2"},
		"a DB driver of another name when frozen": {
			register.DBDriver, "b", true,
			`DB driver "b" comes after the initialisation`, "a a.go:1",
		},
		"a custom span merges":                      {register.CustomSpan, "a", false, "", "a b.go:2"},
		"a custom span merges when frozen":          {register.CustomSpan, "a", true, "", "a b.go:2"},
		"a custom span of another name when frozen": {register.CustomSpan, "b", true, "", "a a.go:1, b b.go:2"},
	} {
		t.Run(name, func(t *testing.T) {
			var g register.Registry
			if over, err := g.Register(named(c.kind, "a", "a.go:1")); over != nil || err != nil {
				t.Fatalf("the first registration: %v, %v", over, err)
			}
			if c.freeze {
				g.Freeze()
			}
			over, err := g.Register(named(c.kind, c.second, "b.go:2"))
			got := ""
			if over != nil {
				got = over.String()
			}
			if err != nil {
				got += err.Error()
			}
			if got == "" && c.want != "" || !strings.Contains(got, c.want) || c.want == "" && got != "" {
				t.Errorf("the second registration: %q, want %q", got, c.want)
			}
			var held []string
			for _, r := range g.Snapshot().Registrations {
				held = append(held, r.Name+" "+r.From)
			}
			if got := strings.Join(held, ", "); got != c.held {
				t.Errorf("holds %q, want %q", got, c.held)
			}
		})
	}
}

func TestErrorsSayWhereBothCameFrom(t *testing.T) {
	var g register.Registry
	first := func() { g.Register(register.Registration{Kind: register.DBDriver, Name: "orders", Func: ping}) }
	first()
	_, err := g.Register(register.Registration{Kind: register.DBDriver, Name: "orders", Func: ping})
	var conflict *register.ConflictError
	if !errors.As(err, &conflict) || !strings.Contains(conflict.From, "register_test.go:") ||
		!strings.Contains(conflict.First, "register_test.go:") || conflict.From == conflict.First {
		t.Errorf("got %v, want a ConflictError with two places", err)
	}
	g.Freeze()
	frozen := g.Snapshot().Frozen
	g.Freeze()
	_, err = g.Register(register.Registration{Kind: register.DBDriver, Name: "items", Func: ping})
	var after *register.FrozenError
	if !errors.As(err, &after) || after.Frozen != frozen || !strings.Contains(frozen, "register_test.go:") {
		t.Errorf("got %v, want a FrozenError with the place of the first Freeze, %s", err, frozen)
	}
	_, err = g.Register(register.Registration{Kind: 4, Name: "items", Func: ping}) //loadgen:skip
	var kind *register.KindError
	if !errors.As(err, &kind) || kind.Kind != 4 {
		t.Errorf("got %v, want a KindError", err)
	}
}

func TestMergedAttributesAreThoseOfBothAndTheLaterHold(t *testing.T) {
	var g register.Registry
	a, b := attribute.String("team", "a"), attribute.Int("tier", 1)
	given := []attribute.KeyValue{a, b}
	g.Register(named(register.CustomSpan, "s", "", given...))
	given[0] = attribute.String("team", "changed by its owner")
	g.Register(named(register.CustomSpan, "s", "", attribute.Int("tier", 2), attribute.Bool("hot", true)))
	r, ok := g.Lookup(register.CustomSpan, "s")
	want := []attribute.KeyValue{attribute.Bool("hot", true), a, attribute.Int("tier", 2)}
	if !ok || !slices.Equal(r.Attributes, want) {
		t.Errorf("got %v, want %v", r.Attributes, want)
	}
	r.Attributes[0] = b
	g.Snapshot().Registrations[0].Attributes[0] = b
	if r, _ := g.Lookup(register.CustomSpan, "s"); !slices.Equal(r.Attributes, want) {
		t.Errorf("got %v after a caller changed its copy, want %v", r.Attributes, want)
	}
}

// The attributes of one registration may be those of another one, too, at the same time.
func TestAttributesOfTheCallerStayAsTheyAre(t *testing.T) {
	shared := []attribute.KeyValue{
		attribute.String("c", "first"), attribute.Int("b", 1),
		attribute.String("c", "last"), attribute.Int("a", 2),
	}
	before := slices.Clone(shared)
	var g register.Registry
	for range 2 {
		g.Register(named(register.CustomSpan, "a", "", shared...))
	}
	if !slices.EqualFunc(shared, before, func(a, b attribute.KeyValue) bool { return a == b }) {
		t.Errorf("%v, want %v", shared, before)
	}
	r, _ := g.Lookup(register.CustomSpan, "a")
	if len(r.Attributes) != 3 || r.Attributes[2].Value.AsString() != "last" {
		t.Errorf("%v", r.Attributes)
	}
}

func TestLookupFindsWhatIsHeld(t *testing.T) {
	var g register.Registry
	for _, kind := range []register.Kind{0, register.HTTPHandler, register.DBDriver, register.CustomSpan, 4} {
		if r, ok := g.Lookup(kind, "a"); ok {
			t.Errorf("an empty registry holds %v", r)
		}
	}
	g.Register(named(register.HTTPHandler, "a", ""))
	g.Register(named(register.DBDriver, "a", ""))
	if _, ok := g.Lookup(register.HTTPHandler, "another name"); !ok {
		t.Error("the HTTP handler is not found by another name: a registry has one")
	}
	if _, ok := g.Lookup(register.DBDriver, "another name"); ok {
		t.Error("a driver is found by another name")
	}
	if _, ok := g.Lookup(register.CustomSpan, "a"); ok {
		t.Error("a driver is found as a custom span")
	}
}

// Counts, and readers that see a registry whole, hold with writers at once. The race
// detector reads along.
func TestARegistryIsSafeForConcurrentUse(t *testing.T) {
	var g register.Registry
	const writers, each = 8, 50
	stop := make(chan struct{})
	var readers, all sync.WaitGroup
	readers.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			s := g.Snapshot()
			var added, held uint64
			for _, c := range s.Counts {
				added += c.Added
			}
			if held = uint64(len(s.Registrations)); held != added {
				t.Errorf("a snapshot holds %d registrations and counts %d", held, added)
				return
			}
			g.Lookup(register.CustomSpan, "0")
		}
	})
	for w := range writers {
		all.Go(func() {
			for i := range each {
				g.Register(named(register.CustomSpan, fmt.Sprint(i), "", attribute.Int(fmt.Sprint(w), i)))
				g.Register(named(register.DBDriver, fmt.Sprint(i), ""))
				g.Register(named(register.HTTPHandler, fmt.Sprint(i), ""))
				g.Register(named(7, fmt.Sprint(i), ""))
			}
		})
	}
	all.Wait()
	close(stop)
	readers.Wait()
	const calls = writers * each
	want := []register.Count{
		{Refused: calls},
		{Kind: register.HTTPHandler, Added: 1, Overridden: calls - 1},
		{Kind: register.DBDriver, Added: each, Refused: calls - each},
		{Kind: register.CustomSpan, Added: each, Merged: calls - each},
	}
	if got := g.Snapshot().Counts; !slices.Equal(got, want) {
		t.Errorf("counts are %v, want %v", got, want)
	}
	for _, r := range g.Snapshot().Registrations {
		if r.Kind == register.CustomSpan && len(r.Attributes) != writers {
			t.Errorf("custom span %q has %d attributes, want one of each of %d writers",
				r.Name, len(r.Attributes), writers)
		}
	}
}

func TestLookupAllocatesNothing(t *testing.T) {
	var g register.Registry
	g.Register(named(register.CustomSpan, "s", ""))
	if n := testing.AllocsPerRun(100, func() { g.Lookup(register.CustomSpan, "s") }); n != 0 {
		t.Errorf("a look-up of a function without attributes allocates %v times, want 0", n)
	}
}

func TestCountsArePublished(t *testing.T) {
	var g register.Registry
	for _, name := range []string{"a", "b", "a"} {
		g.Register(named(register.CustomSpan, name, ""))
		g.Register(named(register.DBDriver, name, ""))
	}
	g.Register(named(0, "a", ""))
	reader := sdkmetric.NewManualReader()
	published, err := g.Publish(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)).Meter("test"))
	if err != nil {
		t.Fatal(err)
	}
	got := collect(t, reader)
	for series, want := range map[string]int64{
		"observable.register.held kind=DB driver":                     2,
		"observable.register.held kind=HTTP handler":                  0,
		"observable.register.held kind=custom span":                   2,
		"observable.register.calls kind=custom span,outcome=added":    2,
		"observable.register.calls kind=custom span,outcome=merged":   1,
		"observable.register.calls kind=DB driver,outcome=refused":    1,
		"observable.register.calls kind=unknown,outcome=refused":      1,
		"observable.register.calls kind=HTTP handler,outcome=refused": 0,
	} {
		if n, ok := got[series]; !ok || n != want {
			t.Errorf("%s is %d (%v), want %d", series, n, ok, want)
		}
	}
	if want := 3 + 4*4; len(got) != want {
		t.Errorf("%d series, want %d: %v", len(got), want, got)
	}
	if err := published.Unregister(); err != nil {
		t.Fatal(err)
	}
	if got := collect(t, reader); len(got) != 0 {
		t.Errorf("series after Unregister: %v", got)
	}
}

// collect returns the series of reader: name and attributes, and the value.
func collect(t *testing.T, reader sdkmetric.Reader) map[string]int64 {
	t.Helper()
	var all metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	series := map[string]int64{}
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			for _, p := range m.Data.(metricdata.Sum[int64]).DataPoints {
				series[m.Name+" "+p.Attributes.Encoded(attribute.DefaultEncoder())] = p.Value
			}
		}
	}
	return series
}
