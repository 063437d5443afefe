package page_test

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// A browser is a tab of a headless chromium, and a server of pages.
type browser struct {
	ctx    context.Context
	server *httptest.Server

	mu                 sync.Mutex
	requests, messages []string
}

// newBrowser starts a browser. If chromium is not installed, the test is skipped, or fails if LOADGEN_WANT_BROWSER is
// set.
func newBrowser(t *testing.T, pages map[string]string) *browser {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	switch {
	case path == "" && os.Getenv("LOADGEN_WANT_BROWSER") != "":
		t.Fatal("no chromium in PATH, and LOADGEN_WANT_BROWSER is set")
	case path == "":
		t.Skip("no chromium in PATH: the page is not looked at in a browser (apt-get install chromium)")
	case testing.Short():
		t.Skip("a browser takes seconds to start")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.WindowSize(1280, 900))
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // root cannot use the sandbox
	}
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 5*time.Minute)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	b := &browser{ctx: ctx}
	if err := chromedp.Listen(ctx, b.listen); err != nil {
		t.Fatal(err)
	}
	b.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write([]byte(pages[strings.ReplaceAll(strings.TrimPrefix(r.URL.Path, "/"), "_", " ")]))
	}))
	t.Cleanup(b.server.Close)
	return b
}

// listen keeps requests and what the console says.
func (b *browser) listen(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		b.requests = append(b.requests, e.Request.URL)
	case *runtime.EventConsoleAPICalled:
		b.messages = append(b.messages, string(e.Type))
	case *runtime.EventExceptionThrown:
		b.messages = append(b.messages, e.ExceptionDetails.Text)
	case *log.EventEntryAdded:
		if !strings.Contains(e.Entry.URL, "favicon") {
			b.messages = append(b.messages, e.Entry.Text)
		}
	}
}

// A screen is what a page is shown on.
type screen struct {
	width    int64
	scheme   string // light or dark
	media    string // "" or print
	noScript bool
}

// on makes the browser show pages on a screen, and report requests and messages.
func (b *browser) on(s screen) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, errLog := cdp.Call(ctx, t, log.Enable, cdp.Empty{})
		_, errNetwork := cdp.Call(ctx, t, network.Enable, network.EnableParams{})
		_, errMedia := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: s.media,
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: s.scheme}}})
		_, errSize := cdp.Call(ctx, t, emulation.SetDeviceMetricsOverride,
			emulation.SetDeviceMetricsOverrideParams{Width: s.width, Height: 900, DeviceScaleFactor: 1})
		_, errScript := cdp.Call(ctx, t, emulation.SetScriptExecutionDisabled,
			emulation.SetScriptExecutionDisabledParams{Value: s.noScript})
		_, errFocus := cdp.Call(ctx, t, emulation.SetFocusEmulationEnabled,
			emulation.SetFocusEmulationEnabledParams{Enabled: true})
		return errors.Join(errLog, errNetwork, errMedia, errSize, errScript, errFocus)
	})
}

// open opens a page.
func (b *browser) open(t *testing.T, name string, s screen) {
	t.Helper()
	url := b.server.URL + "/" + strings.ReplaceAll(name, " ", "_")
	if err := chromedp.Do(b.ctx, b.on(s), chromedp.Navigate(url)); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// evaluate returns what a script returns.
func (b *browser) evaluate(t *testing.T, script string) string {
	t.Helper()
	text, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](script))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

//go:embed testdata/checks.js
var checks string

// check reports what is wrong with the page that is open.
func (b *browser) check(t *testing.T, what string) {
	t.Helper()
	var r struct {
		Texts int
		Wrong []string
	}
	if err := json.Unmarshal([]byte(b.evaluate(t, checks)), &r); err != nil {
		t.Fatal(err)
	}
	if r.Texts < 10 {
		t.Errorf("%s: %d texts are shown", what, r.Texts)
	}
	for _, w := range r.Wrong {
		t.Errorf("%s: %s", what, w)
	}
}

// seen is a script that returns the first visible element of a selector, and its text.
const seen = `const seen = s => [...document.querySelectorAll(s)].find(e => e.getClientRects().length > 0);
const press = (e, key) => e.dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true, cancelable: true}));`

// In a browser every page reads: at 320, 400 and 1280 pixels it does not scroll sideways, no text is small or pale, no
// labels overlap, and charts are drawn. Nothing but the page is requested, and the console is empty.
func TestPagesInABrowser(t *testing.T) {
	pages := variants()
	b := newBrowser(t, pages)
	names := []string{}
	for name := range pages {
		names = append(names, name)
	}
	slices.Sort(names)
	screens := []screen{{320, "light", "", false}, {400, "dark", "", false}, {1280, "light", "", false}}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			b.open(t, name, screens[0])
			for _, s := range screens {
				if err := chromedp.Do(b.ctx, b.on(s)); err != nil {
					t.Fatal(err)
				}
				b.check(t, fmt.Sprintf("%d pixels, %s", s.width, s.scheme))
			}
		})
	}
	for _, name := range []string{"whole", "compared arms", "plan"} {
		t.Run(name+" in print", func(t *testing.T) {
			b.open(t, name, screen{1280, "dark", "", false})
			b.check(t, "1280 pixels, dark")
			b.open(t, name, screen{720, "light", "print", false})
			b.check(t, "720 pixels, print")
		})
	}
	t.Run("the first screen", b.firstScreen)
	t.Run("keys and pointers", b.readouts)
	t.Run("the load", b.control)
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, url := range b.requests {
		if !strings.HasPrefix(url, b.server.URL) || strings.Count(strings.TrimPrefix(url, b.server.URL), "/") != 1 {
			t.Errorf("a request for %s", url)
		}
	}
	if want := len(pages); len(b.requests) < want {
		t.Errorf("%d requests were seen, want %d or more: the test sees nothing", len(b.requests), want)
	}
	if len(b.messages) > 0 {
		t.Errorf("the console says %q", b.messages)
	}
}

