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

// Measured sums up benchmark lines as cells, in the order they are met, and names the
// machine that the lines are of. Lines of one name are rounds of one cell. That they are of
// several machines, or of one benchmark in several circumstances, is an error: their median
// would be of neither.
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
			errs = append(errs, fmt.Errorf("%s:%d: %s is of %s here, and of %s before: record one of them", l.Path,
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
		errs = append(errs, fmt.Errorf("the inputs are of %d machines: %s: make a record of each", len(machines),
			strings.Join(machines, "; ")))
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

// rounded has what ns that became sec have lost: 1200 ns are 1.2e-06 sec, and no more.
func rounded(x float64) float64 {
	r, err := strconv.ParseFloat(strconv.FormatFloat(x, 'g', 12, 64), 64)
	if err != nil {
		return x // as large as they get
	}
	return r
}

// machineOf is what the input says of the machine, or "" if it says nothing.
func machineOf(l *benchfmt.Result) string {
	system := strings.Trim(l.GetConfig("goos")+"/"+l.GetConfig("goarch"), "/")
	return strings.Trim(system+", "+strings.TrimSpace(l.GetConfig("cpu")), ", ")
}

// setting is the configuration of a line besides its machine and its package.
func setting(l *benchfmt.Result) string {
	var all []string
	for _, c := range l.Config {
		if c.File && !slices.Contains([]string{"goos", "goarch", "cpu", "pkg"}, c.Key) {
			all = append(all, fmt.Sprintf("%s: %s", c.Key, c.Value))
		}
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}
