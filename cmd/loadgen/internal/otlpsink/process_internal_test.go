//go:build unix

package otlpsink

import (
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A process that is stopped neither answers nor ends by itself.
func TestAProcessThatDoesNotAnswerIsKilled(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for name, wait := range map[string]func(p *Process) error{
		"reading": func(p *Process) error {
			_, err := p.Read()
			return err
		},
		"ending": (*Process).Close,
	} {
		t.Run(name, func(t *testing.T) {
			p, err := StartProcess(t.Context(), self)
			if err != nil {
				t.Fatal(err)
			}
			p.patience = 10 * time.Millisecond
			if err := p.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
				t.Fatal(err)
			}
			want := "it did not answer within 10ms, and was killed"
			if err := wait(p); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want %q in it", err, want)
			}
			_ = p.Close() // it has ended, or ends now
		})
	}
}
