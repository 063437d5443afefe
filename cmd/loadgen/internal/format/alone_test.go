package format_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A second way to write a number is a second spelling of it.
func TestNumbersAndTablesAreWrittenByThisPackageAlone(t *testing.T) {
	elsewhere := map[string]string{
		"cli/capacity.go":     "a rate to type",
		"cli/capacityrun.go":  "a rate that a child process parses",
		"hdrlog/write.go":     "the format of HdrHistogram's logs",
		"history/measured.go": "rounds a value",
		"page/scale.go":       "coordinates, and the ticks of an axis",
	}
	writes := regexp.MustCompile(`%[+]?[0-9]*\.[0-9]+[efg]|strconv\.FormatFloat|text/tabwriter|benchunit\.Scale|` +
		`table\.NewWriter|utf8\.RuneCount|text\.Wrap(Soft|Text)`)
	err := filepath.WalkDir("..", func(path string, _ fs.DirEntry, err error) error {
		file := strings.TrimPrefix(filepath.ToSlash(path), "../")
		if err != nil || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") ||
			strings.HasPrefix(file, "format/") {
			return err
		}
		text, err := os.ReadFile(path)
		found := writes.Find(text)
		if _, may := elsewhere[file]; found != nil && !may {
			t.Errorf("%s has %s: want a function of package format", file, found)
		} else if found == nil && may {
			t.Errorf("%s writes no numbers of its own any more: remove it from this list", file)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
