package hdrlog

import (
	"bytes"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
)

// An Interval is one line of a log.
type Interval struct {
	Tag           string  // "" if there is none
	Start, Length float64 // seconds
	*Histogram
}

// wantLine describes a line of a log.
const wantLine = "want [Tag=NAME,]START,LENGTH,MAX,HIST..., a histogram of format V0, V1 or V2"

// legend is the beginning of the line that names the fields.
const legend = `"StartTimestamp"`

// Skips reports whether a line of a log holds no interval, because it is blank, a comment, or the
// legend.
func Skips(line string) bool {
	line = strings.TrimSpace(line)
	return line == "" || line[0] == '#' || strings.HasPrefix(line, legend)
}

// ParseInterval parses a line of a log that is not skipped.
func ParseInterval(line string) (*Interval, error) {
	var i Interval
	rest := strings.TrimSpace(line)
	if tagged, ok := strings.CutPrefix(rest, "Tag="); ok {
		i.Tag, rest, ok = strings.Cut(tagged, ",")
		if !ok || i.Tag == "" {
			return nil, fmt.Errorf("its tag is empty, or nothing follows it: %s", wantLine)
		}
	}
	fields := strings.Split(rest, ",")
	const names = 4 // start, length, maximum, histogram
	if len(fields) != names {
		return nil, fmt.Errorf("%d fields: %s", len(fields), wantLine)
	}
	for k, name := range []string{"START", "LENGTH", "MAX"} {
		x, err := strconv.ParseFloat(strings.TrimSpace(fields[k]), 64)
		if err != nil || math.IsNaN(x) || math.IsInf(x, 0) {
			return nil, fmt.Errorf("%s is %.40q, which is no number: %s", name, fields[k], wantLine)
		}
		switch name {
		case "START":
			i.Start = x
		case "LENGTH":
			i.Length = x
		}
	}
	h, err := decode(fields[names-1])
	if err != nil {
		return nil, fmt.Errorf("its histogram cannot be read: %w", err)
	}
	i.Histogram = h
	return &i, nil
}

// formatComment is the beginning of the comment that names the version of a log.
const formatComment = "#[Histogram log format"

// intervalHead matches the beginning of a line of a log. An encoded histogram begins with
// HIST in base64, and a histogram of doubles with DHIST.
var intervalHead = regexp.MustCompile(`^(Tag=[^,]*,)?[^,]*,[^,]*,[^,]*,\s*D?HIST`)

// IsLog reports whether a file that begins with head is a log. Its first line that is not a comment is the legend
// or an interval, or a comment names the format.
func IsLog(head []byte) bool {
	for line := range bytes.Lines(head) {
		s := strings.TrimSpace(string(line))
		switch {
		case strings.HasPrefix(s, formatComment), strings.HasPrefix(s, legend):
			return true
		case s != "" && s[0] != '#':
			return intervalHead.MatchString(s)
		}
	}
	return false
}
