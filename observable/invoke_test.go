package observable_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/loadgen-go/loadgen/internal/property"
	"github.com/loadgen-go/loadgen/observable"
)

type (
	createUser struct{ Name string }
	user       struct {
		ID   int
		Name string
	}
)

const create = "UserService.Create"

func createOriginal(_ context.Context, req createUser) (user, error) {
	return user{1, req.Name}, nil
}

// users returns a table with the method create.
func users(t testing.TB) *observable.Methods {
	t.Helper()
	methods := new(observable.Methods)
	if err := observable.RegisterMethod(methods, create, createOriginal); err != nil {
		t.Fatal(err)
	}
	return methods
}

// renaming returns an interceptor that appends "<mark" to the name in the request and
// "mark>" to the name in the response.
func renaming(mark string) observable.Interceptor[createUser, user] {
	return func(ctx context.Context, req createUser, next observable.Method[createUser, user]) (user, error) {
		u, err := next(ctx, createUser{req.Name + "<" + mark})
		u.Name += mark + ">"
		return u, err
	}
}

func TestAMethodWithoutInterceptorsIsItself(t *testing.T) {
	got, err := observable.Invoke[createUser, user](t.Context(), users(t), create, createUser{"ann"})
	if err != nil || got != (user{1, "ann"}) {
		t.Errorf("Invoke = %v, %v", got, err)
	}
}

func TestTheErrorAndTheContextOfAMethodPass(t *testing.T) {
	type key struct{}
	var methods observable.Methods
	if err := observable.RegisterMethod(&methods, "Fail", func(ctx context.Context, n int) (string, error) {
		return fmt.Sprint(n, ctx.Value(key{})), io.EOF
	}); err != nil {
		t.Fatal(err)
	}
	ctx := context.WithValue(t.Context(), key{}, "value")
	if got, err := observable.Invoke[int, string](ctx, &methods, "Fail", 7); got != "7value" || err != io.EOF {
		t.Errorf("Invoke = %v, %v", got, err)
	}
}

func TestTheFirstInterceptorIsTheOutermostAndEverySetReplacesTheOneBefore(t *testing.T) {
	property.Check(t, func(rt *rapid.T) {
		methods := users(t)
		var now []string // the marks of the current interceptors
		for range rapid.IntRange(1, 5).Draw(rt, "steps") {
			switch rapid.IntRange(0, 2).Draw(rt, "step") {
			case 0:
				if err := methods.Restore(create); err != nil {
					rt.Fatal(err)
				}
				now = nil
			default:
				now = nil
				var set []observable.Interceptor[createUser, user]
				for i := range rapid.IntRange(0, 4).Draw(rt, "interceptors") {
					now = append(now, fmt.Sprint(i))
					set = append(set, renaming(now[i]))
				}
				if err := observable.Intercept(methods, create, set...); err != nil {
					rt.Fatal(err)
				}
			}
			want := "ann"
			for _, mark := range now {
				want += "<" + mark
			}
			for _, mark := range slices.Backward(now) {
				want += mark + ">"
			}
			got, err := observable.Invoke[createUser, user](t.Context(), methods, create, createUser{"ann"})
			if err != nil || got.Name != want {
				rt.Fatalf("Invoke = %v, %v, want %s", got, err, want)
			}
		}
	})
}

func TestAnInterceptorNeedNotCallWhatItStandsBefore(t *testing.T) {
	methods := users(t)
	if err := observable.Intercept(methods, create,
		func(context.Context, createUser, observable.Method[createUser, user]) (user, error) {
			return user{}, io.ErrNoProgress
		}, renaming("never")); err != nil {
		t.Fatal(err)
	}
	if got, err := observable.Invoke[createUser, user](t.Context(), methods, create,
		createUser{"ann"}); err != io.ErrNoProgress || got != (user{}) {
		t.Errorf("Invoke = %v, %v", got, err)
	}
}

