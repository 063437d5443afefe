package visit

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/loadgen-go/loadgen/bench/httptarget"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/scenarios"
)

// serviceOptions returns the options of the service of a scenario, for a seed. The timeout of the scenario replaces
// the default of the service, which may be shorter, and bounds the first requests too.
func serviceOptions(s *scenarios.Scenario, seed uint64) httptarget.Options {
	options := *s.HTTP
	options.Seed = seed
	options.Timeout.Total = cmp.Or(options.Timeout.Total, s.Timeout)
	return options
}

// CheckService returns an error if a visit of a scenario could not be made: if the workers are more than the calls
// that the connections carry, or if a file of the service has too few rows to use each once. It opens no connection.
// Rows says whether it looks at the rows.
func CheckService(s *scenarios.Scenario, rows bool) error {
	target, err := httptarget.New(s.AnyHTTP())
	if err != nil {
		return err
	}
	defer target.Close()
	if s.HTTP.Protocol != httptarget.Auto && s.HTTP.Protocol != "" || !isTLS(s.HTTP) { // or the server chooses
		if err := enoughConnections(s, target); err != nil {
			return err
		}
	}
	if !rows {
		return nil
	}
	for _, l := range s.Levels() {
		if err := enoughRows(s, target, l); err != nil {
			return err
		}
	}
	return nil
}

// isTLS reports whether a service is called over TLS.
func isTLS(o *httptarget.Options) bool { return strings.HasPrefix(strings.ToLower(o.URL), "https:") }

// enoughConnections returns an error if the workers of a scenario are more than the calls that the connections carry.
func enoughConnections(s *scenarios.Scenario, target *httptarget.Target) error {
	most := target.MaxWorkers()
	if s.Workers <= most {
		return nil
	}
	return fmt.Errorf("workers is %d, and the connections to %s carry %d calls at once: want at most as many "+
		"workers, or more connections (--connections, --max-connections)", s.Workers, s.HTTP.URL, most)
}

// enoughRows returns an error if a file has too few rows to use each once in a visit at a level. How many calls a
// closed loop makes is not known before.
func enoughRows(s *scenarios.Scenario, target *httptarget.Target, l scenarios.Level) error {
	file, rows := target.UsedOnce()
	calls, err := s.Most(l)
	if file == "" || err != nil || calls == 0 {
		return err
	}
	first := uint64(len(target.Names()))
	if need := first + calls; rows < need {
		return fmt.Errorf("%s has %s, each used once (pick: unique), and a visit at %v may need %s: %s for the first "+
			"answers, and up to %s for the calls with their warm-up; want as many rows, fewer calls, or pick: "+
			"sequential",
			file, format.Plural(int(rows), "row"), l, format.Count(need), format.Count(first), format.Count(calls))
	}
	return nil
}
