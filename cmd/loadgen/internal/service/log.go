package service

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
)

const (
	logHead   = 1 << 20 // bytes at the beginning of the output that a log keeps
	logTail   = 1 << 20 // bytes at the end of the output that a log keeps
	logQuoted = 4 << 10 // bytes at the end of the output that an error quotes
	logLine   = 64 << 10
)

// A log keeps the beginning and the end of what a service prints. The beginning is written to the file as it comes, so
// that it exists even if this process is killed; the end is written by close.
type log struct {
	mu      sync.Mutex
	path    string
	file    *os.File // nil: in memory only
	tail    []byte   // at least the last logTail bytes, if there are so many
	total   int64
	err     error // the first error of the file
	pattern *regexp.Regexp
	line    []byte        // the beginning of the current line, while there is a pattern
	matched chan struct{} // closed when a line has matched pattern
}

// openLog returns a log that is written to a file, unless path is "". matched is closed when a line matches pattern,
// unless that is nil.
func openLog(path string, pattern *regexp.Regexp) (*log, error) {
	l := &log{path: path, pattern: pattern, matched: make(chan struct{})}
	if path == "" {
		return l, nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return nil, fmt.Errorf("making the directory of the log: %w", err)
	}
	var err error
	if l.file, err = os.Create(path); err != nil {
		return nil, fmt.Errorf("creating the log: %w", err)
	}
	return l, nil
}

// Write adds output. It returns no error, since a service must not notice that its log cannot be written: close does.
func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if head := min(logHead-l.total, int64(len(p))); head > 0 {
		l.write(p[:head])
	}
	l.total += int64(len(p))
	l.tail = append(l.tail, p...)
	if len(l.tail) > 2*logTail {
		l.tail = append(l.tail[:0], l.tail[len(l.tail)-logTail:]...)
	}
	l.match(p)
	return len(p), nil
}

// write writes to the file, and keeps the first error.
func (l *log) write(p []byte) {
	if l.file == nil || l.err != nil {
		return
	}
	_, l.err = l.file.Write(p)
}

// match looks for the pattern in each line, until one matches. The end of a long line is not looked at.
func (l *log) match(p []byte) {
	for l.pattern != nil && len(p) > 0 {
		line, rest, ends := bytes.Cut(p, []byte("\n"))
		l.line = append(l.line, line[:min(len(line), logLine-len(l.line))]...)
		if !ends {
			return
		}
		if l.pattern.Match(bytes.TrimSuffix(l.line, []byte("\r"))) {
			l.pattern, l.line = nil, nil
			close(l.matched)
			return
		}
		l.line, p = l.line[:0], rest
	}
}

// close writes the end of the output to the file, and returns the first error of the file.
func (l *log) close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return nil
	}
	tail := l.tail[len(l.tail)-int(min(max(l.total-logHead, 0), logTail)):]
	if left := l.total - logHead - int64(len(tail)); left > 0 {
		l.write([]byte("\n[" + format.Count(left) + " bytes of the output are left out here]\n"))
	}
	l.write(tail)
	err := errors.Join(l.err, l.file.Close())
	l.file = nil
	if err != nil {
		return fmt.Errorf("writing the log of the service: %w", err)
	}
	return nil
}

// contains reports whether a pattern matches the end of the output.
func (l *log) contains(pattern *regexp.Regexp) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return pattern.Match(l.tail)
}

// quote returns the last lines of the output for an error, and where the rest is.
func (l *log) quote() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	where := ""
	if l.path != "" {
		where = " (more is in " + l.path + ")"
	}
	end := l.tail
	if len(end) > logQuoted {
		end = end[len(end)-logQuoted:]
		if _, rest, ok := bytes.Cut(end, []byte("\n")); ok && len(rest) > 0 {
			end = rest // from the beginning of a line
		}
	}
	text := strings.ReplaceAll(string(end), "\r\n", "\n")
	text = strings.TrimRight(format.Printable(text, "\n\t"), "\n")
	if text == "" {
		return "it printed nothing"
	}
	return "the end of its output" + where + ":\n\t" + strings.ReplaceAll(text, "\n", "\n\t")
}
