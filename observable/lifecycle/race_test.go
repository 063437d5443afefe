//go:build race

package lifecycle_test

const raceEnabled = true // sync.Pool sometimes drops the values it gets
