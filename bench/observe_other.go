//go:build !linux

package bench

// pressureFiles are empty: only Linux reports pressure.
type pressureFiles struct{}

func openPressure() pressureFiles { return pressureFiles{} }

func (p *pressureFiles) close() {}

func (p *pressureFiles) read() stalls { return stalls{} }
