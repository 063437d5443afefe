// Package capacity searches for the highest rate at which a target keeps its objectives,
// and says how sure that is.
//
// A rate holds in a visit if the visit as a whole meets its objectives, as bench judges them, and the
// target kept up and was steady. The capacity is the rate at which half of the visits hold, of the
// length that probes have. One probe is one visit, and says one thing: held or not. It may end early if
// it is certain to miss, which changes nothing, and never because it seems to hold: nothing can exclude a stall
// that has not come yet. A probe at which the generator was late, or the machine too noisy, says nothing of the target:
// it is counted, and made again.
//
// A Search is a state machine without a clock: Next returns which probe to make, Add takes
// in what came of it, Answer returns what all of it tells. For each arm it
//
//   - doubles the rate until it fails, or halves it until it holds (bracket);
//   - visits rates on both sides of the capacity until its interval is as narrow as
//     asked (refine, curve): the chance to hold is a falling curve over the logarithm of the rate, whose
//     place, steepness and upper end are all taken to be unknown;
//   - makes six visits, one after the other, at a rate where nearly all should hold (confirm). If one does not,
//     it goes lower, and asks for more visits. What has passed is told: it is the rate to rely on;
//   - goes back to a low rate that held if all that follows fails (recheck): a target may stay broken
//     after an overload.
package capacity
