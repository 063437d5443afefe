package capacity

import "math"

// A curve is what visits tell of the chance that a visit holds, by the logarithm x of its rate:
//
//	(1 - lapse) / (1 + (1 - 2 lapse) exp((x-capacity)/scale))
//
// It is 1/2 at the capacity. Scale is how gradually it falls, and lapse is the share of
// visits that fail however low the rate is. All three are unknown: the curve keeps the
// posterior probability of each combination on a grid. Only whether a visit held counts, so
// that nothing is assumed of latencies.
//
// Source: Kontsevich and Tyler, Vision Research 39, 1999, where visits are the answers of an observer.
type curve struct {
	low, step float64   // places of the grid, of the capacity
	places    int       //
	scales    []float64 //
	weights   []float64 // by scale, place and lapse; their sum is 1
	marginal  []float64 // of the capacity, by place
	visits    []visit
}

// A visit is one that tells something of the target.
type visit struct {
	x    float64 // the logarithm of its rate
	held bool
}

const (
	// reach is how far the grid goes to both sides: 1.2 is a factor of 3.3.
	reach = 1.2
	// edge is how near to the end of the grid the capacity may be before the grid is moved.
	edge = 0.4
	// finest is how many places of the grid there are to the precision asked for.
	finest = 8
	// broadest is the largest scale: of such a curve, a tenth of the visits still holds at three times the capacity.
	broadest = 0.5
	// stray is the chance of a visit that the curve does not explain.
	stray = 0.003
)

// lapses are the shares of visits that may fail at any rate, with their prior probabilities.
var (
	lapses      = [...]float64{0.004, 0.05, 0.12, 0.22, 0.33, 0.43}
	lapsePriors = [...]float64{0.5, 0.2, 0.12, 0.08, 0.06, 0.04}
)

// newCurve returns a curve around a middle that knows nothing yet.
func newCurve(middle, precision float64) *curve {
	c := &curve{step: precision / finest}
	for scale := precision / 2; ; scale *= 1.5 {
		c.scales = append(c.scales, min(scale, broadest))
		if scale >= broadest {
			break
		}
	}
	c.places = int(2*reach/c.step) + 1
	c.weights = make([]float64, len(c.scales)*c.places*len(lapses))
	c.marginal = make([]float64, c.places)
	c.reset(middle)
	return c
}

// reset moves the grid, and takes all visits in anew.
func (c *curve) reset(middle float64) {
	c.low = middle - reach
	for i := range c.weights {
		c.weights[i] = lapsePriors[i%len(lapses)]
	}
	c.normalize()
	for _, v := range c.visits {
		c.update(v)
	}
}

// add takes in a visit. The grid follows the capacity.
func (c *curve) add(x float64, held bool) {
	v := visit{x, held}
	c.visits = append(c.visits, v)
	c.update(v)
	if at := c.quantile(0.5); at < c.low+edge || at > c.low+2*reach-edge {
		c.reset(at)
	}
}

// update multiplies the weights by the likelihood of a visit.
func (c *curve) update(v visit) {
	i := 0
	for _, scale := range c.scales {
		for place := range c.places {
			rise := math.Exp((v.x - c.low - float64(place)*c.step) / scale)
			for _, lapse := range lapses {
				likely := stray + (1-2*stray)*(1-lapse)/(1+(1-2*lapse)*rise)
				if !v.held {
					likely = 1 - likely
				}
				c.weights[i] *= likely
				i++
			}
		}
	}
	c.normalize()
}

// normalize makes the sum of the weights 1, and adds them up by place.
func (c *curve) normalize() {
	sum := 0.0
	for _, w := range c.weights {
		sum += w
	}
	clear(c.marginal)
	for i := range c.weights {
		c.weights[i] /= sum
		c.marginal[i/len(lapses)%c.places] += c.weights[i]
	}
}

// quantile returns the logarithm of the rate below which the capacity lies with a probability.
func (c *curve) quantile(probability float64) float64 {
	sum := 0.0
	for place, w := range c.marginal {
		if sum+w >= probability {
			return c.low + c.step*(float64(place)+(probability-sum)/w-0.5)
		}
		sum += w
	}
	return c.low + 2*reach
}

// lapse returns the expected share of visits that fail at any rate.
func (c *curve) lapse() (mean float64) {
	for i, w := range c.weights {
		mean += w * lapses[i%len(lapses)]
	}
	return mean
}

// holding returns the highest rate, as a logarithm, below the capacity at which a share of the
// visits is expected to hold of those that hold at a low rate.
func (c *curve) holding(share float64) float64 {
	low, high := c.low, c.quantile(0.5)
	for high-low > c.step/4 {
		middle := (low + high) / 2
		if c.expected(middle) < share {
			high = middle
		} else {
			low = middle
		}
	}
	return low
}

// expected returns the share of visits at a rate that is expected to hold, of those that hold at a low rate.
func (c *curve) expected(x float64) (share float64) {
	i := 0
	for _, scale := range c.scales {
		for place := range c.places {
			rise := math.Exp((x - c.low - float64(place)*c.step) / scale)
			for _, lapse := range lapses {
				share += c.weights[i] / (1 + (1-2*lapse)*rise)
				i++
			}
		}
	}
	return share
}
