package cli

import (
	"bytes"
	"context"
	"os"
	"strings"
	"testing"
)

func TestWhatMeasuresSaysThatItNeedsLinuxOrMacOS(t *testing.T) {
	defer func(was string) { goos = was }(goos)
	goos = "freebsd"
	for _, c := range []struct {
		args    string
		refused bool
	}{
		{"run", true},
		{"selftest", true},
		{"capacity --slo p99<1s", true},
		{"probe", true},
		{"visit", true},
		{"plan", false},
		{"scenarios", false},
		{"show nothing.json", false},
		{"report nothing.json", false},
		{"compare nothing.txt nothing.txt", false},
		{"history nothing.jsonl", false},
		{"quantiles --q 2", false},
		{"capacity plan nothing.json", false},
	} {
		t.Run(c.args, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			code := dispatch(context.Background(), nil, strings.Fields(c.args), strings.NewReader(""), &stdout,
				&stderr)
			refused := strings.Contains(stderr.String(),
				"loadgen measures on Linux and macOS, and this is freebsd: measure there")
			if refused != c.refused || refused && (code != exitUnusable || stdout.Len() > 0) {
				t.Errorf("exit %d, refused %v, want %v\n%s\n%s", code, refused, c.refused, &stdout, &stderr)
			}
		})
	}
}

// scripts/check builds everything for them, with the tests.
func TestThePlatformsOfTheREADMEAreChecked(t *testing.T) {
	readme := readPage(t, topPage).text
	check, err := os.ReadFile("../../../../scripts/check")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ goos, name string }{{"darwin", "macOS"}, {"windows", "Windows"},
		{"freebsd", "Windows (amd64), FreeBSD"}} {
		t.Run(c.goos, func(t *testing.T) {
			if !strings.Contains(readme, "| "+c.name) || !strings.Contains(string(check), "GOOS="+c.goos) {
				t.Error("it is not in the table of the README, or scripts/check does not vet for it")
			}
		})
	}
}
