package visit

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/bench/schedule"
	"github.com/loadgen-go/loadgen/scenarios"
)

// A closing is a target with a Close.
type closing struct {
	bench.TargetFunc
	close func() error
}

func (c closing) Close() error { return c.close() }

// A notebook is a text that several goroutines may write to.
type notebook struct {
	mu   sync.Mutex
	text strings.Builder
}

func (n *notebook) Write(p []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.text.Write(p)
}

func (n *notebook) String() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.text.String()
}

func TestATargetIsClosedInTimeOrThatIsTold(t *testing.T) {
	const never = time.Hour
	after := func(d time.Duration, err error) func() error {
		return func() error { time.Sleep(d); return err }
	}
	for _, c := range []struct {
		name      string
		close     func() error
		interrupt time.Duration // after so long
		took      time.Duration
		err, told string
	}{
		{"at once", after(0, nil), never, 0, "", ""},
		{"with an error", after(0, errors.New("broken pipe")), never, 0, "closing the target: broken pipe",
			"loadgen visit: spans=sdk/qps=100: closing the target: broken pipe\n"},
		{"with a panic", func() error { panic("kaboom") }, never, 0,
			"closing the target: the target panicked: kaboom, at /",
			"close_internal_test.go:"},
		{"never, as it ends its goroutine", func() error { runtime.Goexit(); return nil }, never, 0, "runtime.Goexit",
			"runtime.Goexit"},
		{"in six seconds", after(6*time.Second, nil), never, 6 * time.Second, "",
			"loadgen visit: spans=sdk/qps=100: the target's Close has not returned for 5s\n"},
		{"in a minute", after(time.Minute, nil), never, 10 * time.Second,
			"has not returned for 10s and is not awaited",
			"has not returned for 10s"},
		{"after an interrupt, in time", after(time.Second-1, nil), 0, time.Second - 1, "", ""},
		{"after an interrupt, too late", after(time.Minute, nil), 0, time.Second, "has not returned for 1s",
			"has not returned for 1s"},
		{"and is interrupted", after(time.Minute, nil), 3 * time.Second, 4 * time.Second, "has not returned for 4s",
			"has not returned for 4s"},
		{"and is interrupted near the end", after(time.Minute, nil), 9500 * time.Millisecond, 10 * time.Second,
			"has not returned for 10s", "has not returned for 10s"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), c.interrupt)
				defer cancel()
				var told notebook
				cell := scenarios.Cell{Level: scenarios.Level{QPS: rate(t, "100")}}.With(scenarios.Spans, "sdk")
				began := time.Now()
				err := closeTarget(ctx, closing{close: c.close}, 0, &cell, &told)
				if took := time.Since(began); took != c.took {
					t.Errorf("it took %v, want %v", took, c.took)
				}
				if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
					t.Errorf("%v, want %q", err, c.err)
				}
				time.Sleep(never) // until Close has returned
				synctest.Wait()   // for the notice, which is written by a goroutine of its own
				if (told.String() != "") != (c.told != "") || !strings.Contains(told.String(), c.told) {
					t.Errorf("told %q, want %q", told.String(), c.told)
				}
			})
		})
	}
}

func TestATargetWithoutACloseIsNotClosed(t *testing.T) {
	var told strings.Builder
	target := bench.TargetFunc(func(context.Context, string) error { return nil })
	if err := closeTarget(t.Context(), target, 3, &scenarios.Cell{}, &told); err != nil || told.Len() > 0 {
		t.Errorf("%v, told %q", err, told.String())
	}
}

// What happens next may be because of these calls.
func TestThatCallsMayStillBeInATargetThatIsClosedIsLogged(t *testing.T) {
	var told strings.Builder
	broken := errors.New("broken pipe")
	target := closing{close: func() error { told.WriteString("Close\n"); return broken }}
	cell := scenarios.Cell{Level: scenarios.Level{QPS: rate(t, "100")}}.With(scenarios.Spans, "sdk")
	err := closeTarget(t.Context(), target, 3, &cell, &told)
	if !errors.Is(err, broken) {
		t.Error(err)
	}
	const want = "spans=sdk/qps=100: the target is closed, and may still have 3 of its calls, which were given up\n" +
		"Close\nloadgen visit: spans=sdk/qps=100: closing the target: broken pipe\n"
	if got := told.String(); got != want {
		t.Errorf("told %q, want %q", got, want)
	}
	const detail = "closing the target: broken pipe (3 calls, which were given up, may still have been in it): what " +
		"it left behind may disturb the visits after this one; mend its Close"
	if r := notClosed(err, 3); len(r) != 1 || r[0].Name != "not-closed" || r[0].Detail != detail {
		t.Errorf("%+v", r)
	}
}

func rate(t *testing.T, text string) schedule.Rate {
	t.Helper()
	r, err := schedule.ParseRate(text)
	if err != nil {
		t.Fatal(err)
	}
	return r
}
