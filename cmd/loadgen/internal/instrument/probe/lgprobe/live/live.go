//go:build go1.18

// Package live keeps the counts and durations of probes in a file, if the environment has LOADGEN_PROBE_OUT=FILE. The
// file is one JSON document. In the name of FILE, %p is the process id. A file that exists is replaced.
//
// The first 2,000 calls of a handler write its line twice, as they begin and as they end. Later ones do so less often,
// so that the file is never more than one call in a thousand behind, and a call costs two clock reads and little more.
// So the file is good however the process ends: by os.Exit, a panic, or a signal. When function main returns, it is
// exact.
package live

import (
	"fmt"
	"math/bits"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/instrument/probe/lgprobe"
)

// Variable is the environment variable with the name of the file.
const Variable = "LOADGEN_PROBE_OUT"

func init() {
	lgprobe.SetQueue(new(sync.Mutex))
	lgprobe.SetUnwinding(unwinding)
	name := os.Getenv(Variable)
	if name == "" {
		lgprobe.Idle()
		return
	}
	f, err := newFile(strings.ReplaceAll(name, "%p", strconv.Itoa(os.Getpid())))
	if err != nil {
		report(err)
		return
	}
	epoch := time.Now()
	lgprobe.SetClock(func() int64 { return int64(time.Since(epoch)) })
	lgprobe.OnFlush(f.flush)
	lgprobe.Observe(f)
}

// unwinding reports whether a panic or runtime.Goexit runs the deferred function that calls its caller. That one is a
// method of a Run: the compiler defers it by means of a wrapper, which has no frame here.
func unwinding() bool {
	var pcs [1]uintptr
	if runtime.Callers(3, pcs[:]) == 0 { // after Callers, unwinding, and its caller
		return false
	}
	switch runtime.FuncForPC(pcs[0] - 1).Name() {
	case "runtime.gopanic", "runtime.Goexit":
		return true
	}
	return false
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
	lines  []*row
	broken bool // an error has been reported
}

// A row is the line of an entry.
type row struct {
	e  *lgprobe.Entry
	at int64 // where it begins in the file
}

const (
	head = `{"schema":1,"kind":"probes","probes":[` + "\n"
	tail = "\n]}\n"
)

// newFile makes a new file. One with this name that exists is replaced, not written to: another process, such as the
// parent of this one, may still write its own counts to it.
func newFile(name string) (*file, error) {
	if f, err := replaced(name); err == nil {
		return f, nil
	}
	// It is no file, such as /dev/stderr, or its directory takes no new one.
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o666)
	if err != nil {
		return nil, err
	}
	return started(f)
}

// replaced makes a file beside the one with a name, and gives it that name.
func replaced(name string) (*file, error) {
	if old, err := os.Lstat(name); err == nil && !old.Mode().IsRegular() {
		return nil, os.ErrExist
	}
	beside := name + "." + strconv.Itoa(os.Getpid()) + ".new"
	f, err := os.OpenFile(beside, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o666)
	if err != nil {
		return nil, err
	}
	o, err := started(f)
	if err == nil {
		err = os.Rename(beside, name)
	}
	if err != nil {
		_ = f.Close() // the first error says more
		_ = os.Remove(beside)
		return nil, err
	}
	return o, nil
}

// started writes a document without probes.
func started(f *os.File) (*file, error) {
	if _, err := f.WriteAt([]byte(head+strings.TrimPrefix(tail, "\n")), 0); err != nil {
		_ = f.Close() // the error of writing says more
		return nil, err
	}
	return &file{f: f, end: int64(len(head))}, nil
}

// Register adds a line for e, which is the handle.
func (o *file) Register(e *lgprobe.Entry) any {
	o.mu.Lock()
	defer o.mu.Unlock()
	before := ""
	if len(o.lines) > 0 {
		before = ",\n"
	}
	text := line(e)
	o.write(before+text+tail, o.end)
	r := &row{e, o.end + int64(len(before))}
	o.lines = append(o.lines, r)
	o.end += int64(len(before) + len(text))
	return r
}

// Begin writes the line of a call that begins, if it is its turn.
func (o *file) Begin(handle any, n int64) any {
	if isWritten(n) {
		o.update(handle.(*row))
	}
	return nil
}

// End writes the line of a call that has ended, if it is its turn.
func (o *file) End(handle, _ any, n int64, _ bool) {
	if isWritten(n) {
		o.update(handle.(*row))
	}
}

// isWritten reports whether the nth call is written: the first 2,047 are, then every second one up to 4,095, every
// fourth one up to 8,191, and so on.
func isWritten(n int64) bool { return n&(1<<bits.Len64(uint64(n)>>11)-1) == 0 }

func (o *file) update(r *row) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.write(line(r.e), r.at)
}

// flush writes all lines.
func (o *file) flush() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, r := range o.lines {
		o.write(line(r.e), r.at)
	}
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
