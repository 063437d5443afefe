package capacity

import "math"

// A curve estimates the chance that a visit holds, as a function of the logarithm x of its rate:
//
//	(1 - lapse) / (1 + (1 - 2 lapse) exp((x-capacity)/scale))
//
// It is 1/2 at the capacity. Scale is the width of its fall, and lapse is the share of visits that fail however low
// the rate is. All three are unknown, and the curve stores the posterior probability of each combination on a grid.
// It uses only whether visits held, and makes no assumption about the distribution of latencies.
//
// Source: Kontsevich and Tyler, Vision Research 39, 1999, in which a visit is the answer of an observer.
type curve struct {
	low, step float64 // lowest place and distance of places of the grid
	places    int     // number of places of the grid
	scales    []float64
	weights   []float64 // posterior by scale, place and lapse; their sum is 1
	marginal  []float64 // posterior of the capacity, by place
	visits    []visit
}

// A visit is a visit that says something about the target.
type visit struct {
	x    float64 // the logarithm of its rate
	held bool
}

const (
	// reach is how far the grid extends to each side: 1.2 is a factor of 3.3.
	reach = 1.2
	// edge is how close the capacity may come to the end of the grid before the grid is moved.
	edge = 0.4
	// finest is the number of places of the grid per requested precision.
	finest = 8
	// broadest is the largest scale. With it, a tenth of the visits still hold at three times the capacity.
	broadest = 0.5
	// stray is the chance that a visit is not explained by the curve.
	stray = 0.003
)

// lapses are the shares of visits that may fail at any rate, with their prior probabilities.
var (
	lapses      = [...]float64{0.004, 0.05, 0.12, 0.22, 0.33, 0.43}
	lapsePriors = [...]float64{0.5, 0.2, 0.12, 0.08, 0.06, 0.04}
)

// newCurve returns a curve without evidence, whose grid lies around middle.
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

// reset moves the grid, and adds all visits again.
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

// add adds a visit. The grid follows the capacity.
func (c *curve) add(x float64, held bool) {
	v := visit{x, held}
	c.visits = append(c.visits, v)
	c.update(v)
	if capacity := c.quantile(0.5); capacity < c.low+edge || capacity > c.low+2*reach-edge {
		c.reset(capacity)
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

// normalize scales the weights so that their sum is 1, and sums them by place.
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

// quantile returns the logarithm of the rate that the capacity is below with the given probability.
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

// holding returns the highest rate below the capacity, as a logarithm, at which the expected share of visits that
// hold, of those that hold at a low rate, is at least share.
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

// expected returns the expected share of visits that hold at a rate, of those that hold at a low rate.
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
