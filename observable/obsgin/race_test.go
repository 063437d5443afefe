//go:build race

package obsgin_test

const raceEnabled = true
