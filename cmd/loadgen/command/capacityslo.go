package command

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/loadgen-go/loadgen/bench"
)

// readObjectives reads objectives that commas join. The error has the text, and points
// at the first character that is wrong.
func readObjectives(text string) (all []bench.SLO, err error) {
	at := 0
	for _, item := range strings.Split(text, ",") {
		slo, err := bench.ParseSLO(strings.TrimSpace(item))
		if err != nil {
			at += len(item) - len(strings.TrimLeft(item, " \t"))
			if m := wrongPart.FindStringSubmatch(err.Error()); m != nil {
				at += max(strings.Index(strings.TrimSpace(item), m[1]), 0)
			}
			column := len([]rune(text[:at]))
			return nil, fmt.Errorf("--slo: character %d is where it goes wrong\n  %s\n  %s^ %w", column+1, text, strings.Repeat(" ", column), err)
		}
		at += len(item) + 1
		all = append(all, slo)
	}
	return all, nil
}

// wrongPart is what an objective's error quotes, besides the whole.
var wrongPart = regexp.MustCompile(`: "([^"]+)" is not a`)
