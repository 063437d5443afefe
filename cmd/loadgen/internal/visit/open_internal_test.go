package visit

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/scenarios"
)

func TestATargetThatDoesNotOpenIsReported(t *testing.T) {
	target := bench.TargetFunc(func(context.Context, string) error { return nil })
	for _, c := range []struct {
		name        string
		open        func() (bench.Target, error)
		err, notice string
	}{
		{"at once", func() (bench.Target, error) { return target, nil }, "", ""},
		{"in a minute", func() (bench.Target, error) { time.Sleep(time.Minute); return target, nil }, "",
			"the target's Open has not returned for 5s"},
		{"with an error", func() (bench.Target, error) { return nil, errors.New("no database") }, "no database", ""},
		{"with nothing", func() (bench.Target, error) { return nil, nil }, "neither a target nor an error", ""},
		{"never, as it ends its goroutine", func() (bench.Target, error) { runtime.Goexit(); return target, nil },
			"runtime.Goexit", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var notices strings.Builder
				own := &Own{Open: func(context.Context, trace.TracerProvider) (bench.Target, error) {
					return c.open()
				}}
				got, err := open(t.Context(), own, nil, &scenarios.Cell{}, &notices)
				if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) ||
					(got != nil) != (c.err == "") {
					t.Errorf("%v, %v", got, err)
				}
				synctest.Wait() // a goroutine of its own writes the notice
				if (notices.Len() > 0) != (c.notice != "") || !strings.Contains(notices.String(), c.notice) {
					t.Errorf("notice %q, want %q", notices.String(), c.notice)
				}
			})
		})
	}
}
