package gate

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A cleaner separates benchmark text from other output of the program under test, line by line. Go test prints the
// name of a benchmark, runs it, and then prints its result. Output of the benchmark may come before the name on its
// line, and between the name and the result, even with line breaks. The cleaner joins such names and results. It
// replaces every line that is neither a result, configuration nor unit metadata with an empty line, so that the number
// of lines stays the same.
//
// A line that looks like a result and cannot be used is an error, so that no result disappears.
type cleaner struct {
	path     string
	declared func(key string) bool // reports whether the user names a key
	comments

	number    int    // number of the current line, from 1
	results   int    // lines with results so far
	inHead    bool   // whether the previous line is configuration
	headTaken bool   // whether the configuration of this round of run --bench has been read
	name      []byte // name of a benchmark whose result has not been read yet, or nil
	nameAt    int    // line of name
	owed      bool   // whether a missing result of name is an error
	seen      map[string]*undeclared
	errs      []error
}

// An undeclared is a key of lines such as "retries: 3" that the user has not declared to be configuration.
type undeclared struct {
	at     string // file:line of the first line
	values map[string]bool
}

var benchmark = []byte("Benchmark")

// clean cleans the text of one input.
func (c *cleaner) clean(data []byte) []byte {
	out := make([]byte, 0, len(data)+1)
	for raw := range bytes.Lines(data) {
		c.number++
		c.comment(c.number, raw)
		line := bytes.TrimRight(raw, "\r\n")
		out = append(append(out, c.line(line)...), '\n')
	}
	c.settle()
	return out
}

// line returns the text that benchfmt should read instead of a line.
func (c *cleaner) line(line []byte) []byte {
	if isResult(line) {
		c.settle()
		c.results++
		c.inHead = false
		return line
	}
	if bytes.HasPrefix(line, []byte("# round ")) {
		c.headTaken = false
	}
	if bytes.Contains(line, benchmark) || bytes.Contains(line, []byte("ns/op")) {
		fields := bytes.Fields(line)
		count, _ := resultIn(fields)
		named := slices.ContainsFunc(fields, func(f []byte) bool { return nameIn(f) != nil && tabFollows(line, f) })
		if _, _, ok := keyValue(line); !ok || named || count >= 0 {
			c.inHead = false
			return c.search(line)
		}
	}
	if key, value, ok := keyValue(line); ok {
		return c.configuration(line, key, value)
	}
	c.inHead = false
	if isUnit(line) {
		return line
	}
	return nil
}

// isResult reports whether a line begins as an intact result does, with a name, a count and measurements.
func isResult(line []byte) bool {
	if !bytes.HasPrefix(line, benchmark) {
		return false
	}
	i := bytes.IndexAny(line, " \t")
	if i < 0 {
		return false
	}
	rest := bytes.TrimLeft(line[i:], " \t")
	n := 0
	for n < len(rest) && '0' <= rest[n] && rest[n] <= '9' {
		n++
	}
	if n == 0 || n == len(rest) || rest[n] != ' ' && rest[n] != '\t' {
		return false
	}
	_, ok := measurements(bytes.Fields(rest[n:]))
	return ok
}

// measurements returns the number of measurements in fields, and whether there is nothing else. A unit is not a
// number.
func measurements(fields [][]byte) (n int, ok bool) {
	if len(fields) == 0 || len(fields)%2 != 0 {
		return 0, false
	}
	for i := 0; i < len(fields); i += 2 {
		if !isNumber(fields[i]) || isNumber(fields[i+1]) {
			return 0, false
		}
	}
	return len(fields) / 2, true
}

// isNumber reports whether a field is a number.
func isNumber(field []byte) bool {
	switch c := field[len(field)-1]; { // excludes most units cheaply
	case c >= '0' && c <= '9', c == '.':
	case c == 'f' || c == 'F' || c == 'n' || c == 'N' || c == 'y' || c == 'Y': // Inf, NaN, Infinity
	default:
		return false
	}
	_, err := strconv.ParseFloat(string(field), 64)
	return err == nil || errors.Is(err, strconv.ErrRange)
}

