package observable

import (
	"sync"
	"testing"
	"time"

	"github.com/loadgen-go/loadgen/observable/internal/clock"
)

// Concurrent calls may call account.begin in any order.
func TestTheFirstAndTheLatestCallAreByWhenTheyBegan(t *testing.T) {
	for name, begins := range map[string][]time.Duration{
		"in order":          {0, 5},
		"in reverse":        {5, 0},
		"in mixed order":    {3, 0, 5, 4},
		"two at one moment": {5, 3, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			var a account
			var s Stats
			for _, begun := range begins {
				a.begin(begun)
			}
			a.read(&s)
			if !s.FirstCall.Equal(clock.Time(0)) || !s.LastCall.Equal(clock.Time(5)) {
				t.Errorf("calls began at %v: first %v, last %v", begins, clock.Of(s.FirstCall), clock.Of(s.LastCall))
			}
		})
	}
}

func TestATallyGoesOnWhenItsWordIsFull(t *testing.T) {
	const full = 1 << (64 - flightBits)
	var c tally
	c.word.Store((full-2)<<flightBits | 1) // one call is in flight
	for i := range uint64(4) {
		c.begin()
		if calls, inFlight, most := c.read(); calls != full-1+i || inFlight != int64(i)+2 || most != inFlight {
			t.Errorf("after %d more: %d calls, %d in flight, %d at most", i+1, calls, inFlight, most)
		}
	}
	for range 5 {
		c.end()
	}
	if calls, inFlight, most := c.read(); calls != full+2 || inFlight != 0 || most != 5 {
		t.Errorf("at the end: %d calls, %d in flight, %d at most", calls, inFlight, most)
	}
}

func TestATallyIsExactUnderConcurrency(t *testing.T) {
	const goroutines, each = 4, 1000
	var c tally
	var wg sync.WaitGroup
	for range goroutines {
		wg.Go(func() {
			for range each {
				c.begin()
				if _, inFlight, most := c.read(); inFlight < 1 || inFlight > goroutines || most < inFlight {
					t.Errorf("%d in flight, %d at most", inFlight, most)
				}
				c.end()
			}
		})
	}
	wg.Wait()
	if calls, inFlight, most := c.read(); calls != goroutines*each || inFlight != 0 || most > goroutines {
		t.Errorf("%d calls, %d in flight, %d at most", calls, inFlight, most)
	}
}

func TestTheMostInFlightIsNeverLessThanThoseInFlight(t *testing.T) {
	var c tally
	c.word.Store(2<<flightBits | 2) // two calls are in flight, and neither has raised most yet
	if _, inFlight, most := c.read(); inFlight != 2 || most != 2 {
		t.Errorf("%d in flight, %d at most", inFlight, most)
	}
}
