package page_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"
)

// Screenshots are the pictures of the pages in the README. scripts/screenshots makes them, with the pages of a run.
func TestScreenshots(t *testing.T) {
	dir := os.Getenv("LOADGEN_SCREENSHOTS")
	if dir == "" {
		t.Skip("LOADGEN_SCREENSHOTS is not set to a directory with report.html and compare.html")
	}
	pages := map[string]string{}
	for _, name := range []string{"report", "compare"} {
		text, err := os.ReadFile(filepath.Join(dir, name+".html"))
		if err != nil {
			t.Fatal(err)
		}
		pages[name] = string(text)
	}
	b := newBrowser(t, pages)
	for name := range pages {
		for size, s := range map[string]screen{
			"1280": {width: 1280, scheme: "light"},
			"400":  {width: 400, scheme: "light"},
		} {
			b.open(t, name, s)
			picture, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, name+"-"+size+".png"), picture, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}
