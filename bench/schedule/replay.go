package schedule

import (
	"bufio"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A ReplaySpec names a file of instants at which calls were made, and says how to replay it.
//
//	replay:access.jsonl                  unchanged
//	replay:access.jsonl@30s              only the first 30 s
//	replay:access.jsonl(speed=2)         twice as fast
//	replay:access.jsonl(time=when)       the field "when" holds the instants
//	replay:"name with blanks.txt"@30s    names are quoted as in Go
//
// Each line of the file is one call. A line is either an instant or a JSON object. An instant is
// a number of seconds, a duration such as 1.5ms, or a date as in RFC 3339; a number that is too
// large for seconds since 1970 is in milliseconds, microseconds or nanoseconds. In a JSON object
// the instant is in the field that the spec names, or else in time, ts, timestamp, @timestamp or
// t; if several of these fields are present, they must agree. The key of the call, if it has one,
// is in key, path, route, uri or name. Blank lines and lines that begin with # are ignored.
type ReplaySpec struct {
	Path string
	// Speed is the factor by which the replay is faster than the recording; 0 means 1.
	Speed float64
	// Cut, if not 0, ends the replay: calls due at it or later are left out.
	Cut time.Duration
	// Time, if not empty, names the field of JSON objects that holds the instant.
	Time string
}

const (
	wantReplay = `replay:access.jsonl@30s(speed=2), with a name that has blanks, "@" or "(" in quotes`
	maxLines   = 100_000_000
	maxLine    = 1 << 20 // bytes
	maxSpeed   = 1e6
)

// replay reads the text after the word replay.
func (s *scanner) replay() (r ReplaySpec, err error) {
	if !s.skip(":") {
		return r, s.wrong(s.at, "no colon after replay", wantReplay)
	}
	if r.Path, err = s.path(); err != nil {
		return r, err
	}
	if s.skip("@") {
		text, at := s.word("(")
		if r.Cut, err = time.ParseDuration(text); err != nil || r.Cut <= 0 {
			return r, s.wrong(at, fmt.Sprintf("%q is not a valid time", text), wantTime)
		}
	}
	options, err := s.options("replay", wantReplay, "speed", "time")
	if err != nil {
		return r, err
	}
	if o, ok := options["speed"]; ok {
		r.Speed, err = strconv.ParseFloat(o.text, 64)
		if err != nil || !validSpeed(r.Speed) {
			return r, s.wrong(o.at, fmt.Sprintf("%q is not valid", o.text), wantSpeed)
		}
	}
	if o, ok := options["time"]; ok {
		if r.Time = o.text; r.Time == "" {
			return r, s.wrong(o.at, "no field name", "the field that holds the instants, such as time=ts")
		}
	}
	if r.Speed == 1 {
		r.Speed = 0 // so that equal replays are equal values
	}
	return r, s.ends("nothing after a replay, which takes no other curve and no process")
}

var wantSpeed = fmt.Sprintf("a speed from %v to %v", 1/maxSpeed, maxSpeed)

func validSpeed(x float64) bool { return x >= 1/maxSpeed && x <= maxSpeed }

// path reads a file name.
func (s *scanner) path() (path string, err error) {
	rest := s.rest()
	at := s.at
	if strings.HasPrefix(rest, `"`) {
		quoted, err := strconv.QuotedPrefix(rest)
		if err != nil {
			return "", s.wrong(at, "no closing quote", wantReplay)
		}
		s.at += len(quoted)
		if path, err = strconv.Unquote(quoted); err != nil {
			return "", s.wrong(at, "quoted text is not valid", wantReplay)
		}
	} else {
		if end := strings.IndexAny(rest, " \t@("); end >= 0 {
			rest = rest[:end]
		}
		path = rest
		s.at += len(rest)
	}
	if path == "" || strings.Contains(path, "\x00") {
		return "", s.wrong(at, "no file name", wantReplay)
	}
	return path, nil
}

// String returns the spec in the form that [ParseLoad] parses.
func (r ReplaySpec) String() string {
	text := "replay:" + r.Path
	if quoted := strconv.Quote(r.Path); strings.ContainsAny(r.Path, ` "@(,`) || quoted != `"`+r.Path+`"` {
		text = "replay:" + quoted
	}
	if r.Cut > 0 {
		text += "@" + shortDuration(r.Cut)
	}
	var options []string
	if r.Speed != 0 && r.Speed != 1 {
		options = append(options, fmt.Sprintf("speed=%v", r.Speed))
	}
	if r.Time != "" {
		options = append(options, "time="+r.Time)
	}
	if options != nil {
		text += "(" + strings.Join(options, ",") + ")"
	}
	return text
}

// Open reads the file. It must be a regular file, so that it can be read again: a pipe gives each
// reader only the lines that earlier readers left.
func (r ReplaySpec) Open() (*Replay, error) {
	if info, err := os.Stat(r.Path); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("schedule: replay: %s is not a regular file: want one that can be read several times, "+
			"such as a copy", r.Path)
	}
	f, err := os.Open(r.Path)
	if err != nil {
		return nil, fmt.Errorf("schedule: replay: %w", err)
	}
	replay, err := r.Read(f)
	return replay, errors.Join(err, f.Close())
}

