package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/loadgen-go/loadgen/results"
)

// What was measured is kept if the service does not tell its allocations at the end.
func TestAVisitWhoseServiceTellsNothingAtItsEndKeepsItsCalls(t *testing.T) {
	dir := t.TempDir()
	file, out := filepath.Join(dir, "s.yaml"), filepath.Join(dir, "run")
	text := fmt.Sprintf("target: http\nhttp: {url: 'http://127.0.0.1:{{port}}/x', connections: 2}\nqps: 200\n"+
		"duration: 100ms\nwarmup: 20ms\nrounds: 1\nservice: {command: ['{{loadgen}}'], env: {%s: %s}, idle: 0s, "+
		"inspect: 'http://127.0.0.1:{{port}}/heap'}\n", asCommand, asService)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr := execute(t, "run", file, "-o", out)
	run, err := results.Read(out)
	if code != exitUnusable || err != nil || len(run.Visits) != 1 {
		t.Fatalf("exit %d, %v, %+v\n%s\n%s", code, err, run, stdout, stderr)
	}
	v := run.Visits[0]
	if v.Usable() || v.Record == nil || v.Record.Done == 0 || v.Service == nil || v.Service.CPU == nil ||
		!strings.Contains(v.Error, "/heap: status 503") {
		t.Errorf("%+v", v)
	}
}
