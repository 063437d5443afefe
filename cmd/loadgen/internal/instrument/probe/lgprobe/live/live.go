//go:build go1.18

// Package live gives the probes a clock. If the environment has LOADGEN_PROBE_OUT=FILE, it also keeps their counts in
// FILE, as one JSON document. In the name of FILE, %p is the process id.
//
// Every call writes the line of its handler twice, as it begins and as it ends. So the counts are exact however the
// process ends: after os.Exit, a panic, or a signal. This costs about two microseconds per call, outside of the time
// that is measured.
package live

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/instrument/probe/lgprobe"
)

// Variable is the environment variable with the name of the file.
const Variable = "LOADGEN_PROBE_OUT"

var epoch = time.Now()

func init() {
	lgprobe.SetClock(func() int64 { return int64(time.Since(epoch)) })
	name := os.Getenv(Variable)
	if name == "" {
		return
	}
	f, err := newFile(strings.ReplaceAll(name, "%p", strconv.Itoa(os.Getpid())))
	if err != nil {
		report(err)
		return
	}
	lgprobe.Observe(f)
}

// report prints an error about the file. The program goes on.
func report(err error) {
	fmt.Fprintf(os.Stderr, "loadgen: %s: %v; the probes are not written\n", Variable, err)
}

// A file is the file of the counts. Each entry has a line of fixed length in it, so that a call writes its own line
// only.
type file struct {
	mu     sync.Mutex
	f      *os.File
	end    int64 // where the next line begins
	lines  map[*lgprobe.Entry]int64
	broken bool // an error has been reported
}

const (
	head = `{"schema":1,"kind":"probes","probes":[` + "\n"
	tail = "\n]}\n"
)

func newFile(name string) (*file, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o666)
	if err != nil {
		return nil, err
	}
	if _, err := f.WriteAt([]byte(head+strings.TrimPrefix(tail, "\n")), 0); err != nil {
		_ = f.Close() // the error of writing says more
		return nil, err
	}
	return &file{f: f, end: int64(len(head)), lines: map[*lgprobe.Entry]int64{}}, nil
}

// Register adds a line for e.
func (o *file) Register(e *lgprobe.Entry) {
	o.mu.Lock()
	defer o.mu.Unlock()
	before := ""
	if len(o.lines) > 0 {
		before = ",\n"
	}
	text := line(e)
	o.write(before+text+tail, o.end)
	o.lines[e] = o.end + int64(len(before))
	o.end += int64(len(before) + len(text))
}

// Begin writes the line of e.
func (o *file) Begin(e *lgprobe.Entry) any {
	o.update(e)
	return nil
}

// End writes the line of e.
func (o *file) End(e *lgprobe.Entry, _ any, _ bool) { o.update(e) }

func (o *file) update(e *lgprobe.Entry) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.write(line(e), o.lines[e])
}

func (o *file) write(text string, at int64) {
	if _, err := o.f.WriteAt([]byte(text), at); err != nil && !o.broken {
		o.broken = true
		report(err)
	}
}

// line returns the line of e. Its length does not depend on the counts.
func line(e *lgprobe.Entry) string {
	begun, ended, broken, nanos := e.Counts()
	return fmt.Sprintf(`{"site":%s,"key":%s,"calls":%19d,"ended":%19d,"broken":%19d,"total_ns":%19d}`,
		quoted(e.Site), quoted(e.Key), begun, ended, broken, nanos)
}

// quoted returns s as a string of JSON. Package encoding/json would make every program larger.
func quoted(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s { // what is no UTF-8 becomes U+FFFD
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < ' ':
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
