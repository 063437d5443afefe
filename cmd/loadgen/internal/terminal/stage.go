package terminal

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
)

// A Stage is a part of a command with steps, such as the visits of a run, or with a budget of time.
type Stage struct {
	Steps int    // number of steps; 0 if only the budget ends the stage
	Noun  string // what a step is, such as "visit"
	// Takes is how long all steps take according to plan; 0 if that is unknown. Without Steps it is the budget.
	Takes time.Duration
	Spent time.Duration // part of the budget that was spent before
}

// A stage is a Stage that has begun.
type stage struct {
	Stage
	began    time.Time
	title    string
	what     string
	step     time.Time     // when the current step began; zero if there is none
	takes    time.Duration // planned time of the current step
	done     int           // finished and skipped steps
	measured int           // finished steps
	planned  time.Duration // planned time of finished and skipped steps
	excess   time.Duration // time that finished steps took beyond their plan
	columns  int           // columns of the last line
	bar      int           // columns of the shortest bar in so many columns
}

// next ends the current step and begins another.
func (s *stage) next(title, what string, takes time.Duration, now time.Time) {
	s.finish(now)
	s.title, s.what, s.takes, s.step = title, what, takes, now
}

// finish ends the current step, if there is one.
func (s *stage) finish(now time.Time) {
	if s.step.IsZero() {
		return
	}
	s.done++
	s.measured++
	s.planned += s.takes
	s.excess += now.Sub(s.step) - s.takes
	s.step = time.Time{}
}

// skip counts a step as done.
func (s *stage) skip(takes time.Duration, now time.Time) {
	s.finish(now)
	s.done++
	s.planned += takes
}

// mean returns by how much a step takes longer than planned, as far as finished steps show it.
func (s *stage) mean() time.Duration { return s.excess / time.Duration(max(s.measured, 1)) }

// left returns how long the rest of the stage takes: what is planned, and what finished steps took beyond their plan,
// for each remaining step. It is negative if that is unknown.
func (s *stage) left(now time.Time) time.Duration {
	switch {
	case s.Steps == 0:
		return max(s.Takes-s.Spent-now.Sub(s.began), 0)
	case s.Takes == 0 && s.measured == 0:
		return -1
	}
	after := s.Steps - s.done
	rest := max(s.Takes-s.planned, 0)
	current := time.Duration(0)
	if !s.step.IsZero() { // a step that takes too long takes no time from the others
		after--
		rest = max(rest-s.takes, 0)
		current = max(s.takes+s.mean()-now.Sub(s.step), 0)
	}
	return current + max(rest+time.Duration(after)*s.mean(), 0)
}

// late returns by how much the current step exceeds what was to be expected, if by much, and else 0.
func (s *stage) late(now time.Time) time.Duration {
	if s.step.IsZero() || s.takes == 0 {
		return 0
	}
	if late := now.Sub(s.step) - s.takes - max(s.mean(), 0); late >= noticeAfter {
		return late
	}
	return 0
}

// doing returns what the current step does, and by how much it is late.
func (s *stage) doing(now time.Time) string {
	if late := s.late(now); late > 0 {
		return fmt.Sprintf("%s, %s over plan", s.what, format.About(late))
	}
	return s.what
}

// remaining returns the time left in words, or "" if it is unknown.
func (s *stage) remaining(now time.Time) string {
	switch left := s.left(now); {
	case left < 0:
		return ""
	case s.Steps == 0:
		return "at most " + format.About(left) + " left"
	default:
		return format.About(left) + " left"
	}
}

// share returns how much of the stage is done, from 0 to 1.
func (s *stage) share(now time.Time) float64 {
	if s.Steps == 0 {
		return min(float64(s.Spent+now.Sub(s.began))/float64(max(s.Takes, 1)), 1)
	}
	return min(float64(s.done)/float64(s.Steps), 1)
}

// Columns of a bar.
const (
	leastBar    = 8
	mostBar     = 27
	leastForBar = 60 // columns of a line with a bar
)

// line returns the line of a terminal: title, bar, steps, time left, and what is being done. The bar is as long as
// the columns allow; if they do not allow the shortest one, the end of the line is cut later. It does not grow again,
// since it would move with every step.
func (s *stage) line(now time.Time, columns int) string {
	count := ""
	if s.Steps > 0 {
		count = fmt.Sprintf("%s of %s", format.Count(s.done), format.Count(s.Steps))
	}
	text := join("  ", count, s.remaining(now), s.doing(now))
	if columns != s.columns {
		s.columns, s.bar = columns, mostBar
	}
	s.bar = max(min(s.bar, columns-format.Width(join(" ", s.title, text))-1), leastBar)
	bar := s.bar
	if columns < leastForBar {
		return join("  ", s.title, text)
	}
	full := int(math.Floor(s.share(now) * float64(bar)))
	drawn := strings.Repeat("━", full)
	if full < bar {
		drawn += "╺" + strings.Repeat("─", bar-full-1)
	}
	return join(" ", s.title, drawn, text)
}

// text returns the line of a log: "round 3 of 6: 52 of 108 visits done, 34 s left; now sdk 50,000/s".
func (s *stage) text(now time.Time) string {
	count := ""
	if s.Steps > 0 {
		count = fmt.Sprintf("%s of %s done", format.Count(s.done), format.Plural(s.Steps, s.Noun))
	}
	text := join(": ", s.title, join(", ", count, s.remaining(now)))
	if doing := s.doing(now); doing != "" {
		text += "; now " + doing
	}
	return text
}

// join joins the parts that are not empty.
func join(separator string, parts ...string) string {
	text := ""
	for _, part := range parts {
		switch {
		case part == "":
		case text == "":
			text = part
		default:
			text += separator + part
		}
	}
	return text
}

// An activity is something that a command does or waits for.
type activity struct {
	what  string
	began time.Time
	said  bool // whether a line says it, where there is no terminal
}

// line returns the line of a terminal. It has the time that the activity has taken once that is long.
func (a *activity) line(now time.Time) string {
	if took := now.Sub(a.began); took >= noticeAfter {
		return a.what + "  " + format.About(took)
	}
	return a.what
}
