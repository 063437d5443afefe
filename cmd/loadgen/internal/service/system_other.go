//go:build !linux

package service

import (
	"net/netip"
	"os"
	"time"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/child"
)

// setAttributes leaves a child in the session of its own that package child gives it. This system does not kill a
// process with its parent: the guard does.
func setAttributes(*child.Cmd) {}

// setGuardAttributes leaves a child in the session of its own that package child gives it.
func setGuardAttributes(*child.Cmd) {}

// executable returns the path of this program.
func executable() (string, error) { return os.Executable() }

// adoptOrphans does nothing: this system has no adopted processes.
func adoptOrphans() error { return nil }

// processes returns an error, since only Linux has /proc.
func processes() ([]kin, error) { return nil, errUnknown }

// processClock returns an error, since only Linux has clocks of other processes.
func processClock(int) (time.Duration, error) { return 0, errUnknown }

// resetPeak returns an error, since only Linux can forget a peak.
func resetPeak(int) error { return errUnknown }

// peakRSS returns an error, since only Linux can forget a peak.
func peakRSS(int) (uint64, error) { return 0, errUnknown }

// marked returns false, since only Linux has /proc.
func marked(int, string) bool { return false }

// adopted returns none, since there are no adopted processes.
func adopted() []int { return nil }

// bury returns false, since there are no adopted processes.
func bury(int) (time.Duration, bool) { return 0, false }

// A socket listens for TCP connections.
type socket struct {
	address netip.AddrPort
	inode   string
}

// listening returns an error, since only Linux has /proc.
func listening(int) ([]socket, error) { return nil, errUnknown }

// socketsOf returns an error, since only Linux has /proc.
func socketsOf(int) (map[string]bool, error) { return nil, errUnknown }
