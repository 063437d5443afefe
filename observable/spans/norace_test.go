//go:build !race

package spans_test

const raceEnabled = false
