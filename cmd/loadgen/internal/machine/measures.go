package machine

import "fmt"

// Measures returns an error if loadgen does not measure on the operating system goos. Results that were measured
// elsewhere can be read on any system.
func Measures(goos string) error {
	switch goos {
	case "linux", "darwin":
		return nil
	}
	return fmt.Errorf("loadgen measures on Linux and macOS, and this is %s: measure there, and read the results "+
		"here with compare, report, show, history or quantiles", goos)
}
