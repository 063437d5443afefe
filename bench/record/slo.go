package record

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// An SLO is what a run is to hold: a bound on its latency, its failures or its
// drops, over the whole run or over every window of it. [ParseSLO] makes one.
type SLO struct {
	metric string  // p99, max, mean, errors, drops or achieved
	q      float64 // of a percentile
	below  bool    // the bound is one from above
	equal  bool    // the bound itself is allowed
	limit  float64 // ns, or a share
	every  time.Duration
}

// wantSLO is what ParseSLO takes.
const wantSLO = "an objective such as p99 < 5ms, max < 1s, errors < 0.1%, drops < 10ppm, achieved > 99% or p99 < " +
	"5ms over every 1s"

// sloForm is what ParseSLO reads, part by part, and what is wanted of each.
var sloForm = []struct {
	form *regexp.Regexp
	want string
}{
	{regexp.MustCompile(`^\s*(p[0-9.]+|max|mean|errors|drops|achieved)\s*`), "p99 or another percentile, max, mean, errors, drops or achieved"},
	{regexp.MustCompile(`^(<=|>=|<|>)\s*`), "<, <=, > or >="},
	{regexp.MustCompile(`^((?:[0-9.]+[a-zµμ%]*)+)(?:\s+|$)`), "a bound such as 5ms or 0.1%"},
	{regexp.MustCompile(`^(over\s+every)(?:\s+|$)`), "the end, or over every 1s"},
	{regexp.MustCompile(`^(\S+)\s*$`), "a length of windows such as 1s, and no more"},
}

// An SLOError is an objective that cannot be read.
type SLOError struct {
	Text  string
	At    int    // the byte of Text where it goes wrong
	Wrong string // what is wrong there, as in `"5" is not a bound for p99: want a duration, such as 5ms`
}

func (e *SLOError) Error() string {
	return fmt.Sprintf("SLO %q: character %d: %s: want %s", e.Text, 1+utf8.RuneCountInString(e.Text[:e.At]), e.Wrong,
		wantSLO)
}

// sloPartsOf returns the parts of an objective, and where each begins in text. There are three of them, or five.
func sloPartsOf(text string) (parts []string, begin []int, err *SLOError) {
	at := 0
	for i, p := range sloForm {
		m := p.form.FindStringSubmatchIndex(text[at:])
		if m == nil {
			rest := strings.TrimLeft(text[at:], " \t")
			wrong := fmt.Sprintf("%q is not %s", rest, p.want)
			if rest == "" {
				wrong = "it ends where it should have " + p.want
			}
			return nil, nil, &SLOError{text, len(text) - len(rest), wrong}
		}
		parts, begin = append(parts, text[at+m[2]:at+m[3]]), append(begin, at+m[2])
		if at += m[1]; i == 2 && at == len(text) {
			break
		}
	}
	return parts, begin, nil
}

// ParseSLO reads an objective:
//
//	p99 < 5ms               at most 1% of the calls due take 5ms or longer, fail, or never begin
//	max < 1s                no call does
//	mean < 2ms              the mean latency; infinite if any call failed or never began
//	errors < 0.1%           calls that failed, of those due
//	drops < 10ppm           calls that never began, of those due
//	achieved > 99%          calls that ended while the schedule lasted, of those due
//	p99 < 5ms over every 1s the same of the calls due in every window of that length
//
// <= and >= allow the bound itself. Calls are counted one by one: nothing is rounded. In
// windows, a call is achieved unless it began after the end of its window by the
// generator's own fault.
func ParseSLO(text string) (SLO, error) {
	parts, begin, wrong := sloPartsOf(text)
	if wrong != nil {
		return SLO{}, wrong
	}
	fail := func(part int, format string, args ...any) (SLO, error) {
		return SLO{}, &SLOError{text, begin[part], fmt.Sprintf(format, args...)}
	}
	s := SLO{metric: parts[0], below: parts[1][0] == '<', equal: strings.HasSuffix(parts[1], "=")}
	if p, ok := strings.CutPrefix(s.metric, "p"); ok {
		percent, err := strconv.ParseFloat(p, 64)
		s.q = math.Round(percent*1e9) / 1e11 // 99.9 is 0.999, to the last digit
		if err != nil || !(s.q > 0 && s.q < 1) {
			return fail(0, "%q is not a percentile", s.metric)
		}
	}
	var err error
	if s.share() {
		s.limit, err = parseShare(parts[2])
	} else {
		s.limit, err = parseBound(parts[2])
	}
	switch {
	case err != nil:
		return fail(2, "%q is not a bound for %s: %v", parts[2], s.metric, err)
	case s.below == (s.metric == "achieved"):
		return fail(1, "%s is bounded from the other side", s.metric)
	case !s.equal && s.limit == map[bool]float64{true: 0, false: 1}[s.below]:
		return fail(2, "nothing can hold it")
	}
	if len(parts) > 3 {
		if s.every, err = time.ParseDuration(parts[4]); err != nil || s.every <= 0 {
			return fail(4, "%q is not a length of windows", parts[4])
		}
	}
	return s, nil
}

