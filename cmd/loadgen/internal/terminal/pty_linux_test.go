package terminal_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/pty"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/terminal"
)

// newPTY opens a pseudo-terminal with so many columns, until the test ends.
func newPTY(t *testing.T, columns int) *pty.PTY {
	t.Helper()
	p, err := pty.Open(columns)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// text returns what was written to a terminal since the last call.
func text(t *testing.T, tty *pty.PTY) string {
	t.Helper()
	synctest.Wait()
	text, err := tty.Text()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// shown returns what a terminal shows after a text.
func shown(t *testing.T, text string) string {
	t.Helper()
	now, err := pty.Shown(text)
	if err != nil {
		t.Fatal(err)
	}
	return now
}

// onTerminal calls f with a Progress on a pseudo-terminal, in fake time.
func onTerminal(t *testing.T, columns int, variables []string, f func(*testing.T, *terminal.Progress, *pty.PTY)) {
	t.Helper()
	tty := newPTY(t, columns)
	synctest.Test(t, func(t *testing.T) {
		s := terminal.New(tty.Terminal, terminal.Options{}, env(variables...))
		p := terminal.NewProgress(tty.Terminal, s, false)
		defer p.Close()
		f(t, p, tty)
	})
}

// wants compares what a terminal shows, after what it showed before, with what is wanted.
func wants(t *testing.T, tty *pty.PTY, before, want string) {
	t.Helper()
	if got := shown(t, before+text(t, tty)); got != want {
		t.Errorf("the terminal shows\n%q\nwant\n%q", got, want)
	}
}

func TestATerminalHasOneLineThatIsDrawnAgainAndRemoved(t *testing.T) {
	onTerminal(t, 80, []string{"LANG=C.UTF-8"}, func(t *testing.T, p *terminal.Progress, tty *pty.PTY) {
		wants(t, tty, "", "")
		p.Begin(terminal.Stage{Steps: 4, Noun: "visit", Takes: 40 * time.Second})
		p.Next("round 1 of 2", "sdk 50,000/s", 10*time.Second)
		time.Sleep(500 * time.Millisecond)
		first := "round 1 of 2 ╺────────────────────────── 0 of 4  40 s left  sdk 50,000/s"
		wants(t, tty, "", first)
		time.Sleep(9500 * time.Millisecond)
		p.Next("round 1 of 2", "none 50,000/s", 10*time.Second)
		time.Sleep(time.Second)
		wants(t, tty, first, "round 1 of 2 ━━━━━━╺──────────────────── 1 of 4  29 s left  none 50,000/s")
		p.End()
		wants(t, tty, "some line", "")
		time.Sleep(time.Hour)
		wants(t, tty, "", "")
	})
}

func TestATerminalIsDrawnAtMostTwiceASecond(t *testing.T) {
	onTerminal(t, 80, nil, func(t *testing.T, p *terminal.Progress, tty *pty.PTY) {
		p.Begin(terminal.Stage{Steps: 1000, Noun: "visit"})
		for i := range 1000 {
			p.Next("round 1 of 1", fmt.Sprint("visit ", i), 0)
			if i%100 == 0 { // a line removes the progress, and draws none
				if _, err := p.Write([]byte("warning\n")); err != nil {
					t.Fatal(err)
				}
			}
			p.Doing("what ends at once")() // looks whether a drawing is due
			time.Sleep(10 * time.Millisecond)
		}
		if got := strings.Count(text(t, tty), "of 1,000"); got < 19 || got > 21 {
			t.Errorf("drawn %d times in 10 s, want 20", got)
		}
	})
}

func TestWhatDoesNotChangeIsNotDrawnAgain(t *testing.T) {
	onTerminal(t, 80, nil, func(t *testing.T, p *terminal.Progress, tty *pty.PTY) {
		p.Begin(terminal.Stage{Steps: 2, Noun: "round"})
		p.Next("", "head", 0)
		time.Sleep(time.Minute)
		if text := text(t, tty); strings.Count(text, "head") != 1 {
			t.Errorf("%q: want one drawing", text)
		}
	})
}

func TestOtherLinesAndTheProgressDoNotMix(t *testing.T) {
	onTerminal(t, 80, nil, func(t *testing.T, p *terminal.Progress, tty *pty.PTY) {
		line := "0 of 2  head"
		p.Begin(terminal.Stage{Steps: 2, Noun: "round"})
		p.Next("", "head", 0)
		bar := "#--------------------------"[1:]
		time.Sleep(time.Second)
		wants(t, tty, "", "-"+bar+" "+line)
		for _, text := range []string{"warning: a\nwarning: ", "b\n"} {
			if _, err := p.Write([]byte(text)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second) // half a line is not drawn over
		}
		wants(t, tty, "-"+bar+" "+line, "warning: a\nwarning: b\n-"+bar+" "+line)
	})
}

func TestAnActivityTakesThePlaceOfTheStage(t *testing.T) {
	onTerminal(t, 80, nil, func(t *testing.T, p *terminal.Progress, tty *pty.PTY) {
		p.Begin(terminal.Stage{Steps: 2, Noun: "round"})
		p.Next("", "head", 0)
		done := p.Doing("building main (abc1234)")
		time.Sleep(time.Second)
		wants(t, tty, "", "building main (abc1234)")
		time.Sleep(11 * time.Second)
		wants(t, tty, "", "building main (abc1234)  12 s")
		done()
		time.Sleep(time.Second)
		wants(t, tty, "building main (abc1234)  12 s", "--------------------------- 0 of 2  head")
	})
}

func TestAShortActivityIsNotDrawn(t *testing.T) {
	onTerminal(t, 80, nil, func(t *testing.T, p *terminal.Progress, tty *pty.PTY) {
		done := p.Doing("reading a file")
		time.Sleep(499 * time.Millisecond)
		done()
		time.Sleep(time.Second)
		if text := text(t, tty); text != "" {
			t.Errorf("written: %q", text)
		}
	})
}

func TestTheLineIsCutToTheTerminal(t *testing.T) {
	for name, row := range map[string]struct {
		columns int
		env     string
		want    int
	}{
		"wide":                           {120, "", 119},
		"as it has":                      {80, "", 79},
		"narrower than text":             {40, "", 39},
		"one that does not tell":         {0, "COLUMNS=100", 99},
		"one that does not tell, at all": {0, "", 79},
		"a single column":                {1, "", 1},
	} {
		t.Run(name, func(t *testing.T) {
			onTerminal(t, row.columns, []string{"LANG=C.UTF-8", row.env}, func(t *testing.T, p *terminal.Progress,
				tty *pty.PTY) {
				p.Begin(terminal.Stage{Steps: 2, Noun: "visit"})
				p.Next("round 1 of 2", strings.Repeat("名 long, ", 30), 0)
				time.Sleep(time.Second)
				text := shown(t, text(t, tty))
				if w := format.Width(text); w > row.want || w < row.want-1 || !strings.HasSuffix(text, "…") {
					t.Errorf("%q has %d columns, want %d", text, w, row.want)
				}
			})
		})
	}
}

func TestATerminalThatIsMadeNarrowerIsAskedAgain(t *testing.T) {
	onTerminal(t, 80, nil, func(t *testing.T, p *terminal.Progress, tty *pty.PTY) {
		p.Begin(terminal.Stage{Steps: 2, Noun: "visit"})
		p.Next("round 1 of 2", "sdk 50,000/s", 0)
		time.Sleep(time.Second)
		wants(t, tty, "", "round 1 of 2 --------------------------- 0 of 2  sdk 50,000/s")
		if err := tty.Resize(50); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		wants(t, tty, "", "round 1 of 2  0 of 2  sdk 50,000/s")
	})
}

func TestADumbTerminalGetsNoControlCharacters(t *testing.T) {
	onTerminal(t, 80, []string{"TERM=dumb"}, func(t *testing.T, p *terminal.Progress, tty *pty.PTY) {
		p.Begin(terminal.Stage{Steps: 2, Noun: "visit"})
		p.Next("round 1 of 2", "sdk 50,000/s\x1b[31m", 0)
		time.Sleep(time.Minute)
		synctest.Wait()
		p.End()
		want := "round 1 of 2: 0 of 2 visits done; now sdk 50,000/s?[31m\n"
		if text := text(t, tty); text != want {
			t.Errorf("written\n%q\nwant\n%q", text, want)
		}
	})
}

func TestNewAsksTheTerminal(t *testing.T) {
	for name, row := range map[string]struct {
		columns  int
		env      []string
		width    int
		coloured bool
		tick     string
	}{
		"its width":                        {100, nil, 100, true, "+"},
		"which is stronger than COLUMNS":   {100, []string{"COLUMNS=70"}, 100, true, "+"},
		"at least 60":                      {30, nil, 60, true, "+"},
		"at most 140":                      {300, nil, 140, true, "+"},
		"COLUMNS if it does not tell":      {0, []string{"COLUMNS=70"}, 70, true, "+"},
		"80 if neither does":               {0, nil, 80, true, "+"},
		"no colour with NO_COLOR":          {80, []string{"NO_COLOR=1"}, 80, false, "+"},
		"no colour with CLICOLOR=0":        {80, []string{"CLICOLOR=0"}, 80, false, "+"},
		"no colour if it is dumb":          {80, []string{"TERM=dumb"}, 80, false, "+"},
		"Unicode in UTF-8":                 {80, []string{"LANG=de_CH.UTF-8"}, 80, true, "✓"},
		"not in another locale":            {80, []string{"LANG=de_CH.ISO-8859-1"}, 80, true, "+"},
		"LC_ALL is stronger than LANG":     {80, []string{"LANG=C.UTF-8", "LC_ALL=C"}, 80, true, "+"},
		"LC_CTYPE is stronger than LANG":   {80, []string{"LANG=C", "LC_CTYPE=en_US.utf8"}, 80, true, "✓"},
		"an empty variable does not count": {80, []string{"LC_ALL=", "LANG=C.UTF-8"}, 80, true, "✓"},
	} {
		t.Run(name, func(t *testing.T) {
			s := terminal.New(newPTY(t, row.columns).Terminal, terminal.Options{}, env(row.env...))
			if !s.Terminal || s.Width != row.width {
				t.Errorf("Terminal %t, Width %d, want true, %d", s.Terminal, s.Width, row.width)
			}
			if got := s.Better("x") != "x"; got != row.coloured {
				t.Errorf("coloured: %t, want %t", got, row.coloured)
			}
			if got := s.Symbols("✓"); got != row.tick {
				t.Errorf("symbol %q, want %q", got, row.tick)
			}
		})
	}
}