func TestACallKeepsTheInterceptorsItBeganWith(t *testing.T) {
	methods := users(t)
	entered, leave := make(chan struct{}), make(chan struct{})
	if err := observable.Intercept(methods, create,
		func(ctx context.Context, req createUser, next observable.Method[createUser, user]) (user, error) {
			close(entered)
			<-leave
			return next(ctx, req)
		}, renaming("old")); err != nil {
		t.Fatal(err)
	}
	began := make(chan user)
	go func() {
		u, _ := observable.Invoke[createUser, user](context.Background(), methods, create, createUser{"ann"})
		began <- u
	}()
	<-entered
	if err := observable.Intercept(methods, create, renaming("new")); err != nil {
		t.Fatal(err)
	}
	if u, _ := observable.Invoke[createUser, user](t.Context(), methods, create,
		createUser{"bob"}); u.Name != "bob<newnew>" {
		t.Errorf("a call after the change: %v", u)
	}
	close(leave)
	if u := <-began; u.Name != "ann<oldold>" {
		t.Errorf("a call begun before the change: %v", u)
	}
}

func TestInterceptorsAreSwappedWholeWhileCallsRun(t *testing.T) {
	methods := users(t)
	whole := []string{"ann", "ann<a<bb>a>", "ann<c<dd>c>"}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 500 {
				u, err := observable.Invoke[createUser, user](context.Background(), methods, create, createUser{"ann"})
				if err != nil || !slices.Contains(whole, u.Name) {
					t.Errorf("Invoke = %v, %v", u, err)
				}
			}
		})
	}
	for i := range 100 {
		err := errors.Join(
			observable.Intercept(methods, create, renaming("a"), renaming("b")),
			observable.Intercept(methods, create, renaming("c"), renaming("d")),
			methods.Restore(create),
			observable.RegisterMethod(methods, fmt.Sprint("Late.", i), createOriginal))
		if err != nil {
			t.Error(err)
		}
	}
	wg.Wait()
}

func TestEveryUseOfAnUnknownMethodIsAnError(t *testing.T) {
	var methods observable.Methods
	_, err := observable.Invoke[createUser, user](t.Context(), &methods, create, createUser{})
	for use, err := range map[string]error{
		"Invoke":    err,
		"Intercept": observable.Intercept(&methods, create, renaming("a")),
		"Restore":   methods.Restore(create),
	} {
		t.Run(use, func(t *testing.T) {
			var unknown *observable.UnknownKeyError
			if !errors.As(err, &unknown) || unknown.Key != create {
				t.Errorf("the error is %v", err)
			}
		})
	}
}

func TestOtherTypesAreAnErrorThatNamesBothAndWhereTheMethodIsFrom(t *testing.T) {
	methods := new(observable.Methods)
	_, _, line, _ := runtime.Caller(0)
	if err := observable.RegisterMethod(methods, create, createOriginal); err != nil {
		t.Fatal(err)
	}
	_, request := observable.Invoke[*createUser, user](t.Context(), methods, create, &createUser{})
	_, response := observable.Invoke[createUser, any](t.Context(), methods, create, createUser{})
	intercept := observable.Intercept[createUser, string](methods, create)
	for name, row := range map[string]struct {
		err  error
		want string
	}{
		"Invoke with another request":     {request, "*"},
		"Invoke with another response":    {response, "interface {}]"},
		"Intercept with another response": {intercept, "string]"},
	} {
		t.Run(name, func(t *testing.T) {
			var other *observable.MethodTypeError
			if !errors.As(row.err, &other) {
				t.Fatalf("the error is %v", row.err)
			}
			for _, part := range []string{create, "createUser,", ".user]", row.want,
				fmt.Sprintf("invoke_test.go:%d", line+1)} {
				if !strings.Contains(row.err.Error(), part) {
					t.Errorf("%q is not in %v", part, row.err)
				}
			}
			if other.Have == other.Want {
				t.Errorf("both types are %v", other.Have)
			}
		})
	}
}

