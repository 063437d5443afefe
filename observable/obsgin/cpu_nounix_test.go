//go:build !unix

package obsgin_test

import (
	"testing"
	"time"
)

// cpuTime skips: the CPU time of a process is known on Unix only.
func cpuTime(t testing.TB) time.Duration {
	t.Helper()
	t.Skip("the CPU time of a process is unknown on this system")
	return 0
}