// Metric returns what the objective bounds: p99 or another percentile of latency, max,
// mean, errors, drops or achieved.
func (s SLO) Metric() string { return s.metric }

// Quantile returns the quantile of a percentile, such as 0.99, and 0 for other metrics.
func (s SLO) Quantile() float64 { return s.q }

// Limit returns the bound: nanoseconds of latency, or a share of calls from 0 to 1.
func (s SLO) Limit() float64 { return s.limit }

// Every returns the length of the windows that the objective is about, or 0 if it is
// about a run as a whole.
func (s SLO) Every() time.Duration { return s.every }

// share reports whether the objective is about a share of calls.
func (s SLO) share() bool {
	return s.metric == "errors" || s.metric == "drops" || s.metric == "achieved"
}

// maxBound is the highest bound on latency: in ns, it is exact as a float64.
const maxBound = 1000 * time.Hour

func parseBound(text string) (float64, error) {
	d, err := time.ParseDuration(text)
	switch {
	case err != nil:
		return 0, errors.New("want a duration, such as 5ms")
	case d <= 0 || d > maxBound:
		return 0, fmt.Errorf("want more than 0, and %v at most", maxBound)
	}
	return float64(d), nil
}

// parseShare reads a share, which is a multiple of 0.001 ppm.
func parseShare(text string) (float64, error) {
	number, per := text, 1.0
	if n, ok := strings.CutSuffix(text, "%"); ok {
		number, per = n, 100
	} else if n, ok := strings.CutSuffix(text, "ppm"); ok {
		number, per = n, 1e6
	}
	x, err := strconv.ParseFloat(number, 64)
	if err != nil || !(x >= 0 && x/per <= 1) {
		return 0, errors.New("want a share from 0 to 1, such as 0.1% or 10ppm")
	}
	share := math.Round(x/per*1e9) / 1e9
	if share == 0 && x > 0 {
		return 0, errors.New("want 0.001ppm or more, or 0")
	}
	return share, nil
}

// String is the objective as [ParseSLO] reads it.
func (s SLO) String() string {
	operator := ">"
	if s.below {
		operator = "<"
	}
	if s.equal {
		operator += "="
	}
	text := fmt.Sprintf("%s %s %s", s.metric, operator, s.write(s.limit))
	if s.every > 0 {
		text += fmt.Sprintf(" over every %v", s.every)
	}
	return text
}

// shown writes a measured value with four digits, unless these would put it on the other
// side of the bound.
func (s SLO) shown(x float64) string {
	rounded := x
	switch {
	case x == 0 || math.IsInf(x, 1):
	case s.metric == "achieved":
		// Four digits of what is not achieved: of 99.9999% they are what matters.
		rounded = 1 - fourDigits(1-x)
	default:
		rounded = fourDigits(x)
	}
	if s.holds(rounded) == s.holds(x) {
		x = rounded
	}
	return s.write(x)
}

// fourDigits rounds x, which is not negative, to four digits.
func fourDigits(x float64) float64 {
	if x == 0 {
		return 0
	}
	unit := math.Pow(10, math.Floor(math.Log10(x))-3)
	return math.Round(x/unit) * unit
}

// holds reports whether a value is within the bound.
func (s SLO) holds(x float64) bool {
	switch {
	case x == s.limit:
		return s.equal
	case s.below:
		return x < s.limit
	}
	return x > s.limit
}

// write writes a value of the metric.
func (s SLO) write(x float64) string {
	switch {
	case math.IsInf(x, 1):
		return "infinite"
	case !s.share():
		return time.Duration(x).String()
	case x > 0 && x < 0.0001:
		return strconv.FormatFloat(math.Round(x*1e9)/1e3, 'f', -1, 64) + "ppm"
	}
	return strconv.FormatFloat(math.Round(x*1e9)/1e7, 'f', -1, 64) + "%"
}
