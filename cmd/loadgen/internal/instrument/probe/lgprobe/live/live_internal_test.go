package live

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/instrument/probe/lgprobe"
)

// document is what the file holds.
type document struct {
	Schema int
	Kind   string
	Probes []struct {
		Site, Key                     string
		Calls, Ended, Broken, TotalNs int64
	}
}

func read(t *testing.T, path string) (d document) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(data, &d)
	}
	if err != nil {
		t.Fatalf("%v in\n%s", err, data)
	}
	return d
}

// The file is a JSON document at every instant, and its counts are those of the calls so far.
func TestTheFileIsAlwaysComplete(t *testing.T) {
	path := filepath.Join(t.TempDir(), "probes.json")
	f, err := newFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := read(t, path); d.Schema != 1 || d.Kind != "probes" || len(d.Probes) != 0 {
		t.Errorf("%+v", d)
	}
	keys := []string{"plain", "quotes \" and \\", "line\nbreak\x00", "no UTF-8 \xff", "\u4e16", ""}
	for i, key := range keys {
		e := &lgprobe.Entry{Site: "site", Key: key}
		handle := f.Register(e)
		for n := range int64(i) {
			var run lgprobe.Run
			run.Begin(e)
			f.Begin(handle, n+1)
			run.End()
			f.End(handle, nil, n+1, false)
		}
		d := read(t, path)
		if want := string([]rune(key)); len(d.Probes) != i+1 || d.Probes[i].Key != want || d.Probes[i].Site != "site" {
			t.Fatalf("%+v", d)
		}
		if p := d.Probes[i]; p.Calls != int64(i) || p.Ended != int64(i) || p.Broken != int64(i) {
			t.Errorf("%+v, want %d calls", p, i)
		}
	}
}

func TestAFileThatCannotBeWrittenIsAnError(t *testing.T) {
	if _, err := newFile(filepath.Join(t.TempDir(), "none", "probes.json")); err == nil {
		t.Error("no error")
	}
}

// The file is never more than a call in a thousand behind, and after flush it is exact.
func TestManyCallsAreWrittenNowAndThen(t *testing.T) {
	written, last := 0, int64(0)
	for n := int64(1); n <= 1e6; n++ {
		if isWritten(n) {
			written, last = written+1, n
		}
		if behind := n - last; behind*1000 > n {
			t.Fatalf("after %d calls, %d are written", n, last)
		}
	}
	if written > 15_000 {
		t.Errorf("%d of a million calls are written", written)
	}
	path := filepath.Join(t.TempDir(), "probes.json")
	f, err := newFile(path)
	if err != nil {
		t.Fatal(err)
	}
	e := &lgprobe.Entry{Site: "site", Key: "key"}
	handle := f.Register(e)
	for n := range int64(9999) {
		var run lgprobe.Run
		run.Begin(e)
		f.Begin(handle, n+1)
		run.End()
		f.End(handle, nil, n+1, false)
	}
	if p := read(t, path).Probes[0]; p.Calls != 9992 {
		t.Errorf("%+v, want 9,992 calls: the last multiple of 8", p)
	}
	f.flush()
	if p := read(t, path).Probes[0]; p.Calls != 9999 || p.Ended != 9999 {
		t.Errorf("%+v, want 9,999 calls", p)
	}
}

// nothing is an observer that makes the probes count, as the file does in a program.
type nothing struct{}

func (nothing) Register(*lgprobe.Entry) any { return nil }
func (nothing) Begin(any, int64) any        { return nil }
func (nothing) End(any, any, int64, bool)   {}

func init() { lgprobe.Observe(nothing{}) }
