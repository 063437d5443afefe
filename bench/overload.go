package bench

import (
	"fmt"
	"strconv"
	"strings"
)

// An Overload is a policy for calls that are due while every worker is in the target. Under every
// policy each call is accounted for, and latency starts at the due instant. The zero Overload is
// [Queue].
type Overload struct {
	policy overloadPolicy
	factor float64 // the k of CatchUp
}

type overloadPolicy uint8

const (
	policyQueue overloadPolicy = iota
	policyDrop
	policyCatchUp
)

// Queue lets up to Run.Queue calls wait for a worker, and makes waiting calls as fast as the target
// takes them. Calls that find the queue full are dropped.
var Queue = Overload{}

// Drop lets no call wait. A call that finds every worker busy, or still waiting for the call before,
// is dropped.
var Drop = Overload{policy: policyDrop}

// CatchUp lets calls wait as [Queue] does, but makes waiting calls at no more than k times the rate at
// which they were due, so that a target that comes back from a stall is not flooded. K must be from 1
// to 1000. CatchUp returns no error, so that a call of it can be a field's value; [Overload.Check]
// returns it, and so does [Run.Check].
func CatchUp(k float64) Overload { return Overload{policyCatchUp, k} }

// Overloads returns an example of each policy that [ParseOverload] accepts.
func Overloads() []string { return []string{"queue", "drop", "catch-up(k=2)"} }

// ParseOverload parses a policy: queue, drop, or catch-up with its k, as in catch-up(k=2).
func ParseOverload(text string) (Overload, error) {
	switch text {
	case "queue":
		return Queue, nil
	case "drop":
		return Drop, nil
	}
	fail := func(what string) (Overload, error) {
		return Overload{}, fmt.Errorf("overload policy %q: %s: want one of %s", text, what,
			strings.Join(Overloads(), ", "))
	}
	args, ok := strings.CutPrefix(text, "catch-up(k=")
	if !ok {
		return fail("unknown policy")
	}
	value, ok := strings.CutSuffix(args, ")")
	if !ok {
		return fail("no closing bracket")
	}
	k, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
	o := CatchUp(k)
	if err != nil || o.Check() != nil {
		return fail(fmt.Sprintf("%q is not a number from 1 to %d", value, maxCatchUp))
	}
	return o, nil
}

// String returns the policy in the form that [ParseOverload] parses.
func (o Overload) String() string {
	switch o.policy {
	case policyDrop:
		return "drop"
	case policyCatchUp:
		return fmt.Sprintf("catch-up(k=%v)", o.factor)
	}
	return "queue"
}

const maxCatchUp = 1000

// Check returns an error if the k of [CatchUp] is out of range.
func (o Overload) Check() error {
	if o.policy == policyCatchUp && !(o.factor >= 1 && o.factor <= maxCatchUp) {
		return fmt.Errorf("catch-up(k=%v): k is out of range: want 1 to %d", o.factor, maxCatchUp)
	}
	return nil
}
