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
		f.Register(e)
		for range i {
			f.Begin(e)
			run := e.Begin()
			run.End()
			f.End(e, nil, false)
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
