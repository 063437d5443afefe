package visit

import (
	"fmt"
	"strings"

	"github.com/loadgen-go/loadgen/bench/httptarget"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/scenarios"
)

// CheckService returns an error if a visit of a scenario could not be made: if the workers are more than the calls
// that the connections carry, or if a file of the service has too few rows to use each once. It opens no connection.
// Rows says whether it looks at the rows.
func CheckService(s *scenarios.Scenario, rows bool) error {
	client, err := NewClient(s.AnyCalled())
	if err != nil {
		return err
	}
	defer client.Close()
	if !serverChooses(s.HTTP) {
		if err := enoughConnections(s, client); err != nil {
			return err
		}
	}
	if !rows {
		return nil
	}
	for _, l := range s.Levels() {
		if err := enoughRows(s, client, l); err != nil {
			return err
		}
	}
	return nil
}

// serverChooses reports whether a server of HTTP chooses the protocol, and so how many calls a connection carries.
func serverChooses(o *httptarget.Options) bool {
	return o != nil && (o.Protocol == "" || o.Protocol == httptarget.Auto) &&
		strings.HasPrefix(strings.ToLower(o.URL), "https:")
}

// enoughConnections returns an error if the workers of a scenario are more than the calls that the connections carry.
func enoughConnections(s *scenarios.Scenario, client Client) error {
	most := client.MaxWorkers()
	if s.Workers <= most {
		return nil
	}
	return fmt.Errorf("workers is %d, and the connections to %s carry %d calls at once: want at most as many "+
		"workers, or more connections (--connections, --max-connections)", s.Workers, s.Called().Address(), most)
}

// enoughRows returns an error if a file has too few rows to use each once in a visit at a level. How many calls a
// closed loop makes is not known before.
func enoughRows(s *scenarios.Scenario, client Client, l scenarios.Level) error {
	file, rows := client.UsedOnce()
	calls, err := s.Most(l)
	if file == "" || err != nil || calls == 0 {
		return err
	}
	first := uint64(len(client.Names()))
	if need := first + calls; rows < need {
		return fmt.Errorf("%s has %s, each used once (pick: unique), and a visit at %v may need %s: %s for the first "+
			"answers, and up to %s for the calls with their warm-up; want as many rows, fewer calls, or pick: "+
			"sequential",
			file, format.Plural(int(rows), "row"), l, format.Count(need), format.Count(first), format.Count(calls))
	}
	return nil
}