// search looks for a result in a line that does not begin with an intact one.
func (c *cleaner) search(line []byte) []byte {
	fields := bytes.Fields(line)
	at := slices.IndexFunc(fields, func(f []byte) bool { return nameIn(f) != nil })
	count, tail := resultIn(fields)
	switch {
	case bytes.HasPrefix(line, benchmark) && count < 0 && len(fields) > 1 && !tabFollows(line, fields[0]):
		return line // a broken result, about which benchfmt returns an error
	case count >= 0 && line[0] == '#':
		c.fail("a result in a comment: remove the # or the line")
		return nil
	case count >= 0 && at == 0 && !bytes.Equal(nameIn(fields[0]), lastName(fields[:count])) &&
		tabFollows(line, fields[0]):
		c.fail("two names and one result: want one name and one result per line")
		return nil
	case count >= 0 && lastName(fields[:count]) != nil:
		// The benchmark printed the text between the name and the count. Only for results of go test is it certain
		// that the count belongs to the name.
		if name := fields[count-1]; nameIn(name) == nil && !goTest(fields[count:]) {
			c.fail("text between the name of a benchmark and its result: want the result alone")
			return nil
		}
		c.settle()
		c.results++
		return join(lastName(fields[:count]), tail, fields[count+1:])
	case count >= 0 && goTest(fields[count:]):
		if c.name == nil {
			c.fail("a result without the name of its benchmark: want both, on one line")
			return nil
		}
		c.results++
		name := c.name
		c.name = nil
		return join(name, tail, fields[count+1:])
	case at >= 0 && !bytes.HasPrefix(line, []byte("---")) && !bytes.HasPrefix(line, []byte("===")):
		c.owe(line, fields, at)
	}
	return nil
}

// resultIn returns the index of the field at which a result at the end of a line begins, and its number of iterations.
// The index is -1 if the line does not end with a result. Output of the benchmark may precede the number without a
// blank.
func resultIn(fields [][]byte) (at int, iterations []byte) {
	for i := len(fields) - 3; i >= 0; i -= 2 {
		if _, ok := measurements(fields[i+1 : i+3]); !ok {
			return -1, nil
		}
		if nameIn(fields[i]) != nil {
			return -1, nil
		}
		digits := fields[i][len(bytes.TrimRight(fields[i], "0123456789")):]
		whole := len(digits) == len(fields[i])
		if len(digits) > 0 && (whole || goTest(fields[i:])) {
			return i, digits
		}
	}
	return -1, nil
}

// goTest reports whether a count, values and units are in the form of go test, which prints ns/op first.
func goTest(fields [][]byte) bool {
	return len(fields) > 2 && string(fields[2]) == "ns/op"
}

// join returns a line with a result.
func join(name, iterations []byte, measured [][]byte) []byte {
	return bytes.Join(append([][]byte{name, iterations}, measured...), []byte(" "))
}

// lastName returns the last name of a benchmark, or nil if there is none.
func lastName(fields [][]byte) []byte {
	for _, f := range slices.Backward(fields) {
		if name := nameIn(f); name != nil {
			return name
		}
	}
	return nil
}

// nameIn returns the name of a benchmark at the end of a field, or nil if there is none.
func nameIn(field []byte) []byte {
	for rest := field; ; {
		i := bytes.Index(rest, benchmark)
		if i < 0 {
			return nil
		}
		rest = rest[i:]
		if next, _ := utf8.DecodeRune(rest[len(benchmark):]); len(rest) > len(benchmark) && !unicode.IsLower(next) {
			return rest
		}
		rest = rest[len(benchmark):]
	}
}

// owe stores the name of a benchmark whose result may follow on a later line. If a tab follows the name, as go test
// prints it, or a count does, a missing result is an error.
func (c *cleaner) owe(line []byte, fields [][]byte, at int) {
	name := nameIn(fields[at])
	owed := tabFollows(line, fields[at]) || at+1 < len(fields) && isNumber(fields[at+1])
	if !owed && c.owed || bytes.HasPrefix(line, []byte("#")) {
		return // text of a program that mentions benchmarks
	}
	c.settle()
	c.name, c.nameAt, c.owed = bytes.Clone(name), c.number, owed
}

// tabFollows reports whether blanks and a tab follow a field, as they follow a name that go test prints.
func tabFollows(line, field []byte) bool {
	end := bytes.Index(line, field) + len(field)
	return bytes.HasPrefix(bytes.TrimLeft(line[end:], " "), []byte("\t"))
}

