package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/loadgen-go/loadgen/results"
)

// A run in which a sidecar with per: run ends by itself is no success, and keeps what was measured.
func TestASidecarOfTheRunThatEndsIsNoticed(t *testing.T) {
	dir := t.TempDir()
	file, out := filepath.Join(dir, "s.yaml"), filepath.Join(dir, "run")
	text := fmt.Sprintf("target: http\nhttp: {url: 'http://127.0.0.1:{{port}}/x', connections: 2}\nqps: 200\n"+
		"duration: 100ms\nwarmup: 20ms\nrounds: 3\nservice:\n  command: ['{{loadgen}}']\n  env: {%s: %s, "+
		"END_SIDECAR: 'http://127.0.0.1:{{port db}}/end'}\n  idle: 0s\n  sidecars:\n  - name: db\n    "+
		"command: ['{{loadgen}}']\n    env: {%[1]s: %[2]s, PORT: '{{port db}}'}\n    "+
		"ready: {httpGet: 'http://127.0.0.1:{{port db}}/heap'}\n    per: run\n", asCommand, asService)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr := execute(t, "run", file, "--no-verify", "-o", out)
	run, err := results.Read(out)
	if code != exitUnusable || err != nil || len(run.Visits) == 0 {
		t.Fatalf("exit %d, %v, %+v\n%s\n%s", code, err, run, stdout, stderr)
	}
	v := run.Visits[0]
	const want = "a sidecar that is to live as long as the run (per: run) is gone: service db: it ended by itself: " +
		"exit status 9"
	if v.Usable() || v.Record == nil || v.Record.Done == 0 || !strings.HasPrefix(v.Error, "service-gone: "+want) {
		t.Errorf("%+v", v)
	}
	if len(run.Visits) != 1 || !strings.Contains(stderr, want) || !strings.Contains(stderr, out) {
		t.Errorf("%d visits were kept\n%s", len(run.Visits), stderr)
	}
}

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
