// Package capacity searches for the highest rate at which a target keeps its objectives,
// and says how sure that is.
//
// A Search is a state machine without a clock: Next says which probe to make, Done when one
// has shown enough, Add takes in what came of it, Answer says what all of it tells.
//
// It doubles the rate from one that holds until one fails, and bisects. The evidence of all
// probes at a rate is pooled, a probe has one bounded vote however bad it looks, and the
// bracket is worked out anew from all votes each time: what a stall has shown is outvoted
// and not believed for ever. An end of the bracket that failed is probed again before it is relied on.
//
// Near the boundary the margin is taken for a straight line over the logarithm of the rate.
// Its steepness is the median over pairs of probes (Theil and Sen). With it each probe
// says where the margin is 0, and the capacity is the location of what they say by Tukey's
// biweight, which leaves out what lies far off: a probe that was disturbed. Probes are made to
// both sides until the interval is as narrow as asked. Then one three times as
// long is made at the low end of the interval. If that fails, it is evidence as any other,
// and the next is made lower down.
package capacity
