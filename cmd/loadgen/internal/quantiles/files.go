package quantiles

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/hdrlog"
)

// A Reader reads data from files.
type Reader struct {
	Stdin io.Reader
	// Visit is which visits of a run to read: a number from 1, an arm, or a cell. "" is the first arm.
	Visit string
	// Tag is which intervals of a log to read; "" is those without a tag.
	Tag string
	// Unit is what numbers are counted in, and the values of logs. 0 is the nanosecond,
	// and what cannot be in nanoseconds is an error.
	Unit time.Duration
	// Seed is of the order of what histograms kept without one.
	Seed uint64
	// Runs and Logs are how many of each were read.
	Runs, Logs int
	most       int  // values of a data set; 0: MaxValues
	read       bool // standard input was
}

// Read reads the data of a file: a histogram log, a run of this project (its
// directory, or its run.json), or numbers, one a line, in Unit or as Go durations.
// Path - is standard input, for logs and numbers. Errors name file and line.
func (r *Reader) Read(path string) (Data, error) {
	if isRun(path) {
		return r.run(path)
	}
	f, err := r.open(path)
	if err != nil {
		return Data{}, err
	}
	defer f.Close()
	if f.log {
		return r.log(f)
	}
	values, err := r.numbers(f)
	if err != nil {
		return Data{}, err
	}
	return of(f.name, f.path+", numbers in "+r.unit(), values), nil
}

// unit names Unit.
func (r *Reader) unit() string {
	for name, unit := range Units {
		if unit == max(r.Unit, time.Nanosecond) {
			return name
		}
	}
	return r.Unit.String()
}

// Units are those that the numbers of a file may be in, by name.
var Units = map[string]time.Duration{"ns": time.Nanosecond, "us": time.Microsecond, "ms": time.Millisecond,
	"s": time.Second}

// isRun reports whether path is a directory or a JSON file, which only runs are.
func isRun(path string) bool {
	if strings.EqualFold(filepath.Ext(path), ".json") {
		return true
	}
	info, err := os.Stat(path)
	return path != "-" && err == nil && info.IsDir()
}

// A textFile is a log or a file of numbers.
type textFile struct {
	*bufio.Reader
	io.Closer
	name, path string // for names of data, and for errors
	log        bool
}

// sniffed is how much of a file is looked at to tell what it is.
const sniffed = 64 << 10

// open opens a file of text. One that is of another kind is an error.
func (r *Reader) open(path string) (*textFile, error) {
	f := &textFile{name: filepath.Base(path), path: path}
	if path == "-" {
		if r.read {
			return nil, errors.New("-: standard input is given twice: want it once")
		}
		r.read = true
		f.name, f.path, f.Closer = "stdin", "standard input", io.NopCloser(nil)
		f.Reader = bufio.NewReaderSize(r.Stdin, sniffed)
	} else {
		opened, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		f.Closer, f.Reader = opened, bufio.NewReaderSize(opened, sniffed)
	}
	if err := f.sniff(); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// sniff tells a log from numbers, and both from what is neither.
func (f *textFile) sniff() error {
	head, err := f.Peek(sniffed)
	if err != nil && err != io.EOF {
		return fmt.Errorf("%s: %w", f.path, err)
	}
	if strings.HasPrefix(string(head), byteOrderMark) {
		head = head[len(byteOrderMark):]
		if _, err := f.Discard(len(byteOrderMark)); err != nil {
			return fmt.Errorf("%s: %w", f.path, err)
		}
	}
	if what := anotherKind(head); what != "" {
		return fmt.Errorf("%s:1: this is %s", f.path, what)
	}
	f.log = strings.EqualFold(filepath.Ext(f.path), ".hlog") || hdrlog.IsLog(head)
	return nil
}

// longestLine is more than a histogram of any range takes in a log.
const longestLine = 16 << 20

// eachLine gives use the lines of a file that are not blank and not comments, without
// the blanks around them, and says of its error, and of those of reading, where.
func (f *textFile) eachLine(use func(line string) error) error {
	s := bufio.NewScanner(f)
	s.Buffer(nil, longestLine)
	n := 1
	for ; s.Scan(); n++ {
		line := strings.TrimSpace(s.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		if err := use(line); err != nil {
			return fmt.Errorf("%s:%d: %w", f.path, n, err)
		}
	}
	err := s.Err()
	if errors.Is(err, bufio.ErrTooLong) {
		err = fmt.Errorf("a line of more than %d MiB: want numbers, one a line, or a histogram log", longestLine>>20)
	}
	if err != nil {
		return fmt.Errorf("%s:%d: %w", f.path, n, err)
	}
	return nil
}

// mostValues is how many values a data set may have.
func (r *Reader) mostValues() int {
	if r.most == 0 {
		return MaxValues
	}
	return r.most
}

// shuffled mixes values whose order was not kept: estimators may depend on it, and
// rising values are a case of their own.
func (r *Reader) shuffled(values []time.Duration) []time.Duration {
	order := rand.New(rand.NewPCG(r.Seed, uint64(len(values))))
	order.Shuffle(len(values), func(i, j int) { values[i], values[j] = values[j], values[i] })
	return values
}
