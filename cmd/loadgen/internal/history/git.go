package history

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/child"
)

// changes is appended to a commit if the working tree differs from it.
const changes = "+changes"

// Head returns the commit of the working tree, and its time. It appends "+changes" to the commit
// if tracked files other than the history itself have changes.
func Head(ctx context.Context, history string) (commit string, at time.Time, err error) {
	out, err := git(ctx, "show", "-s", "--format=%H %cI", "HEAD")
	if err != nil {
		return "", at, fmt.Errorf("the commit is unknown: %w: give it with --commit", err)
	}
	commit, when, _ := strings.Cut(out, " ")
	if at, err = time.Parse(time.RFC3339, when); err != nil {
		return "", at, fmt.Errorf("the time of commit %s: %w", commit, err)
	}
	top, err := git(ctx, "rev-parse", "--show-toplevel")
	if err != nil {
		return "", at, fmt.Errorf("it is unknown whether there are changes: %w: give the commit with --commit", err)
	}
	changed, err := git(ctx, "diff", "--name-only", "-z", "--no-relative", "HEAD") // unquoted names, from the top
	if err != nil {
		return "", at, err
	}
	own, err := filepath.Abs(history)
	if err != nil {
		return "", at, err
	}
	if real, err := filepath.EvalSymlinks(own); err == nil {
		own = real // git resolves symbolic links
	}
	for name := range strings.SplitSeq(changed, "\x00") {
		if name != "" && filepath.Join(top, name) != own {
			return commit + changes, at, nil
		}
	}
	return commit, at, nil
}

// git runs git and returns its output.
func git(ctx context.Context, args ...string) (string, error) {
	cmd := child.Command(ctx, "git", args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		line, _, _ := bytes.Cut(bytes.TrimSpace(stderr.Bytes()), []byte("\n"))
		return "", fmt.Errorf("git %s: %s", args[0], line)
	}
	return strings.TrimSuffix(stdout.String(), "\n"), err
}
