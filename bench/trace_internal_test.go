package bench

import (
	"testing"
	"time"
)

func TestTheTraceKeepsTheFirstCallsOfEveryPart(t *testing.T) {
	for _, perSecond := range []int{100, 1024 * 4, 100_000} {
		const duration = 8 * time.Second
		tr := newTrace(duration)
		for n := range perSecond * 8 {
			due := time.Duration(n) * time.Second / time.Duration(perSecond)
			if tr.wants(due) {
				tr.add(&call{n: uint64(n), due: due, ideal: due, begun: due + 5, ended: due + 7})
			}
		}
		rows, calls := tr.rows(), 0
		for _, row := range rows {
			calls += len(row)
			for i := range row {
				if c := row[i]; i > 0 && c.N != row[i-1].N+1 || c.Released != c.Due+5 {
					t.Fatalf("%d/s: %+v", perSecond, c)
				}
			}
		}
		want, wantRows := min(perSecond*8, traceParts*traceRow), traceParts
		if perSecond*8 <= traceParts*traceRow { // without a gap
			wantRows = 1
		}
		if calls != want || len(rows) != wantRows {
			t.Errorf("%d/s: %d calls in %d rows, want %d in %d", perSecond, calls, len(rows), want, wantRows)
		}
	}
	full := newTrace(1)
	for n := range uint64(2 * len(full.calls)) {
		full.add(&call{n: n})
	}
	if rows := full.rows(); len(rows) != 1 || len(rows[0]) != len(full.calls) {
		t.Errorf("more calls than there is room for make %d rows", len(rows))
	}
}
