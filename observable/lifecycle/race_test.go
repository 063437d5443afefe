//go:build race

package lifecycle_test

const raceEnabled = true // sync.Pool drops what it is given now and then
