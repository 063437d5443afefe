package rewrite_test

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/instrument/probe"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/instrument/rewrite"
)

// A registration of package register that Validate would refuse is a problem before the program runs.
func TestRegistrationsThatWouldBeRefusedAreProblems(t *testing.T) {
	dir, err := filepath.Abs("testdata/registrations")
	if err != nil {
		t.Fatal(err)
	}
	p := loaded(t, dir)
	r, err := rewrite.Rewrite(p, rewrite.Options{ProbePath: probe.Module})
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	number := 0
	for line := range strings.Lines(string(p.Sources[filepath.Join(dir, "x.go")])) {
		number++
		if code, problem, ok := strings.Cut(line, " // "); ok && strings.HasPrefix(line, "\t") {
			literal := regexp.MustCompile(`row\{|register\.Registration\{|\{`).FindStringIndex(code)
			column := literal[0] + 1
			want = append(want, fmt.Sprintf("%d:%d: %s", number, column, strings.TrimSpace(problem)))
		}
	}
	for _, problem := range r.Problems {
		got = append(got, fmt.Sprintf("%d:%d: %s", problem.Line, problem.Column, problem.What))
		if !strings.HasSuffix(problem.Hint, "; or mark the line //loadgen:skip") {
			t.Errorf("hint %q", problem.Hint)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" || len(want) != 12 {
		t.Errorf("%d problems are wanted; -want +got:\n%s", len(want), diff)
	}
}
