package results

// Exported is what an arm exported in its visits at one level.
type Exported struct {
	Exports
	Calls uint64 // calls that the service got, in the warm-up too
}

// A Difference tells how what two arms export differs.
type Difference int

const (
	Silent    Difference = iota // Silent: neither exports anything, so their exports tell nothing about the arms.
	Same                        // Same: both export the same, so what their arms differ in has no effect.
	Different                   // Different: they do not export the same.
)

// String returns the name of a difference. That of Same is what results say about such arms.
func (d Difference) String() string {
	switch d {
	case Silent:
		return "silent"
	case Same:
		return ArmWithoutEffect
	}
	return "different"
}

const (
	sameItems = 0.02 // the numbers of items of arms that export the same differ by less than this share
	sameSizes = 0.05 // the sizes of an item of arms that export the same differ by less than this share
)

// EffectOf compares what two arms export: for each signal the items per call, and the bytes per item. Arms that differ
// by a few percent are the same, since the last of the spans may get lost when a service stops. The number of points
// follows the time of a visit rather than its calls, and may differ by one more export.
func EffectOf(a, b Exported) Difference {
	if a.Calls == 0 || b.Calls == 0 { // compare what they export in all
		a.Calls, b.Calls = 1, 1
	}
	difference := Silent
	for _, signal := range []struct {
		x, y    Signal
		exports float64 // by how many exports they may differ
	}{
		{a.Traces, b.Traces, 0},
		{a.Logs, b.Logs, 0},
		{a.Metrics, b.Metrics, 1},
	} {
		x, y := signal.x, signal.y
		if x.Items == 0 && y.Items == 0 {
			continue
		}
		slack := signal.exports * max(x.perRequest(), y.perRequest()) / float64(min(a.Calls, b.Calls))
		if x.Items == 0 || y.Items == 0 || !alike(x.perCall(a), y.perCall(b), sameItems, slack) ||
			!alike(x.size(), y.size(), sameSizes, 0) {
			return Different
		}
		difference = Same
	}
	return difference
}

// alike reports whether two numbers differ by less than a share of the larger, and some slack.
func alike(x, y, share, slack float64) bool {
	low, high := min(x, y), max(x, y)
	return high-low <= share*high+slack
}

// perCall returns the number of items for each call of an arm.
func (s Signal) perCall(a Exported) float64 { return float64(s.Items) / float64(a.Calls) }

// perRequest returns the number of items in an export.
func (s Signal) perRequest() float64 { return float64(s.Items) / float64(max(s.Requests, 1)) }

// size returns the bytes of an item, with its share of what is around it.
func (s Signal) size() float64 { return float64(s.Bytes) / float64(s.Items) }
