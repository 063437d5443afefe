package scenarios

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/loadgen-go/loadgen/internal/spelling"
)

// A Quorum is the share of its visits, in per cent, in which a cell must meet an objective. The value 0
// stands for more than half of the visits.
type Quorum int

// ParseQuorum parses most, all, or a percentage such as 80%.
func ParseQuorum(text string) (Quorum, error) {
	switch text {
	case "most":
		return 0, nil
	case "all":
		return 100, nil
	}
	number, ok := strings.CutSuffix(text, "%")
	n, err := strconv.Atoi(number)
	if !ok || err != nil || n < 1 || n > 100 {
		return 0, fmt.Errorf("%q is not a share of visits%s: want most, all, or 1%% to 100%%", text,
			spelling.Meant(text, []string{"most", "all"}))
	}
	return Quorum(n), nil
}

// String returns the quorum in the syntax of [ParseQuorum].
func (q Quorum) String() string {
	switch q {
	case 0:
		return "most"
	case 100:
		return "all"
	}
	return fmt.Sprintf("%d%%", int(q))
}

// Met reports whether held visits, of all visits, are enough.
func (q Quorum) Met(held, visits int) bool {
	if q == 0 {
		return 2*held > visits
	}
	return 100*held >= int(q)*visits
}
