package shop

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestASlowStepTakesLongerUnlessTheClientHasGone(t *testing.T) {
	late, err := parseSlow("place order=5ms")
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		for _, row := range []struct {
			ctx  context.Context
			want time.Duration
		}{{t.Context(), 5 * time.Millisecond}, {gone, 0}} {
			began, ran := time.Now(), false
			run := late.delay(func(context.Context) error { ran = true; return nil })
			if err := run(row.ctx); err != nil || !ran || time.Since(began) != row.want {
				t.Errorf("it ran: %v, after %v, %v: want %v", ran, time.Since(began), err, row.want)
			}
		}
	})
}
