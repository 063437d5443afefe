// Package witness runs the servers that tests of targets call. A server is the test binary in another process, so that
// its counts are a witness of their own, and so that it can be stopped.
package witness

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
)

// variable is the environment variable that makes a test binary the server.
const variable = "LOADGEN_TEST_SERVER"

// Wanted reports whether this process is to be the server.
func Wanted() bool { return os.Getenv(variable) != "" }

// A Process is a server in another process.
type Process struct {
	command *exec.Cmd
	stdin   io.Closer // the server ends when it is closed
}

// Start starts a server, and decodes what it passes to [Serve] into place.
func Start(place any) (*Process, error) {
	p := &Process{command: exec.Command(os.Args[0])}
	p.command.Env = append(os.Environ(), variable+"=1")
	p.command.Stderr = os.Stderr
	stdin, err := p.command.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := p.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.command.Start(); err != nil {
		return nil, err
	}
	p.stdin = stdin
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, place)
	}
	if err != nil {
		p.Stop()
		return nil, fmt.Errorf("the server does not say where it listens: %w", err)
	}
	return p, nil
}

// PID returns the number of the process.
func (p *Process) PID() int { return p.command.Process.Pid }

// Signal sends a signal to the process.
func (p *Process) Signal(s os.Signal) error { return p.command.Process.Signal(s) }

// Stop ends the server, even if it is stopped.
func (p *Process) Stop() {
	_ = p.stdin.Close()          // the server ends
	_ = p.command.Process.Kill() // or it is stopped
	_ = p.command.Wait()
}

// Serve tells the test where the server listens, and returns when the test ends.
func Serve(place any) error {
	if err := json.NewEncoder(os.Stdout).Encode(place); err != nil {
		return err
	}
	_, err := io.Copy(io.Discard, os.Stdin)
	return err
}
