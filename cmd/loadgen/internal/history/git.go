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

// changes is added to a commit that the working tree differs from.
const changes = "+changes"

// Head is the commit that the working tree is at, and its time. "+changes" is added to it
// if there are some in files that git knows, other than the history itself.
func Head(ctx context.Context, history string) (commit string, at time.Time, err error) {
	out, err := git(ctx, "show", "-s", "--format=%H %cI", "HEAD")
	if err != nil {
		return "", at, fmt.Errorf("which commit this is of: %w: say it with --commit", err)
	}
	commit, when, _ := strings.Cut(out, " ")
	if at, err = time.Parse(time.RFC3339, when); err != nil {
		return "", at, fmt.Errorf("the time of commit %s: %w", commit, err)
	}
	top, err := git(ctx, "rev-parse", "--show-toplevel")
	if err != nil {
		return "", at, fmt.Errorf("whether there are changes: %w: say which commit it is with --commit", err)
	}
	changed, err := git(ctx, "diff", "--name-only", "-z", "--no-relative", "HEAD") // names as they are, from the top
	if err != nil {
		return "", at, err
	}
	own, err := filepath.Abs(history)
	if err != nil {
		return "", at, err
	}
	if real, err := filepath.EvalSymlinks(own); err == nil {
		own = real // as git has it
	}
	for name := range strings.SplitSeq(changed, "\x00") {
		if name != "" && filepath.Join(top, name) != own {
			return commit + changes, at, nil
		}
	}
	return commit, at, nil
}

// git runs git and returns what it prints.
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