// The first 900 pixels have the answer, the numbers, the reasons to believe it, a chart of latency and one of costs.
func (b *browser) firstScreen(t *testing.T) {
	script := `(() => { ` + seen + `
  const parts = {answer: "h1", numbers: ".cards", belief: ".believe", latency: ".plot[data-kind=percentiles]", costs: ".dots"};
  return Object.entries(parts).map(([name, s]) => [name, seen(s)]).filter(([, e]) => !e || e.getBoundingClientRect().bottom > 900)
    .map(([name, e]) => name + (e ? " ends at " + Math.round(e.getBoundingClientRect().bottom) : " is missing")).join(", ");
})()`
	for _, name := range []string{"whole", "one arm", "twelve arms", "hostile names", "many levels"} {
		b.open(t, name, screen{1280, "light", "", false})
		if wrong := b.evaluate(t, script); wrong != "" {
			t.Errorf("%s: %s", name, wrong)
		}
	}
}

// A chart is one tab stop. Arrow keys and pointers move along, and a live line says the values.
func (b *browser) readouts(t *testing.T) {
	b.open(t, "whole", screen{1280, "light", "", false})
	for _, row := range []struct{ what, script, want string }{
		{"percentiles by key", `const p = seen("[data-kind=percentiles]"); p.focus(); press(p, "ArrowRight");
      return p.closest("figure").querySelector("[aria-live]").textContent`, "p99.11: none "},
		{"percentiles by another key", `const p = seen("[data-kind=percentiles]"); p.focus(); press(p, "ArrowLeft");
      return p.closest("figure").querySelector("[aria-live]").textContent`, "p99: none "},
		{"the table of percentiles", `const p = seen("[data-kind=percentiles]"); p.focus();
      return p.closest("figure").querySelector("th.cur").textContent + " " + p.closest("figure").querySelector("tbody tr td.cur").textContent`, "p99 "},
		{"percentiles by pointer", `const p = seen("[data-kind=percentiles]"), box = p.getBoundingClientRect();
      p.dispatchEvent(new PointerEvent("pointermove", {clientX: box.left + 1, clientY: box.top + 1}));
      return p.closest("figure").querySelector("[aria-live]").textContent`, "p10.9: none "},
		{"windows by key", `const p = seen("[data-kind=heat]"); p.focus(); press(p, "ArrowRight"); press(p, "ArrowRight");
      return p.closest(".only").querySelector(".out").textContent`,
			"none, round 1, 200 to 300 ms: longest 32.0 µs, p50 20.0 µs, a garbage collection"},
		{"rows by key", `const r = seen(".dots .row"); r.focus(); press(r, "ArrowDown");
      return document.activeElement.querySelector(".lab").textContent + ": " + r.closest(".rows").querySelector("[aria-live]").textContent`,
			"sdk: sdk: 525 B/op; 6 rounds, 512 to 532"},
		{"tab stops", `const charts = [...document.querySelectorAll(".dots, .forest")];
      return charts.length + ", " + charts.every(c => c.querySelectorAll("[tabindex='0']").length === 1)`, "8, true"},
	} {
		if got := b.evaluate(t, "(() => { "+seen+row.script+" })()"); !strings.HasPrefix(got, row.want) {
			t.Errorf("%s: %q, want %q", row.what, got, row.want)
		}
	}
}

// The load changes the answer, the numbers and the charts together, by buttons or by a menu, without a script.
func (b *browser) control(t *testing.T) {
	script := `(() => { ` + seen + `
  const last = seen("h1").textContent, card = seen(".card"), plot = seen("[data-kind=percentiles]");
  const first = document.getElementById("r0");
  if (first.tagName === "OPTION") first.selected = true; else first.checked = true;
  return [last === seen("h1").textContent, card === seen(".card"), plot === seen("[data-kind=percentiles]"), seen("h1").textContent].join();
})()`
	for name, want := range map[string]string{"whole": "at 1,000/s", "many levels": "at 1,000/s"} {
		for _, noScript := range []bool{false, true} {
			b.open(t, name, screen{1280, "light", "", noScript})
			got := b.evaluate(t, script)
			if !strings.HasPrefix(got, "false,false,false,") || !strings.HasSuffix(got, want) {
				t.Errorf("%s: after the load is changed: %s", name, got)
			}
		}
	}
	b.open(t, "whole", screen{720, "light", "print", false})
	hidden := `(() => { ` + seen + ` return seen(".seg") ? "there is a control in print" : ""; })()`
	if wrong := b.evaluate(t, hidden); wrong != "" {
		t.Error(wrong)
	}
}
