package rounds

import (
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// Progress is one line on a terminal, drawn at most twice a second. Elsewhere it is nothing.
type Progress struct {
	bar     *progressbar.ProgressBar // nil: not a terminal
	started bool
}

// NewProgress returns the progress of so many steps, drawn to w if it is a terminal.
func NewProgress(w io.Writer, steps int) *Progress {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return &Progress{}
	}
	return &Progress{bar: progressbar.NewOptions(steps,
		progressbar.OptionSetWriter(f),
		progressbar.OptionThrottle(500*time.Millisecond),
		progressbar.OptionSetWidth(20),
		progressbar.OptionShowCount(),
		progressbar.OptionSetPredictTime(true),
		progressbar.OptionClearOnFinish(),
	)}
}

// Next says which step begins now; the step before it is done.
func (p *Progress) Next(what string) {
	if p.bar == nil {
		return
	}
	p.bar.Describe(what)
	if p.started {
		// A terminal that cannot be written to is no reason to stop measuring.
		_ = p.bar.Add(1)
	}
	p.started = true
}

// Finish clears the line.
func (p *Progress) Finish() {
	if p.bar != nil {
		_ = p.bar.Clear()
	}
}
