package record

import "github.com/loadgen-go/loadgen/quantile"

// Phases are the parts of the service time of calls done, as the target reports them.
type Phases struct {
	// Write is the time from the begin of a call until the request was sent. It includes a new
	// connection, if the call needed one.
	Write *quantile.HDR `json:"write"`
	// Wait is the time from then until the first byte of the response.
	Wait *quantile.HDR `json:"wait"`
	// Read is the time from then until the call ended.
	Read *quantile.HDR `json:"read"`
}

// NewPhases returns phases without a call.
func NewPhases() Phases {
	return Phases{Write: quantile.NewHDR(), Wait: quantile.NewHDR(), Read: quantile.NewHDR()}
}

// Merge adds the calls of o. It does nothing if p or o is without histograms.
func (p *Phases) Merge(o *Phases) {
	for _, pair := range [][2]*quantile.HDR{{p.Write, o.Write}, {p.Wait, o.Wait}, {p.Read, o.Read}} {
		if pair[0] == nil || pair[1] == nil {
			continue
		}
		if err := pair[0].Merge(pair[1]); err != nil {
			panic(err) // impossible: a histogram can count more calls than runs can make
		}
	}
}

// mergePhases returns the phases of all records together, or nil if a record lacks them.
func mergePhases(records []*Record) *Phases {
	merged := NewPhases()
	for _, r := range records {
		if r.Phases == nil {
			return nil
		}
		merged.Merge(r.Phases)
	}
	return &merged
}
