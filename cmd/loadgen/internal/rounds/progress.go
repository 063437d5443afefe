package rounds

import (
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// A Progress is a progress line on a terminal, drawn at most twice per second. If the writer is not a terminal, its
// methods do nothing.
type Progress struct {
	bar     *progressbar.ProgressBar // nil if the writer is not a terminal
	started bool
}

// NewProgress returns a Progress of the given number of steps, which is drawn on w if w is a terminal.
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

// Next ends the current step, if there is one, and begins the step that what describes.
func (p *Progress) Next(what string) {
	if p.bar == nil {
		return
	}
	p.bar.Describe(what)
	if p.started {
		// A failure to write to the terminal must not stop a measurement.
		_ = p.bar.Add(1)
	}
	p.started = true
}

// Finish clears the progress line.
func (p *Progress) Finish() {
	if p.bar != nil {
		_ = p.bar.Clear()
	}
}
