package usl

import (
	"math"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/optimize"
)

// A problem is to find the law that minimizes the sum of squares of ln(measured/law).
//
// Errors of a throughput are proportional to it, so residuals are relative, and all have the same weight. Otherwise
// only the points with the greatest throughputs would decide. In logarithms the best lambda is a mean, so only sigma
// and kappa need a search.
type problem struct {
	y []float64 // ln(X/N)
	// The coefficients of sigma and kappa, divided by their means sa and sb. The unknowns are u = sigma*sa and
	// v = kappa*sb, which are of similar size.
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

// residuals sets r to the residuals at (u, v), and returns ln(lambda). It returns false where the law is not defined.
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

// A solution is a point (u, v) of the problem.
type solution struct {
	u, v   float64
	lambda float64 // its logarithm
	cost   float64 // half the sum of squares
}

// at returns the solution at (u, v).
func (p *problem) at(u, v float64) solution {
	return p.with(make([]float64, len(p.y)), u, v)
}

// with is like at, but uses r for the residuals.
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

// solve returns the best solution with sigma and kappa of at least 0. The search starts at (u, v). If the free minimum
// is outside, the best solution is on the border: solve tries sigma = 0, kappa = 0, and both.
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

// minimize moves u, v or both to the nearest minimum, which may be below 0. It uses Newton's method with the
// Gauss-Newton Hessian, which is never indefinite.
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
	point := func(x []float64) (float64, float64) {
		switch {
		case moveU && moveV:
			return x[0], x[1]
		case moveU:
			return x[0], v
		}
		return u, x[0]
	}
	result, _ := optimize.Minimize(optimize.Problem{
		Func: func(x []float64) float64 { u, v := point(x); return p.with(d.r, u, v).cost },
		Grad: func(grad, x []float64) {
			u, v := point(x)
			d.at(u, v)
			for k, c := range columns {
				grad[k] = dot(c, d.r)
			}
		},
		Hess: func(hess *mat.SymDense, x []float64) {
			u, v := point(x)
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
	// The error says that it cannot improve further, which rounding causes at every minimum. A bad result is a poor
	// fit, which is judged later.
	if result == nil {
		return p.at(u, v)
	}
	return p.at(point(result.X))
}

// derivatives holds the residuals of a problem at a point, and their derivatives by u and v.
type derivatives struct {
	p         *problem
	r, ja, jb []float64
}

// at computes d at (u, v).
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
