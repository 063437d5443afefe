package usl

import (
	"math"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/optimize"
)

// A problem is to find the law whose throughputs are nearest to those measured, in the
// sum of squares of ln(measured/law).
//
// Errors of a throughput are in proportion to it, so that the residuals are relative:
// else the points of the greatest throughputs alone would decide. They all have the
// same weight. In logarithms the best lambda is a mean, and only sigma and kappa are
// left to search for.
type problem struct {
	y []float64 // ln(X/N)
	// What sigma and kappa are times, over their means, so that both unknowns are
	// of about one size.
	a, b   []float64
	sa, sb float64
}

func newProblem(points []Point) *problem {
	n := len(points)
	p := &problem{y: make([]float64, n), a: make([]float64, n), b: make([]float64, n)}
	for i, q := range points {
		p.y[i] = math.Log(q.X / q.N)
		p.a[i], p.b[i] = q.N-1, q.N*(q.N-1)
		p.sa, p.sb = p.sa+p.a[i]/float64(n), p.sb+p.b[i]/float64(n)
	}
	for i := range p.a {
		p.a[i], p.b[i] = p.a[i]/p.sa, p.b[i]/p.sb
	}
	return p
}

// residuals writes what is left of each y at (u, v) to r, and returns ln(lambda); false
// where the law has no meaning.
func (p *problem) residuals(r []float64, u, v float64) (lambda float64, ok bool) {
	for i := range p.y {
		slowdown := 1 + u*p.a[i] + v*p.b[i]
		if !(slowdown > 0) {
			return 0, false
		}
		r[i] = p.y[i] + math.Log(slowdown)
		lambda += r[i] / float64(len(r))
	}
	for i := range r {
		r[i] -= lambda
	}
	return lambda, true
}

// A solution is a point of the problem, and half the sum of squares there.
type solution struct {
	u, v, lambda, cost float64
}

func (p *problem) at(u, v float64) solution {
	return p.with(make([]float64, len(p.y)), u, v)
}

// with is at, with a place for residuals.
func (p *problem) with(r []float64, u, v float64) solution {
	lambda, ok := p.residuals(r, u, v)
	s := solution{u, v, lambda, math.Inf(1)}
	if ok {
		s.cost = 0
		for _, x := range r {
			s.cost += x * x / 2
		}
	}
	return s
}

func (p *problem) law(s solution) Law {
	return Law{Lambda: math.Exp(s.lambda), Sigma: s.u / p.sa, Kappa: s.v / p.sb}
}

// solve is the best solution with sigma and kappa of at least 0, searched for from a
// start. If the free minimum is outside, the best lies on the border: with sigma = 0, with
// kappa = 0, or with both, and each is tried.
func (p *problem) solve(u, v float64) solution {
	if free := p.minimize(u, v, true, true); free.u >= 0 && free.v >= 0 {
		return free
	}
	best := p.at(0, 0)
	for _, edge := range []solution{p.minimize(u, 0, true, false), p.minimize(0, v, false, true)} {
		if edge.u >= 0 && edge.v >= 0 && edge.cost < best.cost {
			best = edge
		}
	}
	return best
}

// minimize moves u, v or both to the nearest minimum, below 0 if it is there, by Newton's
// method with the Hessian of Gauss and Newton, which is never indefinite.
func (p *problem) minimize(u, v float64, moveU, moveV bool) solution {
	d := &derivatives{p: p, r: make([]float64, len(p.y)), ja: make([]float64, len(p.y)), jb: make([]float64, len(p.y))}
	var start []float64
	var columns [][]float64
	if moveU {
		start, columns = append(start, u), append(columns, d.ja)
	}
	if moveV {
		start, columns = append(start, v), append(columns, d.jb)
	}
	full := func(x []float64) (float64, float64) {
		switch {
		case moveU && moveV:
			return x[0], x[1]
		case moveU:
			return x[0], v
		}
		return u, x[0]
	}
	result, _ := optimize.Minimize(optimize.Problem{
		Func: func(x []float64) float64 { u, v := full(x); return p.with(d.r, u, v).cost },
		Grad: func(grad, x []float64) {
			u, v := full(x)
			d.at(u, v)
			for k, c := range columns {
				grad[k] = dot(c, d.r)
			}
		},
		Hess: func(hess *mat.SymDense, x []float64) {
			u, v := full(x)
			d.at(u, v)
			for k, c := range columns {
				for l := k; l < len(columns); l++ {
					hess.SetSym(k, l, dot(c, columns[l]))
				}
			}
		},
	}, start, &optimize.Settings{
		GradientThreshold: 1e-11,
		MajorIterations:   100,
		Converger:         &optimize.FunctionConverge{Relative: 1e-9, Iterations: 2},
	}, &optimize.Newton{Linesearcher: &optimize.Backtracking{}})
	// Its error is that it can go no further, which at a minimum is so by rounding. A
	// bad place is a poor fit, and that is looked at.
	if result == nil {
		return p.at(u, v)
	}
	return p.at(full(result.X))
}

// derivatives are the residuals of a problem at a place, and how they change with u and v.
type derivatives struct {
	p         *problem
	r, ja, jb []float64
}

func (d *derivatives) at(u, v float64) {
	d.p.residuals(d.r, u, v)
	var ma, mb float64
	n := float64(len(d.r))
	for i := range d.r {
		slowdown := 1 + u*d.p.a[i] + v*d.p.b[i]
		d.ja[i], d.jb[i] = d.p.a[i]/slowdown, d.p.b[i]/slowdown
		ma, mb = ma+d.ja[i]/n, mb+d.jb[i]/n
	}
	for i := range d.r {
		d.ja[i] -= ma
		d.jb[i] -= mb
	}
}

func dot(a, b []float64) (sum float64) {
	for i := range a {
		sum += a[i] * b[i]
	}
	return sum
}
