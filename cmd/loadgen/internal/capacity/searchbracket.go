package capacity

import "math"

// A bracket is a rate that held and a higher rate that failed, as logarithms of the ratio to Options.Start.
// A rate holds if its first visit holds, or if two of three visits do. It fails if two of three visits fail, so that
// one disturbed visit does not decide.
type bracket struct {
	least, most  float64
	low, high    float64 // infinite if there is none yet
	at           float64 // the rate to probe
	done         bool
	limited      bool    // whether the generator, and not the target, failed at high
	narrow       float64 // width down to which a limited bracket is halved
	held, failed int     // visits at the rate
	silent       int     // probes in a row that said nothing about the target
	unreached    int     // rates at which all probes said nothing
}

// again is how many probes in a row may say nothing about the target before the search gives up on their step.
const again = 5

// mostUnreached is how many rates may be unreached before one holds. Then the machine is too noisy for any rate.
const mostUnreached = 3

// newBracket returns a bracket without evidence.
func newBracket(o *Options) bracket {
	return bracket{
		least: o.log(o.Least), most: o.log(o.Most), low: math.Inf(-1), high: math.Inf(1), narrow: 4 * o.Precision,
	}
}

// add adds the result of a probe.
func (b *bracket) add(e *Evidence) {
	first := b.held+b.failed == 0
	switch {
	case b.done:
		return
	case !e.Telling():
		if b.silent++; b.silent < again {
			return
		}
		b.high, b.limited = b.at, true
		b.unreached++
	case e.Held():
		b.silent = 0
		if b.held++; !first && b.held < 2 {
			return
		}
		b.low = b.at
	default:
		b.silent = 0
		if b.failed++; b.failed < 2 {
			return
		}
		b.high, b.limited = b.at, false
	}
	b.held, b.failed, b.silent = 0, 0, 0
	b.move()
}

// move chooses the next rate.
func (b *bracket) move() {
	switch {
	case math.IsInf(b.high, 1):
		b.done = b.low >= b.most
		b.at = min(b.low+math.Ln2, b.most)
	case math.IsInf(b.low, -1):
		b.done = b.high <= b.least || b.unreached >= mostUnreached
		b.at = max(b.high-math.Ln2, b.least)
	case b.limited:
		b.done = b.high-b.low <= b.narrow
		b.at = (b.low + b.high) / 2
	default:
		b.done = true
	}
}

// closed reports whether a rate held and a higher one failed.
func (b *bracket) closed() bool {
	return b.done && !b.limited && !math.IsInf(b.low, -1) && !math.IsInf(b.high, 1)
}
