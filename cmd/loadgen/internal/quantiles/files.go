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

// A Reader reads data sets from files.
type Reader struct {
	Stdin io.Reader
	// Visit selects the visits of a run: a number from 1, an arm, or a cell. "" selects the first arm.
	Visit string
	// Tag selects the intervals of a log; "" selects the intervals without a tag.
	Tag string
	// Unit is the unit of numbers, and of the values of logs. 0 means nanoseconds, and then values that
	// cannot be in nanoseconds are errors.
	Unit time.Duration
	// Seed determines the order of values whose order histograms did not keep.
	Seed uint64
	// Runs and Logs are the numbers of runs and logs that were read.
	Runs, Logs int
	most       int  // largest number of values of a data set; 0 means MaxValues
	read       bool // whether standard input was read
}

// Read reads the data set of a file, which is a histogram log, a run of loadgen (its
// directory, or its run.json), or numbers, one per line, in Unit or as Go durations.
// The path - is standard input, for logs and numbers. Errors name file and line.
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

// unit returns the name of Unit.
func (r *Reader) unit() string {
	for name, unit := range Units() {
		if unit == max(r.Unit, time.Nanosecond) {
			return name
		}
	}
	return r.Unit.String()
}

// Units returns the units of numbers in a file, by name.
func Units() map[string]time.Duration {
	return map[string]time.Duration{"ns": time.Nanosecond, "us": time.Microsecond, "ms": time.Millisecond,
		"s": time.Second}
}

// isRun reports whether path is a directory or a JSON file, which is always a run.
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
	name, path string // for the name of the data set, and for errors
	log        bool
}

// sniffed is how many bytes of a file are examined to find out its kind.
const sniffed = 64 << 10

// open opens a text file. A file of another kind is an error.
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

// sniff sets whether the file is a log, and returns an error if it is neither a log nor numbers.
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

// longestLine exceeds the length of any histogram in a log, in bytes.
const longestLine = 16 << 20

// eachLine calls use for each line of a file that is neither blank nor a comment, without surrounding blanks. It adds
// the place to the error of use and to errors of reading.
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

// mostValues returns the largest number of values of a data set.
func (r *Reader) mostValues() int {
	if r.most == 0 {
		return MaxValues
	}
	return r.most
}

// shuffled shuffles values whose order was not kept. Estimators may depend on the order, and ascending values would be
// a special case.
func (r *Reader) shuffled(values []time.Duration) []time.Duration {
	order := rand.New(rand.NewPCG(r.Seed, uint64(len(values))))
	order.Shuffle(len(values), func(i, j int) { values[i], values[j] = values[j], values[i] })
	return values
}