// Read reads the lines from a reader instead of the file. Errors begin with the spec's Path and
// the line number.
func (r ReplaySpec) Read(from io.Reader) (*Replay, error) {
	if r.Speed != 0 && !validSpeed(r.Speed) {
		return nil, fmt.Errorf("schedule: replay of %s: speed is %v: want %s", r.Path, r.Speed, wantSpeed)
	}
	if r.Cut < 0 {
		return nil, fmt.Errorf("schedule: replay of %s: cut is %v: want a time above 0, or 0 for none", r.Path, r.Cut)
	}
	l := lines{spec: r, keys: map[string]uint32{"": 0}, names: []string{""}}
	digest := sha256.New()
	if err := l.read(io.TeeReader(from, digest)); err != nil {
		return nil, err
	}
	replay, err := l.replay()
	if err != nil {
		return nil, err
	}
	replay.digest = hex.EncodeToString(digest.Sum(nil))
	return replay, nil
}

// lines collect the calls of a recording while it is read.
type lines struct {
	spec   ReplaySpec
	number int  // the number of the current line, from 1
	dates  bool // the instants are dates
	calls  []recorded
	keys   map[string]uint32 // the index of each key in names
	names  []string
	late   uint64 // calls that are earlier than a call on a line before them
	latest int64  // the latest instant so far, in ns
}

// A recorded call has an instant, in ns, and the index of its key.
type recorded struct {
	at  int64
	key uint32
}

func (l *lines) wrong(format string, args ...any) error {
	return fmt.Errorf("schedule: %s:%d: %w", l.spec.Path, l.number, fmt.Errorf(format, args...))
}

func (l *lines) read(from io.Reader) error {
	s := bufio.NewScanner(from)
	s.Buffer(nil, maxLine)
	for s.Scan() {
		if l.number++; l.number > maxLines {
			return l.wrong("more than %d lines: want fewer, such as a part of the recording", maxLines)
		}
		text := s.Text()
		if l.number == 1 {
			text = strings.TrimPrefix(text, "\ufeff") // some editors begin a file with it
		}
		text = strings.TrimSpace(text)
		if text == "" || text[0] == '#' {
			continue
		}
		if err := l.line(text); err != nil {
			return err
		}
	}
	l.number++
	switch err := s.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return l.wrong("longer than 1 MiB: want one call per line")
	case err != nil:
		return l.wrong("%w", err)
	}
	return nil
}

