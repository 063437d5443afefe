package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/loadgen-go/loadgen/bench/record"
)

// readObjectives parses a comma-separated list of objectives. The error quotes the list, with a mark below the first
// character that is wrong.
func readObjectives(text string) (all []record.SLO, err error) {
	at := 0
	for _, item := range strings.Split(text, ",") {
		slo, err := record.ParseSLO(item)
		if err != nil {
			var wrong *record.SLOError
			if errors.As(err, &wrong) {
				at += wrong.At
			}
			column := len([]rune(text[:at]))
			return nil, fmt.Errorf("--slo: character %d is where it goes wrong\n  %s\n  %s^ %w", column+1, text,
				strings.Repeat(" ", column), err)
		}
		at += len(item) + 1
		all = append(all, slo)
	}
	return all, nil
}