// settle adds an error if the stored name has no result though it must have one, and clears the name.
func (c *cleaner) settle() {
	if c.name != nil && c.owed {
		c.errs = append(c.errs,
			fmt.Errorf("%s:%d: %s has no result that can be read: it failed or exited, or its result cannot be "+
				"distinguished from its output",
				c.path, c.nameAt, c.name))
	}
	c.name, c.owed = nil, false
}

// fail adds an error about the current line.
func (c *cleaner) fail(text string) {
	c.errs = append(c.errs, fmt.Errorf("%s:%d: %s", c.path, c.number, text))
}

// ownKeys are the keys that go test prints.
var ownKeys = []string{"goos", "goarch", "pkg", "cpu"}

// configuration returns a line if it is configuration: what go test prints before its first result, the configuration
// of a run of loadgen, or a key that the user names. Otherwise the line is output of a program, and it returns nil.
func (c *cleaner) configuration(line, key, value []byte) []byte {
	k := string(key)
	switch {
	case c.bench: // go test prints its keys once, in consecutive lines; other lines are output of a program
		if k == "goos" && !c.headTaken || slices.Contains(ownKeys, k) && c.inHead {
			c.inHead, c.headTaken = true, true
			return line
		}
	case c.ours, c.declared(k):
		c.inHead = true
		return line
	case slices.Contains(ownKeys, k) && (c.inHead || c.results == 0 || k != "cpu" && !bytes.ContainsAny(value, " \t")):
		c.inHead = true
		return line
	}
	c.inHead = false
	if c.seen[k] == nil {
		c.seen[k] = &undeclared{at: fmt.Sprintf("%s:%d", c.path, c.number), values: map[string]bool{}}
	}
	c.seen[k].values[string(value)] = true
	return nil
}

// keyValue splits a line of configuration into key and value. The syntax is that of the Go benchmark format.
func keyValue(line []byte) (key, value []byte, ok bool) {
	i := bytes.IndexByte(line, ':')
	if i < 1 || i+1 < len(line) && line[i+1] != ' ' && line[i+1] != '\t' {
		return nil, nil, false
	}
	if first, _ := utf8.DecodeRune(line); !unicode.IsLower(first) {
		return nil, nil, false
	}
	key = line[:i]
	if bytes.ContainsFunc(key, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsUpper(r) }) {
		return nil, nil, false
	}
	return key, bytes.TrimLeft(line[i+1:], " \t"), true
}

// isUnit reports whether a line is metadata of a unit. A line that begins with Unit but has no key=value is text.
func isUnit(line []byte) bool {
	return bytes.HasPrefix(line, []byte("Unit")) && len(line) > 4 && (line[4] == ' ' || line[4] == '\t') &&
		bytes.IndexByte(line, '=') > 0
}

// warnUndeclared warns about lines that would separate results if they were configuration.
func warnUndeclared(seen map[string]*undeclared) []string {
	keys := slices.DeleteFunc(slices.Collect(maps.Keys(seen)), func(k string) bool { return len(seen[k].values) < 2 })
	slices.SortFunc(keys, func(a, b string) int {
		return cmp.Or(strings.Compare(seen[a].at, seen[b].at),
			strings.Compare(a, b))
	})
	const few = 3
	var warnings []string
	for _, k := range keys[:min(few, len(keys))] {
		warnings = append(warnings,
			fmt.Sprintf("%s: lines such as '%s: %s', with %d different values, are treated as output of the program: "+
				"if they are configuration, --config %s separates their results", seen[k].at, k,
				slices.Min(slices.Collect(maps.Keys(seen[k].values))), len(seen[k].values), k))
	}
	if more := len(keys) - few; more > 0 {
		warnings = append(warnings, fmt.Sprintf("%d more keys have such lines", more))
	}
	return warnings
}

// keysIn returns the keys that a filter names.
func keysIn(filter string) (keys []string) {
	for _, m := range regexp.MustCompile(`([^\s:()"/.][^\s:()"]*):`).FindAllStringSubmatch(filter, -1) {
		keys = append(keys, m[1])
	}
	return keys
}
