package command

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/visit"
	"github.com/loadgen-go/loadgen/results"
)

// newVisit is the hidden command that runs one cell, in a process of its own. It
// reads a request from its input and writes the visit to its output.
func newVisit(own targets) *cobra.Command {
	return &cobra.Command{
		Use:    "visit",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := context.WithCancel(cmd.Context())
			defer cancel()
			in := json.NewDecoder(cmd.InOrStdin())
			var req visit.Request
			if err := in.Decode(&req); err != nil {
				return unusable(fmt.Errorf("reading what to visit: %w", err))
			}
			go func() { // the input ends with the process that asked
				_, err := io.Copy(io.Discard, io.MultiReader(in.Buffered(), cmd.InOrStdin()))
				if err == nil {
					cancel()
				}
			}()
			target, err := own.own(req.Scenario)
			if err != nil {
				return unusable(err)
			}
			v, err := visit.Do(ctx, &req, target)
			if err != nil {
				return unusable(err)
			}
			if err := json.NewEncoder(cmd.OutOrStdout()).Encode(v); err != nil {
				return unusable(fmt.Errorf("writing the visit: %w", err))
			}
			return nil
		},
	}
}

// grace is how long a visit has to hand over what it has measured once it is
// interrupted.
const grace = 3 * time.Second

// spawn runs a visit in a fresh process of the given program. Whatever goes wrong
// in there is in the visit's Error: it ends this visit only.
func spawn(ctx context.Context, program string, req *visit.Request) *results.Visit {
	failed := func(err error) *results.Visit {
		return &results.Visit{Cell: req.Cell, Began: time.Now().UTC(), Error: err.Error()}
	}
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, program, "visit")
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return failed(err)
	}
	// The end of its input interrupts a visit. A signal might be a second one, after
	// that of the terminal, and end it before it has handed over what it measured.
	cmd.Cancel = stdin.Close
	cmd.WaitDelay = grace
	if err := cmd.Start(); err != nil {
		return failed(err)
	}
	// If it cannot be written the process has ended, and says why.
	writeErr := json.NewEncoder(stdin).Encode(req)
	waitErr := cmd.Wait()
	v := &results.Visit{}
	readErr := json.Unmarshal(stdout.Bytes(), v)
	if readErr == nil && v.Record != nil {
		v.Log = clip(stderr.String())
		return v
	}
	return failed(fmt.Errorf("the process of the visit failed: %w\n%s",
		cmp.Or(waitErr, readErr, writeErr, errors.New("its visit has no record")), clip(stderr.String())))
}

// clip is what a process said, without the middle if it is long: a crash says why
// at the beginning, and where at the end.
func clip(s string) string {
	s = strings.TrimSpace(s)
	const most = 4 << 10
	if len(s) > most {
		s = s[:most/2] + "\n...\n" + s[len(s)-most/2:]
	}
	return strings.ToValidUTF8(s, "?")
}