func (l *lines) line(text string) error {
	at, key := text, ""
	if text[0] == '{' {
		var err error
		if at, key, err = fields(text, l.spec.Time); err != nil {
			return l.wrong("%w", err)
		}
	}
	ns, date, err := instant(at)
	if err != nil {
		return l.wrong("%w", err)
	}
	if len(l.calls) == 0 {
		l.dates, l.latest = date, ns
	}
	if date != l.dates {
		return l.wrong("%q among instants of another kind: want dates only, or numbers and durations only", at)
	}
	if ns < l.latest {
		l.late++
	}
	l.latest = max(l.latest, ns)
	id, ok := l.keys[key]
	if !ok {
		id = uint32(len(l.names))
		l.keys[key], l.names = id, append(l.names, key)
	}
	l.calls = append(l.calls, recorded{ns, id})
	return nil
}

// replay sorts the calls, shifts them so that the first is due at 0, and scales and cuts them.
func (l *lines) replay() (*Replay, error) {
	path := l.spec.Path
	if len(l.calls) == 0 {
		return nil, fmt.Errorf("schedule: %s: no instants: want at least one", path)
	}
	if l.late > 0 {
		slices.SortStableFunc(l.calls, func(a, b recorded) int { return cmp.Compare(a.at, b.at) })
	}
	r := &Replay{calls: l.calls, names: l.names, late: l.late}
	start, speed := l.calls[0].at, l.spec.Speed
	for i := range r.calls {
		c := &r.calls[i]
		if c.at -= start; c.at < 0 {
			return nil, fmt.Errorf("schedule: %s: instants are more than 292 years apart: want a part of "+
				"the recording", path)
		}
		if speed == 0 || speed == 1 {
			continue
		}
		due := float64(c.at) / speed
		if due >= 1<<63 {
			return nil, fmt.Errorf("schedule: %s: takes more than 292 years at speed %v: want a higher speed",
				path, speed)
		}
		c.at = int64(due)
	}
	r.end(l.spec.Cut)
	return r, nil
}

// end sets the duration and cuts the replay.
func (r *Replay) end(cut time.Duration) {
	last, gap := r.calls[len(r.calls)-1].at, int64(time.Second)
	if n := len(r.calls); n > 1 {
		gap = max(last/int64(n-1), 1)
	}
	r.duration = time.Duration(min(last, math.MaxInt64-gap) + gap)
	if cut == 0 || cut >= r.duration {
		return
	}
	r.duration = cut
	n, _ := slices.BinarySearchFunc(r.calls, int64(cut),
		func(c recorded, at int64) int { return cmp.Compare(c.at, at) })
	r.calls = r.calls[:n]
}

// A Replay is a schedule of recorded calls: their instants, the first of which is 0, and their
// keys. [ReplaySpec.Open], [ReplaySpec.Read] and [Load.Arrivals] return one.
type Replay struct {
	calls    []recorded
	names    []string
	late     uint64
	duration time.Duration
	digest   string
}

var (
	_ Arrivals = (*Replay)(nil)
	_ Keys     = (*Replay)(nil)
)

// Duration returns the cut; or, if the replay ends before it, the instant of the last call and
// one mean gap more (1 s if there is only one call).
func (r *Replay) Duration() time.Duration { return r.duration }

// Calls returns the number of calls.
func (r *Replay) Calls() uint64 { return uint64(len(r.calls)) }

// OutOfOrder returns the number of calls that were recorded after a later call. The Replay has
// them in order.
func (r *Replay) OutOfOrder() uint64 { return r.late }

// Digest returns the SHA-256 of the recording in hexadecimal digits.
func (r *Replay) Digest() string { return r.digest }

// Key returns the key of call n, or "" if it has none.
func (r *Replay) Key(n uint64) string {
	if n >= r.Calls() {
		return ""
	}
	return r.names[r.calls[n].key]
}

// HasKeys reports whether any call of the recording has a key.
func (r *Replay) HasKeys() bool { return len(r.names) > 1 }

// From returns the instants from call n on.
func (r *Replay) From(n uint64) Instants {
	return &replayInstants{r.calls[min(n, r.Calls()):]}
}

type replayInstants struct{ left []recorded }

func (i *replayInstants) Next() (time.Duration, bool) {
	if len(i.left) == 0 {
		return 0, false
	}
	due := i.left[0].at
	i.left = i.left[1:]
	return time.Duration(due), true
}
