package capacity

import (
	"fmt"
	"math"
	"time"
)

// Little checks Little's law, L = lambda W (Little, A Proof for the Queuing Formula,
// 1961), by a number of calls in flight that was counted independently of latency: the
// mean of samples, with its standard error. Rate is in calls a second, that ended, and
// latency their mean. An error is a fault of loadgen, or of the count: no load and no
// target can break the law, but for calls that are in flight at either end.
//
// A sample that is off by less than four standard errors, a twentieth, or the calls
// in flight at the end, agrees.
func Little(inFlight, standardError, rate float64, latency time.Duration, atEnds float64, elapsed time.Duration) error {
	want := rate * latency.Seconds()
	ends := atEnds * latency.Seconds() / max(elapsed.Seconds(), 1e-9)
	if off := math.Abs(inFlight - want); off > max(4*standardError, 0.05*want, 0.01)+ends {
		return fmt.Errorf("by Little's law %.3g calls in flight do not agree with %.4g/s of %v each, which are %.3g (a fault of loadgen; please report it)",
			inFlight, rate, latency.Round(time.Microsecond), want)
	}
	return nil
}
