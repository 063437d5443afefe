package shop

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

func TestTheReadmeListsRoutesWithTheirSpansAndTheValuesOfSPANS(t *testing.T) {
	data, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]string{} // the last cell by route
	for line := range strings.Lines(string(data)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), " | ")
		if len(cells) == 3 {
			rows[strings.Trim(cells[0], " `")] = strings.TrimSpace(cells[2])
		}
	}
	for _, r := range routes {
		if want := fmt.Sprint(len(r.steps) + 1); rows[r.pattern] != want {
			t.Errorf("%s has %q spans in the README: want %s", r.pattern, rows[r.pattern], want)
		}
	}
	for _, way := range netHTTP.Ways {
		if !strings.Contains(string(data), "`"+way+"`") {
			t.Errorf("the README does not say what SPANS=%s does", way)
		}
	}
	if want := "`" + netHTTP.Ways[0] + "`"; rows["SPANS"] != want {
		t.Errorf("the default of SPANS is %s in the README: want %s", rows["SPANS"], want)
	}
}
