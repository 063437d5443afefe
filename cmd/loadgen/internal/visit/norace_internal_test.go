//go:build !race

package visit

const raceEnabled = false