func TestAMethodIsRegisteredOnceAndNeverNil(t *testing.T) {
	methods := new(observable.Methods)
	_, _, line, _ := runtime.Caller(0)
	if err := observable.RegisterMethod(methods, create, createOriginal); err != nil {
		t.Fatal(err)
	}
	second := observable.RegisterMethod(methods, create, func(context.Context, int) (int, error) { return 0, nil })
	var taken *observable.DuplicateKeyError
	if !errors.As(second, &taken) || !strings.HasSuffix(taken.First, fmt.Sprintf("invoke_test.go:%d", line+1)) ||
		!strings.HasSuffix(taken.From, fmt.Sprintf("invoke_test.go:%d", line+4)) {
		t.Errorf("a second registration: %v", second)
	}
	if got, err := observable.Invoke[createUser, user](t.Context(), methods, create, createUser{"ann"}); err != nil ||
		got.Name != "ann" {
		t.Errorf("the first method is gone: %v, %v", got, err)
	}
	var isNil *observable.NilFuncError
	if err := observable.RegisterMethod[int, int](methods, "Nil", nil); !errors.As(err, &isNil) ||
		!strings.Contains(isNil.From, "invoke_test.go:") {
		t.Errorf("a nil method: %v", err)
	}
}

func TestANilInterceptorIsAnErrorAndChangesNothing(t *testing.T) {
	methods := users(t)
	if err := observable.Intercept(methods, create, renaming("a")); err != nil {
		t.Fatal(err)
	}
	err := observable.Intercept(methods, create, renaming("b"), nil)
	var isNil *observable.NilFuncError
	if !errors.As(err, &isNil) || isNil.Key != create || !strings.Contains(isNil.From, "invoke_test.go:") {
		t.Errorf("the error is %v", err)
	}
	if u, _ := observable.Invoke[createUser, user](t.Context(), methods, create,
		createUser{"ann"}); u.Name != "ann<aa>" {
		t.Errorf("Invoke = %v", u)
	}
}

// passing is an interceptor that only calls next.
func passing[Req, Resp any](ctx context.Context, req Req, next observable.Method[Req, Resp]) (Resp, error) {
	return next(ctx, req)
}

func TestInvokeAllocatesNothing(t *testing.T) {
	ctx := t.Context()
	methods := users(t)
	invoke := func() { _, _ = observable.Invoke[createUser, user](ctx, methods, create, createUser{"ann"}) }
	allocations(t, "without interceptors", 0, invoke)
	if err := observable.Intercept(methods, create, passing[createUser, user], passing); err != nil {
		t.Fatal(err)
	}
	allocations(t, "with two interceptors", 0, invoke)
	if err := observable.RegisterMethod(methods, "Large",
		func(_ context.Context, req [64]int) (*user, error) { return nil, nil }); err != nil {
		t.Fatal(err)
	}
	allocations(t, "with a large request", 0, func() {
		_, _ = observable.Invoke[[64]int, *user](ctx, methods, "Large", [64]int{})
	})
}

func ExampleInvoke() {
	var methods observable.Methods
	greet := func(_ context.Context, name string) (string, error) { return "hello, " + name, nil }
	if err := observable.RegisterMethod(&methods, "Greeter.Greet", greet); err != nil {
		fmt.Println(err)
	}
	say := func() {
		answer, err := observable.Invoke[string, string](context.Background(), &methods, "Greeter.Greet", "gopher")
		fmt.Println(answer, err)
	}
	say()

	// Interceptors can be changed while calls run. The first is the outermost.
	loud := func(ctx context.Context, name string, next observable.Method[string, string]) (string, error) {
		answer, err := next(ctx, name)
		return strings.ToUpper(answer), err
	}
	polite := func(ctx context.Context, name string, next observable.Method[string, string]) (string, error) {
		return next(ctx, "dear "+name)
	}
	if err := observable.Intercept(&methods, "Greeter.Greet", loud, polite); err != nil {
		fmt.Println(err)
	}
	say()

	if err := methods.Restore("Greeter.Greet"); err != nil {
		fmt.Println(err)
	}
	say()
	// Output:
	// hello, gopher <nil>
	// HELLO, DEAR GOPHER <nil>
	// hello, gopher <nil>
}

func BenchmarkInvoke(b *testing.B) {
	ctx := b.Context()
	methods := users(b)
	plain := map[string]observable.Method[createUser, user]{create: createOriginal}
	b.Run("bare map", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := plain[create](ctx, createUser{"ann"}); err != nil {
				b.Fatal(err)
			}
		}
	})
	invoke := func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := observable.Invoke[createUser, user](ctx, methods, create, createUser{"ann"}); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.Run("interceptors=0", invoke)
	if err := observable.Intercept(methods, create, passing[createUser, user], passing); err != nil {
		b.Fatal(err)
	}
	b.Run("interceptors=2", invoke)
}
