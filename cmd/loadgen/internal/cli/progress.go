package cli

import (
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// progress is one line on a terminal, drawn at most twice a second. Elsewhere it
// is nothing.
type progress struct {
	bar     *progressbar.ProgressBar // nil: not a terminal
	started bool
}

func newProgress(w io.Writer, visits int) *progress {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return &progress{}
	}
	return &progress{bar: progressbar.NewOptions(visits,
		progressbar.OptionSetWriter(f),
		progressbar.OptionThrottle(500*time.Millisecond),
		progressbar.OptionSetWidth(20),
		progressbar.OptionShowCount(),
		progressbar.OptionSetPredictTime(true),
		progressbar.OptionClearOnFinish(),
	)}
}

// next says what begins now; what was before it is done.
func (p *progress) next(what string) {
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

func (p *progress) finish() {
	if p.bar != nil {
		_ = p.bar.Clear()
	}
}
