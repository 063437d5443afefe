package terminal

import (
	"context"
	"io"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
)

// Times at which a Progress writes.
const (
	redrawEvery = 500 * time.Millisecond // at least, between two drawings on a terminal: drawing costs the run CPU
	lineEvery   = time.Minute            // at least, between two lines where there is no terminal
	noticeAfter = 2 * time.Second        // how long something may take before its time is shown
)

// A Progress shows on standard error how far a command is, what it does and what is left. On a terminal it is one
// line, which is drawn again at most twice a second and removed at the end. Elsewhere, and on a terminal that cannot
// rewrite a line, it is a line a minute, unless the command wrote another line in that minute.
//
// A command writes all other lines to the Progress, too, which is a writer, so that they do not mix with its line.
// Next, Skip and Now only set fields: a terminal that takes no output does not delay the next step.
//
// A Progress is safe for concurrent use, also after Close. A nil Progress shows nothing.
type Progress struct {
	screen *Screen
	w      io.Writer
	file   *os.File // the terminal; nil if its lines cannot be rewritten
	quiet  bool

	wake, stop, stopped chan struct{}
	close               sync.Once

	writing sync.Mutex // protects the fields below, and w
	drawn   string     // the line on the terminal, or ""
	drawnAt time.Time
	lineAt  time.Time // when the last line was written
	open    bool      // whether the last line has no end yet

	mu         sync.Mutex // protects the fields below; locked after writing
	stage      *stage
	activities []*activity // the last one is shown
}

// NewProgress returns a Progress that writes to w, whose screen is s. If quiet is set, it shows nothing, and only
// passes on what is written to it. The caller must close it.
func NewProgress(w io.Writer, s *Screen, quiet bool) *Progress {
	p := &Progress{screen: s, w: w, quiet: quiet, wake: make(chan struct{}, 1), stop: make(chan struct{}),
		stopped: make(chan struct{})}
	if s.rewrites {
		p.file, _ = w.(*os.File)
	}
	go p.run()
	return p
}

// Close removes the line and ends the Progress. Lines that are written afterwards are passed on.
func (p *Progress) Close() {
	if p == nil {
		return
	}
	p.close.Do(func() { close(p.stop) })
	<-p.stopped
	p.mu.Lock()
	p.stage, p.activities = nil, nil
	p.mu.Unlock()
	p.erase()
}

// Begin begins a stage.
func (p *Progress) Begin(s Stage) {
	if p == nil {
		return
	}
	p.mu.Lock()
	p.stage = &stage{Stage: s, began: time.Now()}
	p.mu.Unlock()
	p.awake()
}

// Next ends the current step of the stage, if there is one, and begins another, which takes so long according to plan,
// or 0 if that is unknown. Title says where in the stage the step is, such as a round; it may be empty.
func (p *Progress) Next(title, what string, takes time.Duration) {
	p.inStage(func(s *stage) { s.next(title, what, takes, time.Now()) })
}

// Skip counts a step as done that is left out, which would have taken so long.
func (p *Progress) Skip(takes time.Duration) { p.inStage(func(s *stage) { s.skip(takes, time.Now()) }) }

// Now replaces what the current step does.
func (p *Progress) Now(what string) { p.inStage(func(s *stage) { s.what = what }) }

// inStage calls f with the stage, if there is one.
func (p *Progress) inStage(f func(*stage)) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stage != nil {
		f(p.stage)
	}
}

// End ends the stage and removes its line.
func (p *Progress) End() {
	if p == nil {
		return
	}
	p.mu.Lock()
	p.stage = nil
	p.mu.Unlock()
	p.erase()
}

// Doing says what the command does or waits for, in place of the stage, until done is called. Where there is no
// terminal, it is said in a line if it lasts two seconds.
func (p *Progress) Doing(what string) (done func()) {
	if p == nil {
		return func() {}
	}
	a := &activity{what: what, began: time.Now()}
	p.mu.Lock()
	p.activities = append(p.activities, a)
	p.mu.Unlock()
	p.awake()
	return func() {
		p.mu.Lock()
		p.activities = slices.DeleteFunc(p.activities, func(other *activity) bool { return other == a })
		p.mu.Unlock()
		p.erase()
	}
}

// AfterInterrupt says what the command waits for if ctx ends before done is called.
func (p *Progress) AfterInterrupt(ctx context.Context, what string) (done func()) {
	var mu sync.Mutex
	end, over := func() {}, false
	stop := context.AfterFunc(ctx, func() {
		mu.Lock()
		defer mu.Unlock()
		if !over {
			end = p.Doing("interrupted: waiting for " + what)
		}
	})
	return func() {
		stop()
		mu.Lock()
		defer mu.Unlock()
		over = true
		end()
	}
}

