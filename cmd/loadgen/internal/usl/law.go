// Package usl fits the Universal Scalability Law to throughputs that were measured at several degrees of concurrency:
//
//	X(N) = lambda N / (1 + sigma (N-1) + kappa N (N-1))
//
// N is the number of workers or of processors (GOMAXPROCS), and X is calls per second. Lambda is the throughput of one
// worker, sigma the share of the work that is serial (contention), and kappa the cost of agreement for each pair of
// workers (coherency). If kappa is above 0 there is a peak, beyond which more workers have less throughput.
//
// Sources: N. Gunther, A Simple Capacity Model of Massively Parallel Transaction Systems, CMG 1993, and Guerrilla
// Capacity Planning, Springer 2007, chapters 4 to 6; B. Schwartz, Practical Scalability Analysis with the Universal
// Scalability Law, 2015, for latency by Little's law.
package usl

import "math"

// A Law is one curve. Lambda is above 0, in calls per second. Sigma and Kappa are at least 0 and have no unit. Its
// methods are cheap, and safe for concurrent use.
type Law struct {
	Lambda float64 `json:"lambda"`
	Sigma  float64 `json:"sigma"`
	Kappa  float64 `json:"kappa"`
}

// slowdown returns the factor by which a call takes longer at n than alone.
func (l Law) slowdown(n float64) float64 { return 1 + l.Sigma*(n-1) + l.Kappa*n*(n-1) }

// Throughput returns X(n), in calls per second, for n of at least 1.
func (l Law) Throughput(n float64) float64 { return l.Lambda * n / l.slowdown(n) }

// Latency returns how long a call takes at n, in seconds: n/X(n), by Little's law. It counts from when a worker takes
// the call, since there is no queue before the workers.
func (l Law) Latency(n float64) float64 { return l.slowdown(n) / l.Lambda }

// Peak returns the n with the greatest throughput, sqrt((1-sigma)/kappa), and the throughput there. N is 1 if more
// workers never have more throughput. If there is no peak, since kappa = 0, n is +Inf, and x is the limit of
// throughput: lambda/sigma, which may be +Inf too.
func (l Law) Peak() (n, x float64) {
	switch {
	case l.Sigma >= 1:
		return 1, l.Lambda
	case l.Kappa == 0:
		return math.Inf(1), l.Lambda / l.Sigma
	}
	n = max(1, math.Sqrt((1-l.Sigma)/l.Kappa))
	return n, l.Throughput(n)
}
