package peers

import "slices"

// A Fault is a rule of package quantiletest that an arm breaks.
type Fault struct {
	Arm, Rule string
	// Why describes what the library does instead.
	Why string
}

// Known returns the faults of the arms, measured with the claims in their comments. A test runs the rules for
// every arm and compares: a fault that appears or disappears with a new version must be changed here.
func Known() []Fault { return slices.Clone(known) }

var known = []Fault{
	{"ddsketch", "one-value", "it returns the middle of a bucket: 49,529 ns for the single value 50,001 ns"},
	{"ddsketch", "monotone", "it returns the middle of a bucket, which may exceed the maximum by up to 1 %"},
	{"ddsketch", "ranks",
		"its rank is q*(n-1), counted from 0: with few values it may return the value below the nearest rank"},
	{"ddsketch", "doubled", "its rank, as above: with two copies of 16 values the estimate is one value off"},
	{"hdrhistogram-go", "one-value",
		"it returns the ends of a bucket: for the single value 50,001 ns, 49,984 ns at q = 0 and 50,015 ns elsewhere"},
	{"hdrhistogram-go", "huge", "a value beyond the range is refused and lost"},
	{"hdrhistogram-go", "outliers", "lost values have no rank, so the quantiles of the others are lower"},
	{"hdrhistogram-go", "monotone",
		"it returns the upper end of a bucket, which may exceed the maximum by up to 0.1 %"},
	{"hdrhistogram-go", "ranks",
		"its rank is q*n rounded: with few values it may return the value below the nearest rank"},
	{"hdrhistogram-go", "doubled", "its rank, as above: with two copies of 16 values the estimate is one value off"},
	{"perks", "claims", "if values fall over time, the rank error of p50 is up to 6.1 %, and 5 % is claimed"},
	{"perks", "claims-merged",
		"its Merge, which is documented to be broken: the rank error of p50 is up to 12.5 %, and 5 % is claimed"},
	{"perks", "merge-order", "its Merge, as above"},
	{"otel-exponential", "merge-empty",
		"an empty histogram has the scale 0, and merging takes the lower scale, with buckets a factor of 2 wide"},
	{"prometheus-classic", "one-value",
		"it interpolates linearly from 0 to 5 ms: the median of the single value 50,001 ns is 2.5 ms"},
	{"prometheus-classic", "negative-is-zero",
		"zero is in the bucket up to 5 ms: the median of a single zero is 2.5 ms"},
	{"prometheus-classic", "huge", "above the last bound, 10 s, it returns that bound"},
	{"prometheus-classic", "monotone",
		"estimates are limited to the bounds of the bucket, not to the extremes of the values"},
	{"prometheus-native", "one-value",
		"a bucket is 9 % wide: for the single value 50,001 ns it returns 47,065 ns and more"},
	{"prometheus-native", "monotone", "the ends of the outermost buckets exceed the extremes by up to 9 %"},
}