// Log writes a line about a step that has ended, where no line of a terminal shows the steps.
func (p *Progress) Log(line string) {
	if p == nil || p.quiet || p.file != nil {
		return
	}
	p.writing.Lock()
	defer p.writing.Unlock()
	p.say(line, time.Now())
}

// Write writes text to the writer of the Progress. It removes the line of the Progress, which is drawn again later.
func (p *Progress) Write(text []byte) (int, error) {
	if len(text) == 0 {
		return 0, nil
	}
	p.writing.Lock()
	defer p.writing.Unlock()
	p.clear()
	p.lineAt, p.open = time.Now(), text[len(text)-1] != '\n'
	return p.w.Write(text)
}

// awake makes run look at what there is to show.
func (p *Progress) awake() {
	select {
	case p.wake <- struct{}{}:
	default: // it is about to look
	}
}

// run shows the progress until Close.
func (p *Progress) run() {
	defer close(p.stopped)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		if wait := p.show(); wait > 0 {
			timer.Reset(wait)
		} else {
			timer.Stop()
		}
		select {
		case <-p.stop:
			return
		case <-timer.C:
		case <-p.wake:
		}
	}
}

// show writes what is due, and returns how long nothing else will be: 0 means until something begins.
func (p *Progress) show() time.Duration {
	p.writing.Lock()
	defer p.writing.Unlock()
	switch {
	case p.quiet:
		return 0
	case p.file != nil:
		return p.draw(time.Now())
	}
	return p.tell(time.Now())
}

// draw draws the line, unless it was drawn a short time ago.
func (p *Progress) draw(now time.Time) time.Duration {
	if wait := redrawEvery - now.Sub(p.drawnAt); wait > 0 {
		return wait
	}
	line, idle := p.line(now)
	if idle {
		return 0
	}
	line = p.screen.Symbols(format.Cut(format.Printable(line, ""), p.columns()))
	if line != "" && line != p.drawn && !p.open {
		p.drawn, p.drawnAt = line, now
		// A measurement does not end because its terminal did.
		_, _ = io.WriteString(p.w, "\r"+line+eraseRest)
	}
	return redrawEvery
}

// line returns the line to draw, and whether there is nothing to show before something begins. An activity is shown
// from the second drawing on, since most are over by then.
func (p *Progress) line(now time.Time) (line string, idle bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, a := range slices.Backward(p.activities) {
		if now.Sub(a.began) >= redrawEvery {
			return a.line(now), false
		}
	}
	if p.stage != nil {
		return p.stage.line(now, p.columns()), false
	}
	return "", len(p.activities) == 0
}

// eraseRest erases a line from the cursor to its end (EL of ECMA-48).
const eraseRest = "\x1b[K"

// columns returns the columns that a line may have now. The last column stays empty, since some terminals begin
// another line with it.
func (p *Progress) columns() int {
	width, _, err := term.GetSize(int(p.file.Fd()))
	if err != nil || width <= 0 {
		width = p.screen.Width
	}
	return max(width-1, 1)
}

// clear removes the line from the terminal. The caller holds writing.
func (p *Progress) clear() {
	if p.drawn != "" {
		p.drawn = ""
		_, _ = io.WriteString(p.w, "\r"+eraseRest) // as in draw
	}
}

// erase removes the line if there is nothing to show.
func (p *Progress) erase() {
	p.writing.Lock()
	defer p.writing.Unlock()
	p.mu.Lock()
	idle := p.stage == nil && len(p.activities) == 0
	p.mu.Unlock()
	if idle {
		p.clear()
	}
}

// tell writes the lines that are due where there is no terminal, and returns how long none will be.
func (p *Progress) tell(now time.Time) (wait time.Duration) {
	p.mu.Lock()
	var lines []string
	next := func(in time.Duration) {
		if wait == 0 || in < wait {
			wait = in
		}
	}
	for _, a := range p.activities {
		switch in := noticeAfter - now.Sub(a.began); {
		case a.said:
		case in > 0:
			next(in)
		default:
			a.said = true
			lines = append(lines, a.what)
		}
	}
	if s := p.stage; s != nil {
		since := s.began
		if p.lineAt.After(since) {
			since = p.lineAt
		}
		in := lineEvery - now.Sub(since)
		if in <= 0 {
			lines, in = append(lines, s.text(now)), lineEvery
		}
		next(in)
	}
	p.mu.Unlock()
	for _, line := range lines {
		p.say(line, now)
	}
	return wait
}

// say writes a line where there is no terminal. The caller holds writing.
func (p *Progress) say(line string, now time.Time) {
	line = p.screen.Symbols(format.Printable(line, "")) + "\n"
	if p.open {
		line = "\n" + line
	}
	p.lineAt, p.open = now, false
	_, _ = io.WriteString(p.w, line) // as in draw
}
