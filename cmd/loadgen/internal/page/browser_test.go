package page_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
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

// browser returns a tab of a headless chromium. If chromium is not installed, the test is skipped, or fails if
// LOADGEN_WANT_BROWSER is set.
func browser(t *testing.T) context.Context {
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
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.WindowSize(960, 1200))
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // root cannot use the sandbox
	}
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, time.Minute)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	return ctx
}

// overlaps is a script that returns pairs of texts of a drawing that overlap by more than a pixel, texts outside their
// drawing, and the number of drawings.
const overlaps = `(() => {
  const wrong = [], boxes = svg => [...svg.querySelectorAll("text")].map(t => [t.textContent, t.getBoundingClientRect()]);
  const all = document.querySelectorAll("svg.plot");
  for (const svg of all) {
    const texts = boxes(svg), frame = svg.getBoundingClientRect(), id = svg.parentNode.id;
    if (frame.width < 100 || frame.height < 50) wrong.push(id + " is not there");
    texts.forEach(([a, p], i) => {
      if (p.left < frame.left - 1 || p.right > frame.right + 1 || p.top < frame.top - 1 || p.bottom > frame.bottom + 1) wrong.push(id + ": " + a + " is cut off");
      for (const [b, q] of texts.slice(i + 1))
        if (Math.min(p.right, q.right) - Math.max(p.left, q.left) > 1 && Math.min(p.bottom, q.bottom) - Math.max(p.top, q.top) > 1) wrong.push(id + ": " + a + " on " + b);
    });
  }
  if (document.documentElement.scrollWidth > innerWidth) wrong.push("the page is wider than its window");
  return JSON.stringify({Charts: all.length, Wrong: wrong});
})()`

// hover is a script that moves the pointer to the beginning of the first line, and returns the text that the page
// shows.
const hover = `(() => {
  const line = document.querySelector("polyline"), svg = line.closest("svg"), p = line.points[0].matrixTransform(svg.getScreenCTM());
  svg.dispatchEvent(new PointerEvent("pointermove", {clientX: p.x, clientY: p.y}));
  return svg.parentNode.querySelector("output").textContent;
})()`

// watched makes the browser report requests and log messages, and prefer a colour scheme.
func watched(scheme string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, errLog := cdp.Call(ctx, t, log.Enable, cdp.Empty{})
		_, errNetwork := cdp.Call(ctx, t, network.Enable, network.EnableParams{})
		_, errMedia := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
		return errors.Join(errLog, errNetwork, errMedia)
	})
}

// In a browser, light and dark, the page shows all charts, texts do not overlap, only the page is requested, and the
// console is empty.
func TestThePageInABrowser(t *testing.T) {
	ctx := browser(t)
	var mu sync.Mutex
	var requests, messages []string
	listen := func(event any) {
		mu.Lock()
		defer mu.Unlock()
		switch e := event.(type) {
		case *network.EventRequestWillBeSent:
			requests = append(requests, e.Request.URL)
		case *runtime.EventConsoleAPICalled:
			messages = append(messages, string(e.Type))
		case *runtime.EventExceptionThrown:
			messages = append(messages, e.ExceptionDetails.Text)
		case *log.EventEntryAdded:
			if !strings.Contains(e.Entry.URL, "favicon") {
				messages = append(messages, e.Entry.Text)
			}
		}
	}
	if err := chromedp.Listen(ctx, listen); err != nil {
		t.Fatal(err)
	}
	pages := variants()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write([]byte(pages[strings.ReplaceAll(strings.TrimPrefix(r.URL.Path, "/"), "_", " ")]))
	}))
	defer server.Close()
	opened := 0
	for _, name := range []string{"whole", "live", "heavy-tailed", "zero", "one empty arm", "dropped", "nothing",
		"plan", "plan that scales"} {
		text := pages[name]
		schemes := []string{"light"}
		if name == "whole" || name == "plan" {
			schemes = append(schemes, "dark")
		}
		for _, scheme := range schemes {
			url := server.URL + "/" + strings.ReplaceAll(name, " ", "_")
			if err := chromedp.Do(ctx, watched(scheme), chromedp.Navigate(url)); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			found, err := chromedp.Run(ctx, chromedp.Evaluate[string](overlaps))
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			hovered := ""
			if strings.Contains(text, "<polyline") {
				if hovered, err = chromedp.Run(ctx, chromedp.Evaluate[string](hover)); err != nil {
					t.Fatalf("%s: %v", name, err)
				}
			}
			opened++
			var r struct {
				Charts int
				Wrong  []string
			}
			if err := json.Unmarshal([]byte(found), &r); err != nil {
				t.Fatal(err)
			}
			if want := len(svgs.FindAllString(text, -1)); r.Charts != want {
				t.Errorf("%s, %s: %d charts, want %d", name, scheme, r.Charts, want)
			}
			for _, w := range r.Wrong {
				t.Errorf("%s, %s: %s", name, scheme, w)
			}
			if strings.Contains(text, "<polyline") && !strings.Contains(hovered, " at ") {
				t.Errorf("%s: the pointer over a line says %q", name, hovered)
			}
		}
	}
	mu.Lock()
	defer mu.Unlock()
	for _, url := range requests {
		if !strings.HasPrefix(url, server.URL) || strings.Count(strings.TrimPrefix(url, server.URL), "/") != 1 {
			t.Errorf("a request for %s", url)
		}
	}
	if len(requests) < opened {
		t.Errorf("%d requests were seen of %d pages: the test sees nothing", len(requests), opened)
	}
	if len(messages) > 0 {
		t.Errorf("the console says %q", messages)
	}
}
