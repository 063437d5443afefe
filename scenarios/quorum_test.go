package scenarios_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/loadgen-go/loadgen/scenarios"
)

func TestAQuorumIsAShareOfVisits(t *testing.T) {
	for _, c := range []struct {
		text         string
		held, visits int
		met          bool
	}{
		{"most", 3, 6, false}, {"most", 4, 6, true}, {"most", 2, 3, true}, {"most", 1, 1, true}, {"most", 0, 0, false},
		{"all", 6, 6, true}, {"all", 5, 6, false},
		{"50%", 3, 6, true}, {"50%", 2, 6, false}, {"80%", 4, 5, true}, {"81%", 4, 5, false},
		{"1%", 1, 100, true}, {"1%", 0, 100, false},
	} {
		t.Run(fmt.Sprintf("%d of %d, want %s", c.held, c.visits, c.text), func(t *testing.T) {
			q, err := scenarios.ParseQuorum(c.text)
			if err != nil || q.String() != c.text || q.Met(c.held, c.visits) != c.met {
				t.Errorf("%v, %v: met %v, want %v", q, err, q.Met(c.held, c.visits), c.met)
			}
		})
	}
	for _, text := range []string{"", "half", "0%", "101%", "80", "8.5%", "-1%"} {
		t.Run("refused: "+text, func(t *testing.T) {
			if q, err := scenarios.ParseQuorum(text); err == nil ||
				!strings.Contains(err.Error(), "want most, all, or 1% to 100%") {
				t.Errorf("%v, %v", q, err)
			}
		})
	}
}
