package history

import (
	"bytes"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// changes is added to a commit that the working tree differs from.
const changes = "+changes"

// Head is the commit that the working tree is at, and its time. "+changes" is added to it
// if there are some in files that git knows, other than the history itself.
func Head(history string) (commit string, at time.Time, err error) {
	out, err := git("show", "-s", "--format=%H %cI", "HEAD")
	if err != nil {
		return "", at, fmt.Errorf("which commit this is of: %w: say it with --commit", err)
	}
	commit, when, _ := strings.Cut(out, " ")
	if at, err = time.Parse(time.RFC3339, when); err != nil {
		return "", at, fmt.Errorf("the time of commit %s: %w", commit, err)
	}
	top, err := git("rev-parse", "--show-toplevel")
	if err != nil {
		return "", at, err
	}
	changed, err := git("diff", "--name-only", "HEAD")
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
	for name := range strings.Lines(changed) {
		if filepath.Join(top, strings.TrimSpace(name)) != own {
			return commit + changes, at, nil
		}
	}
	return commit, at, nil
}

// git runs git and returns what it prints.
func git(args ...string) (string, error) {
	out, err := exec.Command("git", args...).Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		line, _, _ := bytes.Cut(bytes.TrimSpace(exit.Stderr), []byte("\n"))
		return "", fmt.Errorf("git %s: %s", args[0], line)
	}
	return strings.TrimSpace(string(out)), err
}
