package history

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/perf/benchfmt"
	"golang.org/x/perf/benchmath"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/gate"
)

// Measured returns cells that summarize benchmark lines, in the order in which they first appear, and the
// machine of the lines. Lines of one name are rounds of one cell. Lines of
// several machines, or of one benchmark with several configurations, are an error, since their median
// would describe none of them.
func Measured(lines []gate.Line) (machine string, cells []Cell, err error) {
	type key struct{ name, unit string }
	var order []key
	values := map[key][]float64{}
	settings := map[string]string{} // by name
	var machines []string
	var errs []error
	for _, l := range lines {
		if m := machineOf(l.Of); !slices.Contains(machines, m) {
			machines = append(machines, m)
		}
		name := l.Of.Name.String()
		if pkg := l.Of.GetConfig("pkg"); pkg != "" {
			name = pkg + "." + name
		}
		s := setting(l.Of)
		if before, ok := settings[name]; ok && before != s {
			errs = append(errs, fmt.Errorf("%s:%d: %s has %s here, and %s before: record one of them", l.Path,
				l.Number, name, cmp.Or(s, "nothing"), cmp.Or(before, "nothing")))
		}
		settings[name] = s
		for i, v := range l.Of.Values {
			k := key{name, v.Unit}
			if values[k] == nil {
				order = append(order, k)
			}
			values[k] = append(values[k], l.Values[i])
		}
	}
	if len(machines) > 1 {
		errs = append(errs, fmt.Errorf("the inputs are of %d machines: %s: make a separate record for each",
			len(machines), strings.Join(machines, "; ")))
	}
	if err := errors.Join(errs...); err != nil {
		return "", nil, err
	}
	for _, k := range order {
		c := Cell{Name: k.name, Unit: k.unit, N: len(values[k])}
		s := benchmath.AssumeNothing.Summary(benchmath.NewSample(values[k], &benchmath.DefaultThresholds), 0.95)
		c.Median, s.Lo, s.Hi = rounded(s.Center), rounded(s.Lo), rounded(s.Hi)
		if !math.IsInf(s.Lo, 0) && !math.IsInf(s.Hi, 0) {
			c.Low, c.High = &s.Lo, &s.Hi
		}
		cells = append(cells, c)
	}
	return machines[0], cells, nil
}

// rounded removes the rounding errors of unit conversions, such as of 1200 ns to 1.2e-06 sec.
func rounded(x float64) float64 {
	r, err := strconv.ParseFloat(strconv.FormatFloat(x, 'g', 12, 64), 64)
	if err != nil {
		return x // x overflows
	}
	return r
}

// machineOf returns the machine in the configuration of a line, or "" if it is not given.
func machineOf(l *benchfmt.Result) string {
	system := strings.Trim(l.GetConfig("goos")+"/"+l.GetConfig("goarch"), "/")
	return strings.Trim(system+", "+strings.TrimSpace(l.GetConfig("cpu")), ", ")
}

// setting returns the configuration of a line without its machine and its package.
func setting(l *benchfmt.Result) string {
	var pairs []string
	for _, c := range l.Config {
		if c.File && !slices.Contains([]string{"goos", "goarch", "cpu", "pkg"}, c.Key) {
			pairs = append(pairs, fmt.Sprintf("%s: %s", c.Key, c.Value))
		}
	}
	slices.Sort(pairs)
	return strings.Join(pairs, ", ")
}
