// Package bare fills a map of handlers that nothing observes, as programs do. Package compiled, beside it, is this
// package as loadgen instrument compiles it, so that a visit can compare both.
package bare

// Table returns a map of the handlers that f returns, by name.
func Table(names []string, f func(name string) func()) map[string]func() {
	m := map[string]func(){}
	for _, name := range names {
		m[name] = f(name)
	}
	return m
}
