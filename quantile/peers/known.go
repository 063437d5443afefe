package peers

// A Fault is a rule of package quantiletest that an arm breaks.
type Fault struct {
	Arm, Rule string
	// Why says what the library does instead.
	Why string
}

// Known are the faults of the arms, measured with the claims that their comments
// tell. A test runs the rules over every arm and compares: one that goes away with a
// new version, or comes, has to be entered here.
var Known = []Fault{
	{"ddsketch", "one-value", "the middle of a bucket: of 50,001 ns alone it answers 49,529 ns"},
	{"ddsketch", "monotone", "the middle of a bucket may lie past the maximum, by 1 % at most"},
	{"ddsketch", "ranks",
		"its rank is q*(n-1), counted from 0: of few values it answers the one below the nearest rank"},
	{"ddsketch", "doubled", "its rank, as above: of 16 values twice it is one value off"},
	{"hdrhistogram-go", "one-value",
		"the ends of a bucket: of 50,001 ns alone 49,984 ns at q = 0, 50,015 ns elsewhere"},
	{"hdrhistogram-go", "huge", "a value past the range is refused and lost"},
	{"hdrhistogram-go", "outliers", "of those lost no rank is counted, so that the quantiles of the others are lower"},
	{"hdrhistogram-go", "monotone", "the upper end of a bucket may lie past the maximum, by 0.1 % at most"},
	{"hdrhistogram-go", "ranks", "its rank is q*n rounded: of few values it answers the one below the nearest rank"},
	{"hdrhistogram-go", "doubled", "its rank, as above: of 16 values twice it is one value off"},
	{"perks", "claims", "values that arrive from the longest to the shortest: p50 is up to 6.1 % of the ranks off, " +
		"of 5 % claimed"},
	{"perks", "claims-merged",
		"its Merge, which says that it is broken: p50 is up to 12.5 % of the ranks off, of 5 % claimed"},
	{"perks", "merge-order", "its Merge, as above"},
	{"otel-exponential", "merge-empty",
		"an empty histogram says that its scale is 0, and merging takes the lower scale: buckets a factor of 2 wide"},
	{"prometheus-classic", "one-value", "linear interpolation from 0 to 5 ms: of 50,001 ns alone the median is 2.5 ms"},
	{"prometheus-classic", "negative-is-zero", "zero is in the bucket up to 5 ms: of zero alone the median is 2.5 ms"},
	{"prometheus-classic", "huge", "past the last bound, 10 s, the answer is that bound"},
	{"prometheus-classic", "monotone", "answers are bounded by those of the bucket, not by the values"},
	{"prometheus-native", "one-value", "a bucket is 9 % wide: of 50,001 ns alone it answers 47,065 ns and up"},
	{"prometheus-native", "monotone", "the ends of the outermost buckets lie past the extremes, by 9 % at most"},
}
