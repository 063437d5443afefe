package command

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/capacity"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/visit"
)

// A probeRequest is a probe to make, and the visit that it is.
type probeRequest struct {
	Ask   capacity.Ask  `json:"ask"`
	Visit visit.Request `json:"visit"`
}

// newProbe is the hidden command that makes one probe of a search. It says what the
// visit's batches say, for which every latency is needed.
func newProbe(own targets) *cobra.Command {
	return newChild("probe", func(ctx context.Context, req *probeRequest) (any, error) {
		target, err := own.own(req.Visit.Scenario)
		if err != nil {
			return nil, err
		}
		v, err := visit.Do(ctx, &req.Visit, target)
		if err != nil {
			return nil, err
		}
		p, err := capacity.NewProbe(req.Ask, req.Visit.Scenario.SLOs, v)
		if err != nil {
			return nil, err
		}
		p.Seed = req.Visit.Seed
		return p, nil
	})
}
