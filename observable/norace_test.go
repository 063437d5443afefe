//go:build !race

package observable_test

const raceEnabled = false
