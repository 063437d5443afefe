package main

import (
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func TestProgramsGetNothingThatTheUserSetForOthers(t *testing.T) {
	got := own([]string{"PATH=/bin", "OTEL_TRACES_SAMPLER=always_off", "GOMAXPROCS=2", "SPAN_STORAGE_TYPE=badger",
		"SLOW=place order=1s", "HOME=/root"})
	if want := []string{"PATH=/bin", "GOMAXPROCS=2", "HOME=/root"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// A silent transport never answers.
type silent struct{}

func (silent) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

func TestAProgramThatDoesNotAnswerIsNotWaitedForForever(t *testing.T) {
	old := client.Transport
	client.Transport = silent{}
	defer func() { client.Transport = old }()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		if _, err := get(t.Context(), "http://127.0.0.1:1/"); err == nil || time.Since(began) != answering {
			t.Errorf("%v after %v, want an error after %v", err, time.Since(began), answering)
		}
		p := &process{name: "jaeger", log: filepath.Join(t.TempDir(), "log"), ended: make(chan struct{})}
		began = time.Now()
		err := p.await(t.Context(), answers("http://127.0.0.1:1/"))
		if took := time.Since(began); err == nil || took < starting || took > starting+time.Second ||
			!strings.Contains(err.Error(), "jaeger is not ready") {
			t.Errorf("%v after %v, want an error after %v", err, took, starting)
		}
	})
}

func TestAnAddressIsNotListeningUntilSomethingDoes(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ready := listening(l.Addr().String())
	if !ready(t.Context()) {
		t.Error("an address that accepts connections is not")
	}
	l.Close()
	if ready(t.Context()) {
		t.Error("a closed one is")
	}
}

func TestEachTreeHasAServiceOfItsOwn(t *testing.T) {
	var paths []string
	for _, source := range []string{source, "/other/tree/gin"} {
		path, err := programPath("/cache", source)
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	if paths[0] == paths[1] || filepath.Dir(paths[0]) != "/cache/loadgen/stack" {
		t.Errorf("%q", paths)
	}
}

// The script exits as its help says if nothing can be built, because 1 means that something does not add up.
func TestAScriptThatCannotBuildSaysSo(t *testing.T) {
	for _, row := range []struct {
		name, fake string // what go does
		interrupt  bool
		want       int
	}{
		{"the build fails", "exit 1", false, codeBroken},
		// As go does, the program ends with 1 after an interrupt.
		{"an interrupt", "trap 'exit 1' INT; echo begun; while :; do sleep 0.1; done", true, 130},
	} {
		t.Run(row.name, func(t *testing.T) {
			dir := t.TempDir()
			script := "#!/bin/bash\n" + row.fake + "\n"
			if err := os.WriteFile(filepath.Join(dir, "go"), []byte(script), 0o700); err != nil {
				t.Fatal(err)
			}
			ctx, stop := context.WithTimeout(t.Context(), time.Minute)
			defer stop()
			run := exec.CommandContext(ctx, "./run", "-only", partRead)
			run.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"), "XDG_CACHE_HOME="+dir)
			run.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
			out, err := run.StdoutPipe()
			if err == nil {
				err = run.Start()
			}
			if err != nil {
				t.Fatal(err)
			}
			if row.interrupt {
				if _, err := out.Read(make([]byte, 5)); err != nil {
					t.Fatal(err)
				}
				if err := syscall.Kill(-run.Process.Pid, syscall.SIGINT); err != nil {
					t.Fatal(err)
				}
			}
			_ = run.Wait() // the code is what counts
			if got := run.ProcessState.ExitCode(); got != row.want {
				t.Errorf("%s, want the exit code %d", run.ProcessState, row.want)
			}
		})
	}
}

func TestAShortLoadMayHaveNoSlowStep(t *testing.T) {
	for _, row := range []struct {
		self map[string]time.Duration
		want int
	}{
		{nil, 0},
		{map[string]time.Duration{"GET /items": 2, "select items": 1}, 0},
		{map[string]time.Duration{"GET /items": 2, slowStep: 3}, 0},
		{map[string]time.Duration{"GET /items": 3, slowStep: 2}, 1},
	} {
		r := &reading{self: map[string]map[string]time.Duration{sdk: row.self}}
		if got := r.misled(); len(got) != row.want {
			t.Errorf("%v: %q, want %d problems", row.self, got, row.want)
		}
	}
}
