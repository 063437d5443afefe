// Package capacity searches for the highest rate at which a target meets its objectives,
// with an interval.
//
// A rate holds in a visit if the visit as a whole meets its objectives, as package bench judges them, and the
// target kept up and was steady. The capacity is the rate at which half of the visits hold. It depends on the
// length of a visit, which is the length of a probe. One probe is one visit with one result: the rate held or
// did not. A probe may end early if it is certain to miss its objectives, which does not change the result. It
// never ends early because it seems to hold, since a stall may still follow. If the generator was late or the
// machine too noisy, a probe says nothing about the target. It is counted and repeated.
//
// A Search is a state machine without a clock. Next returns the next probe, Add adds the result of a probe, and
// Answer returns what the results show. For each arm the search
//
//   - doubles the rate until it fails, or halves it until it holds (bracket);
//   - visits rates on both sides of the capacity until its interval is as narrow as
//     requested (refine, curve). The chance to hold is modelled as a falling curve over the logarithm of the rate,
//     with unknown location, steepness and upper end;
//   - makes six visits in succession at a rate where nearly all visits should hold (confirm). If a visit does not
//     hold, it goes on with a lower rate and more visits. The confirmed rate is the rate to rely on;
//   - returns to a low rate that held if all later probes fail (recheck), since a target may stay broken
//     after an overload.
package capacity
