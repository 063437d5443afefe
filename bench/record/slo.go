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

	"github.com/loadgen-go/loadgen/internal/spelling"
)

// An SLO is an objective of a run: a bound on its latency, its failures, its drops or its achieved
// calls, over the whole run or over every window of a length. [ParseSLO] makes one.
type SLO struct {
	metric string        // p99, max, mean, errors, drops or achieved
	q      float64       // the quantile of a percentile; 0 for other metrics
	below  bool          // the value must be below the bound
	equal  bool          // the value may be the bound
	limit  float64       // the bound: ns, or a share
	every  time.Duration // the length of windows; 0 for the whole run
}

// wantSLO says what ParseSLO accepts.
const wantSLO = "an objective such as p99 < 5ms, max < 1s, errors < 0.1%, drops < 10ppm, achieved > 99% or p99 < " +
	"5ms over every 1s"

// sloForm holds the parts that ParseSLO reads, in order, and what each must be.
var sloForm = []struct {
	form *regexp.Regexp
	want string
}{
	{regexp.MustCompile(`^\s*(p[0-9.]+|(?:max|mean|errors|drops|achieved)\b)\s*`),
		"p99 or another percentile, max, mean, errors, drops or achieved"},
	{regexp.MustCompile(`^(<=|>=|<|>)\s*`), "<, <=, > or >="},
	{regexp.MustCompile(`^((?:[0-9.]+[a-zµμ%]*)+)(?:\s+|$)`), "a bound such as 5ms or 0.1%"},
	{regexp.MustCompile(`^(over\s+every)(?:\s+|$)`), "the end, or over every 1s"},
	{regexp.MustCompile(`^(\S+)\s*$`), "a window length such as 1s, and nothing after it"},
}

// leadingWord matches the letters that a text begins with.
var leadingWord = regexp.MustCompile(`^[A-Za-z]*`)

// An SLOError reports that an objective is not valid.
type SLOError struct {
	Text  string
	At    int    // the byte offset in Text of the part that is wrong
	Wrong string // what is wrong there, as in `"5" is not a bound for p99: want a duration, such as 5ms`
}

func (e *SLOError) Error() string {
	return fmt.Sprintf("SLO %q: character %d: %s: want %s", e.Text, 1+utf8.RuneCountInString(e.Text[:e.At]), e.Wrong,
		wantSLO)
}

// sloPartsOf returns the three or five parts of an objective, and the offset of each part in text.
func sloPartsOf(text string) (parts []string, begin []int, err *SLOError) {
	at := 0
	for i, p := range sloForm {
		m := p.form.FindStringSubmatchIndex(text[at:])
		if m == nil {
			rest := strings.TrimLeft(text[at:], " \t")
			wrong := fmt.Sprintf("%q is not %s", rest, p.want)
			switch {
			case rest == "":
				wrong = "the text ends before " + p.want
			case i == 0:
				name := leadingWord.FindString(rest)
				wrong += spelling.Meant(name, []string{"max", "mean", "errors", "drops", "achieved"})
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

// ParseSLO parses an objective:
//
//	p99 < 5ms               at most 1% of the calls due take 5ms or longer, fail, or never begin
//	max < 1s                no call due takes 1s or longer, fails, or never begins
//	mean < 2ms              the mean latency; infinite if any call failed or never began
//	errors < 0.1%           the share of the calls due that failed
//	drops < 10ppm           the share of the calls due that never began
//	achieved > 99%          the share of the calls due that ended within the schedule
//	p99 < 5ms over every 1s p99 < 5ms for the calls due in each window of 1s
//
// <= and >= allow the bound itself. Calls are counted exactly; nothing is rounded. In windows, a
// call is achieved unless the generator began it after the end of its window. The error is an
// [*SLOError].
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
		s.q = math.Round(percent*1e9) / 1e11 // so that 99.9 is exactly 0.999
		if err != nil || !(s.q > 0 && s.q < 1) {
			return fail(0, "%q is not a percentile", s.metric)
		}
	}
	var err error
	if s.IsShare() {
		s.limit, err = parseShare(parts[2])
	} else {
		s.limit, err = parseBound(parts[2])
	}
	switch {
	case err != nil:
		return fail(2, "%q is not a bound for %s: %v", parts[2], s.metric, err)
	case s.below == (s.metric == "achieved"):
		return fail(1, "%q is the wrong way round for %s", parts[1], s.metric)
	case !s.equal && s.limit == map[bool]float64{true: 0, false: 1}[s.below]:
		return fail(2, "no run can meet it")
	}
	if len(parts) > 3 {
		if s.every, err = time.ParseDuration(parts[4]); err != nil || s.every <= 0 {
			return fail(4, "%q is not a window length", parts[4])
		}
	}
	return s, nil
}

// Metric returns the name of the metric: p99 or another percentile of latency, max, mean, errors,
// drops or achieved.
func (s SLO) Metric() string { return s.metric }

// Quantile returns the quantile of a percentile, such as 0.99, and 0 for other metrics.
func (s SLO) Quantile() float64 { return s.q }

// Limit returns the bound: nanoseconds of latency, or a share of calls from 0 to 1.
func (s SLO) Limit() float64 { return s.limit }

// Every returns the length of the windows that the objective applies to, or 0 if it applies to the
// whole run.
func (s SLO) Every() time.Duration { return s.every }

// IsShare reports whether the metric is a share of calls.
func (s SLO) IsShare() bool {
	return s.metric == "errors" || s.metric == "drops" || s.metric == "achieved"
}

// maxBound is the highest bound on latency. In ns it is exact as a float64.
const maxBound = 1000 * time.Hour

// parseBound parses a bound on latency, in ns.
func parseBound(text string) (float64, error) {
	d, err := time.ParseDuration(text)
	switch {
	case err != nil:
		return 0, errors.New("want a duration, such as 5ms")
	case d <= 0 || d > maxBound:
		return 0, fmt.Errorf("want a duration above 0 and at most %v", maxBound)
	}
	return float64(d), nil
}

// parseShare parses a share, and rounds it to a multiple of 0.001 ppm.
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
		return 0, errors.New("want at least 0.001ppm, or 0")
	}
	return share, nil
}

// String returns the objective in the form that [ParseSLO] parses.
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

// shown formats a measured value with four digits, or with all digits if rounding would move it to
// the other side of the bound.
func (s SLO) shown(x float64) string {
	rounded := x
	switch {
	case x == 0 || math.IsInf(x, 1):
	case s.metric == "achieved":
		// Round the share that is not achieved: in 99.9999% its digits are the ones that matter.
		rounded = 1 - fourDigits(1-x)
	default:
		rounded = fourDigits(x)
	}
	if s.holds(rounded) == s.holds(x) {
		x = rounded
	}
	return s.write(x)
}

// fourDigits returns x rounded to four digits. X must not be negative.
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

// write formats a value of the metric.
func (s SLO) write(x float64) string {
	switch {
	case math.IsInf(x, 1):
		return "infinite"
	case !s.IsShare():
		return time.Duration(x).String()
	case x > 0 && x < 0.0001:
		return strconv.FormatFloat(math.Round(x*1e9)/1e3, 'f', -1, 64) + "ppm"
	}
	return strconv.FormatFloat(math.Round(x*1e9)/1e7, 'f', -1, 64) + "%"
}
