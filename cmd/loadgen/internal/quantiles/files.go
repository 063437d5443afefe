package quantiles

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// A Reader reads data from files.
type Reader struct {
	Stdin io.Reader
	// Visit is which visits of a run to read: a number from 1, an arm, or a cell. "" is the first arm.
	Visit string
	// Seed is of the order of what histograms kept without one.
	Seed uint64
	// Runs is how many runs were read.
	Runs int
	read bool // standard input was
}

// Read reads the data of a file: a histogram log (.hlog), a run of this project (its
// directory, or its run.json), or numbers, one a line, in nanoseconds or as Go
// durations. Path - is standard input, for logs and numbers. Errors name file and
// line.
func (r *Reader) Read(path string) (Data, error) {
	if path == "-" {
		if r.read {
			return Data{}, errors.New("-: standard input is given twice: want it once")
		}
		r.read = true
		return r.lines("stdin", "standard input", r.Stdin)
	}
	info, err := os.Stat(path)
	if err != nil {
		return Data{}, err
	}
	if info.IsDir() || strings.EqualFold(filepath.Ext(path), ".json") {
		return r.run(path)
	}
	f, err := os.Open(path)
	if err != nil {
		return Data{}, err
	}
	defer f.Close()
	return r.lines(filepath.Base(path), path, f)
}

// logMagic is how histogram logs begin.
const logMagic = "#[Histogram log format"

// lines reads a log or numbers, whichever it is.
func (r *Reader) lines(name, path string, in io.Reader) (Data, error) {
	buffered := bufio.NewReader(in)
	head, err := buffered.Peek(len(logMagic))
	if err != nil && err != io.EOF {
		return Data{}, fmt.Errorf("%s: %w", path, err)
	}
	if strings.EqualFold(filepath.Ext(path), ".hlog") || string(head) == logMagic {
		return r.log(name, path, buffered)
	}
	if bytes.HasPrefix(head, []byte("{")) {
		return Data{}, fmt.Errorf("%s:1: this is JSON: want numbers, one a line, or the path of a run.json", path)
	}
	values, err := numbers(path, buffered)
	if err != nil {
		return Data{}, err
	}
	return of(name, path, values), nil
}

// longestLine is more than a histogram of any range takes in a log.
const longestLine = 16 << 20

// eachLine gives f the lines of a file that are not blank and not comments, without
// the blanks around them, and says of its error, and of those of reading, where.
func eachLine(path string, in io.Reader, f func(line string) error) error {
	s := bufio.NewScanner(in)
	s.Buffer(nil, longestLine)
	n := 1
	for ; s.Scan(); n++ {
		line := strings.TrimSpace(s.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		if err := f(line); err != nil {
			return fmt.Errorf("%s:%d: %w", path, n, err)
		}
	}
	if err := s.Err(); err != nil {
		return fmt.Errorf("%s:%d: %w", path, n, err)
	}
	return nil
}

// numbers reads values in the order in which they stand there.
func numbers(path string, in io.Reader) (values []time.Duration, err error) {
	err = eachLine(path, in, func(line string) error {
		line, _, _ = strings.Cut(line, "#")
		v, err := parseNumber(strings.TrimSpace(line))
		if err != nil {
			return err
		}
		if len(values) == MaxValues {
			return errTooMany
		}
		values = append(values, v)
		return nil
	})
	if err == nil && len(values) == 0 {
		err = fmt.Errorf("%s:1: no values: want numbers, one a line", path)
	}
	return values, err
}

var errTooMany = fmt.Errorf("more than %d values: want a part of them", MaxValues)

const wantNumber = "want nanoseconds, or a duration such as 1.5ms"

// parseNumber reads one number, to the nearest nanosecond.
func parseNumber(s string) (time.Duration, error) {
	x, err := strconv.ParseFloat(s, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		d, err := time.ParseDuration(s)
		switch {
		case err != nil:
			return 0, fmt.Errorf("%s is not a number: %s", quoted(s), wantNumber)
		case d < 0:
			return 0, fmt.Errorf("%s is negative: %s", quoted(s), wantNumber)
		}
		return d, nil
	}
	switch {
	case math.IsNaN(x):
		return 0, fmt.Errorf("%s is no value: %s", quoted(s), wantNumber)
	case x < 0:
		return 0, fmt.Errorf("%s is negative: %s", quoted(s), wantNumber)
	case x >= math.MaxInt64:
		return 0, fmt.Errorf("%s is more than 292 years: %s", quoted(s), wantNumber)
	case x > 0 && x < 0.5:
		// Most likely seconds, all of which would round to 0.
		return 0, fmt.Errorf("%s is less than a nanosecond: %s", quoted(s), wantNumber)
	}
	return time.Duration(math.Round(x)), nil
}

// quoted is the beginning of a line.
func quoted(s string) string {
	const most = 40
	if len(s) > most {
		return strconv.Quote(s[:most]) + "..."
	}
	return strconv.Quote(s)
}

// shuffled mixes values whose order was not kept: estimators may depend on it, and
// rising values are a case of their own.
func (r *Reader) shuffled(values []time.Duration) []time.Duration {
	order := rand.New(rand.NewPCG(r.Seed, uint64(len(values))))
	order.Shuffle(len(values), func(i, j int) { values[i], values[j] = values[j], values[i] })
	return values
}
