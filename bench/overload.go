package bench

import (
	"fmt"
	"strconv"
	"strings"
)

// An Overload says what becomes of the calls that are due while every worker is in
// the target. Whatever it says, every call is accounted for, and latency counts
// from the instant it was due. The zero Overload is [Queue].
type Overload struct {
	policy overloadPolicy
	factor float64 // of CatchUp
}

type overloadPolicy uint8

const (
	policyQueue overloadPolicy = iota
	policyDrop
	policyCatchUp
)

// Queue lets calls wait for a worker, as many as Run.Queue has room for, and makes
// those that wait one after another as fast as the target takes them. Calls that
// find no room are dropped.
var Queue = Overload{}

// Drop lets no call wait: one that finds every worker busy, or not yet back from
// waiting for the call before, is dropped.
var Drop = Overload{policy: policyDrop}

// CatchUp lets calls wait as [Queue] does, but makes those that have waited at k
// times the rate at which they were due at the most, so that a target which has
// stalled is not flooded when it comes back. K is 1 or more.
func CatchUp(k float64) Overload { return Overload{policyCatchUp, k} }

// Overloads are an example of each policy.
func Overloads() []string { return []string{"queue", "drop", "catch-up(k=2)"} }

// ParseOverload reads queue, drop or catch-up(k=2).
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
		return fail("it is unknown")
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

// String returns the text that [ParseOverload] reads.
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

func (o Overload) Check() error {
	if o.policy == policyCatchUp && !(o.factor >= 1 && o.factor <= maxCatchUp) {
		return fmt.Errorf("catches up %v times as fast: want 1 to %d", o.factor, maxCatchUp)
	}
	return nil
}
