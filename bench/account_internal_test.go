package bench

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/loadgen-go/loadgen/bench/pace"
	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/bench/schedule"
)

// accounted returns the parts of a run in virtual time, with 90 calls done, 10 that fail and 10 that are
// dropped, before the record is made.
func accounted(t *testing.T) (*crew, *recorder, outcome) {
	t.Helper()
	a, err := schedule.Constant(schedule.PerSecond(1000), 110*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	c := newCrew(t.Context(), &Run{Arrivals: a, Workers: 1, Overload: Drop, Pace: pace.Sleep,
		Window: 10 * time.Millisecond,
		Target: TargetFunc(func(context.Context, string) error {
			if n++; n%10 == 5 {
				time.Sleep(1500 * time.Microsecond) // one call is dropped
				return io.EOF
			}
			time.Sleep(500 * time.Microsecond)
			return nil
		})})
	c.start()
	c.wait()
	return c, c.total(), c.queue.outcome(110 * time.Millisecond)
}

func TestAnAccountThatDoesNotAddUpIsAnErrorThatSaysWhere(t *testing.T) {
	for name, c := range map[string]struct {
		before func(r *recorder, o *outcome) // the record is made
		after  func(r *record.Record)
		want   string // "" if all is well
	}{
		"untouched": {},
		"a call is lost": {before: func(_ *recorder, o *outcome) { o.offered++ },
			want: "111 calls were offered, and 110 are accounted for"},
		"a call is counted twice": {before: func(_ *recorder, o *outcome) { o.offered-- },
			want: "109 calls were offered, and 110 are accounted for"},
		"a drop is lost": {before: func(_ *recorder, o *outcome) { o.dropped-- },
			want: "110 calls were offered, and 109 are accounted for"},
		"a missed call is invented": {before: func(_ *recorder, o *outcome) { o.missed++ },
			want: "110 calls were offered, and 111 are accounted for"},
		"a failure is lost": {after: func(r *record.Record) { r.Failed-- },
			want: "110 calls were offered, and 109 are accounted for"},
		"a call is done twice": {before: func(r *recorder, _ *outcome) { r.latency.Add(time.Millisecond) },
			want: "91 calls were done, and the service time of 90 is known"},
		"a service time too many": {before: func(r *recorder, _ *outcome) { r.service.Add(0) },
			want: "90 calls were done, and the service time of 91 is known"},
		"a queue lag too many": {before: func(r *recorder, _ *outcome) { r.lags.queue.Add(0) },
			want: "100 calls were begun, and the lag of 101 is known"},
		"a generator lag too many": {before: func(r *recorder, _ *outcome) { r.lags.generator.Add(0) },
			want: "100 calls were begun, and the lag of 101 is known"},
		"a call is due later": {before: func(_ *recorder, o *outcome) { o.dueSum++ },
			want: "Little's law: the calls spent"},
		"a call ends later": {before: func(r *recorder, _ *outcome) { r.endedSum++ },
			want: "Little's law: the calls spent"},
		"a latency is longer": {before: func(r *recorder, _ *outcome) { r.latencySum++ },
			want: "Little's law: the calls spent"},
		"the histogram says otherwise": {before: func(r *recorder,
			_ *outcome) {
			r.latencySum += 1e6
			r.endedSum += 1e6
		}, want: "Little's law: the histograms of latency " +
			"hold"},
		"a window is lost": {after: func(r *record.Record) { r.Windows = r.Windows[1:] },
			want: "110 calls were offered, and the windows hold 100"},
		"a call is in no window": {after: func(r *record.Record) { r.Windows[3].Offered-- },
			want: "110 calls were offered, and the windows hold 109"},
		"a call is in the windows for it": {after: func(r *record.Record) { r.Windows[3].Offered++ },
			want: "110 calls were offered, and the windows hold 111"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				crew, all, o := accounted(t)
				if c.before != nil {
					c.before(all, &o)
				}
				r := newRecord(crew, all, o)
				if c.after != nil {
					c.after(r)
				}
				err := checkAccount(r, all, o)
				if account := (*AccountError)(nil); c.want == "" && err != nil || c.want != "" &&
					(!errors.As(err, &account) || !strings.Contains(err.Error(), c.want) ||
						!strings.Contains(err.Error(), "a fault of loadgen")) {
					t.Errorf("%s: %v; want %q", name, err, c.want)
				}
			})
		})
	}
}
