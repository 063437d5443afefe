package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/visit"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/scenarios"
)

// replaying is a scenario of a replay, of 200 visits, and its file.
func replaying(t *testing.T) (s *scenarios.Scenario, replay string) {
	t.Helper()
	replay = filepath.Join(t.TempDir(), "calls.txt")
	if err := os.WriteFile(replay, []byte("0\n0.01\n0.02\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := scenarios.Decode("held.yaml", fmt.Appendf(nil,
		"name: held\nload: replay:%s\nrounds: 200\nspans: none\nseed: 1\n", replay))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.ReadReplays(); err != nil {
		t.Fatal(err)
	}
	return s, replay
}

// meddling is where messages go, and changes something at the first that has a word.
type meddling struct {
	bytes.Buffer
	word   string
	change func()
}

func (c *meddling) Write(p []byte) (int, error) {
	if c.change != nil && bytes.Contains(p, []byte(c.word)) {
		c.change()
		c.change = nil
	}
	return c.Buffer.Write(p)
}

func TestAReplayThatChangesEndsTheRunAndKeepsTheVisitsMade(t *testing.T) {
	grow := func(replay string) error { return os.WriteFile(replay, []byte("0\n0.01\n0.02\n0.03\n"), 0o600) }
	for name, c := range map[string]struct {
		change func(replay string) error
		later  bool // once there is a visit
	}{
		"it grows before the first visit": {change: grow},
		"it grows":                        {change: grow, later: true},
		"it is removed":                   {change: os.Remove, later: true},
		"it is no replay any more": {change: func(replay string) error {
			return os.WriteFile(replay,
				[]byte("x\n"), 0o600)
		}, later: true},
	} {
		t.Run(name, func(t *testing.T) {
			s, replay := replaying(t)
			out := filepath.Join(t.TempDir(), "run")
			done := make(chan error, 1)
			said := &meddling{word: "seed 1", change: func() {
				if !c.later {
					done <- c.change(replay)
					return
				}
				go func() {
					for r, err := results.Read(out); err != nil || len(r.Visits) == 0; r, err = results.Read(out) {
						time.Sleep(time.Millisecond)
					}
					done <- c.change(replay)
				}()
			}}
			err := run(t.Context(), s, visit.Provided{},
				&runOptions{out: out, screen: screenOf(newRoot(nil), io.Discard),
					stdout: io.Discard, stderr: said})
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			exit := (*exitError)(nil)
			if !errors.As(err, &exit) || exit.code != exitUnusable ||
				!strings.Contains(err.Error(), replay+", which is replayed, has changed") ||
				!strings.Contains(err.Error(), "what was measured before is in "+out) {
				t.Errorf("%v\n%s", err, &said.Buffer)
			}
			r, err := results.Read(out)
			if err != nil || len(r.Visits) > 0 != c.later || r.Status != results.Partial {
				t.Errorf("%v: %+v", err, r)
			}
		})
	}
}

func TestARunPinsWhatItDependsOn(t *testing.T) {
	s, replay := replaying(t)
	s.Rounds = 2
	out := filepath.Join(t.TempDir(), "run")
	if err := run(t.Context(), s, visit.Provided{}, &runOptions{out: out, screen: screenOf(newRoot(nil), io.Discard),
		stdout: io.Discard, stderr: io.Discard}); err != nil {
		t.Fatal(err)
	}
	r, err := results.Read(out)
	if err != nil || len(r.Visits) != 2 || r.Visits[0].Error != "" {
		t.Fatalf("%v: %+v", err, r)
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	want := map[results.InputKind]string{results.Program: program, results.Replay: replay, results.Resolved: "held"}
	for _, in := range r.Inputs {
		if want[in.Kind] != in.Name || len(in.SHA256) != 64 {
			t.Errorf("%+v, want %q", in, want[in.Kind])
		}
		delete(want, in.Kind)
	}
	if len(want) > 0 {
		t.Errorf("%v are not pinned", want)
	}
	// $ printf '0\n0.01\n0.02\n' | sha256sum
	const digest = "280451423e350de705074f4f7f258a41da6ff1881f3093198d1fe57385a831f2"
	if r.Inputs[1].SHA256 != digest {
		t.Errorf("the digest of the replay is %s", r.Inputs[1].SHA256)
	}
}

func TestRunsOfOneSecondHaveDirectoriesOfTheirOwn(t *testing.T) {
	t.Chdir(t.TempDir())
	began := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, want := range []string{"x-20260102T030405Z", "x-20260102T030405Z-2", "x-20260102T030405Z-3",
		"capacity-x-20260102T030405Z"} {
		t.Run(want, func(t *testing.T) {
			var dir string
			var err error
			if name, ok := strings.CutPrefix(want, "capacity-"); ok {
				dir, err = (&capacityOptions{}).directory(name[:1], began)
			} else {
				dir, err = (&runOptions{}).directory("x", began)
			}
			if info, statErr := os.Stat(dir); err != nil || dir != filepath.Join("results", want) || statErr != nil ||
				!info.IsDir() {
				t.Errorf("%s, %v, %v", dir, err, statErr)
			}
		})
	}
	if err := os.RemoveAll("results"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("results", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if dir, err := (&runOptions{}).directory("x", began); err == nil {
		t.Errorf("%s in a file", dir)
	}
}

func TestARecordingOutOfOrderIsSortedAndThatIsTold(t *testing.T) {
	s, replay := replaying(t)
	for text, want := range map[string]string{"0\n0.02\n0.01\n": "warning: " + replay +
		": 1 call stood after one that was made later: they are replayed in the order of their instants\n",
		"0\n1\n": ""} {
		t.Run(want, func(t *testing.T) {
			if err := os.WriteFile(replay, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			var said bytes.Buffer
			if err := readReplays(s, &said, nil); err != nil || said.String() != want {
				t.Errorf("%v, %q", err, &said)
			}
		})
	}
}
