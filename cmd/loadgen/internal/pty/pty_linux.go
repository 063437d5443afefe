package pty

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// Open opens a pseudo-terminal with so many columns; 0 means one that does not tell how many it has.
func Open(columns int) (*PTY, error) {
	other, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("opening a pseudo-terminal: %w", err)
	}
	p := &PTY{other: other}
	n, err := unix.IoctlGetInt(other, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(other, unix.TIOCSPTLCK, 0) // unlocks it
	}
	if err == nil {
		p.Terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err == nil {
		err = p.Resize(columns)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("opening a pseudo-terminal: %w", err), p.Close())
	}
	return p, nil
}

// Resize sets the number of columns.
func (p *PTY) Resize(columns int) error {
	return unix.IoctlSetWinsize(p.other, unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: uint16(columns)})
}

// Text returns what was written to the terminal since the last call, with the line breaks of files. What another
// process writes meanwhile is left to the next call.
func (p *PTY) Text() (string, error) {
	const end = "<end>" // marks what was written before: the system hands it over some time later
	if _, err := p.Terminal.WriteString(end); err != nil {
		return "", err
	}
	for part := make([]byte, 4096); ; {
		if text, rest, ok := strings.Cut(p.unread, end); ok {
			p.unread = rest
			return strings.ReplaceAll(text, "\r\n", "\n"), nil
		}
		n, err := unix.Read(p.other, part)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return "", err
		}
		p.unread += string(part[:n])
	}
}

// Close closes both sides.
func (p *PTY) Close() error {
	err := unix.Close(p.other)
	if p.Terminal != nil {
		err = errors.Join(p.Terminal.Close(), err)
	}
	return err
}
