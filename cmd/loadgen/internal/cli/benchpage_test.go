package cli

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Every file that the page of the library links to exists, and every name of a function that it
// mentions in a step is in one of the files of the step.
func TestBenchPageNamesFilesAndFunctionsThatExist(t *testing.T) {
	text := readPage(t, benchPage).text
	link := regexp.MustCompile(`\]\(([a-z/]+\.go)\)`)
	links := link.FindAllStringSubmatch(text, -1)
	for _, m := range links {
		if _, err := os.Stat("../../../../bench/" + m[1]); err != nil {
			t.Error(err)
		}
	}
	sources := ""
	for _, pattern := range []string{"*.go", "pace/*.go", "record/*.go"} {
		files, err := filepath.Glob("../../../../bench/" + pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			sources += string(source)
		}
	}
	// Receivers are named in one to three letters, with a pointer or without.
	method := regexp.MustCompile("`([a-zA-Z]+)\\.([a-zA-Z]+)`")
	methods := 0
	for line := range strings.Lines(text) {
		if !link.MatchString(line) {
			continue
		}
		for _, m := range method.FindAllStringSubmatch(line, -1) {
			methods++
			declared := regexp.MustCompile(`func \([a-z]+ \*?` + m[1] + `\) ` + m[2] + `\(|type ` + m[1] +
				` interface {[^}]*\b` + m[2] + `\(`)
			if !declared.MatchString(sources) {
				t.Errorf("there is no method %s of %s", m[2], m[1])
			}
		}
	}
	if len(links) < 10 || methods < 15 {
		t.Errorf("%d links and %d methods found", len(links), methods)
	}
}
