package rounds

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/terminal"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/visit"
	"github.com/loadgen-go/loadgen/scenarios"
)

// Profile visits every cell once with the first side, on the arrivals of the first round, and writes profiles of the
// given kinds to dir. It keeps no results, since they would include the cost of profiling. If ctx ends, Profile stops
// early. It reports whether all cells were profiled.
func Profile(ctx context.Context, o *Options, kinds []string, dir string) (complete bool, err error) {
	cells := o.cells()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return false, err
	}
	o.Progress.Begin(o.profileStage())
	defer o.Progress.End()
	defer o.Progress.AfterInterrupt(ctx, "the process of the profile to end")()
	for _, cell := range cells {
		o.Progress.Next("profiles", o.name(cell), o.Scenario.Takes(cell))
		req := o.request(0, cell, 1)
		req.Profile = &visit.Profile{Kinds: kinds, Prefix: filepath.Join(dir, fileName(cell))}
		v, err := o.visit(ctx, 0, req)
		if err == nil && ctx.Err() != nil {
			return false, nil
		}
		if err == nil && v.Error != "" {
			err = errors.New(v.Error)
		}
		if err != nil {
			return false, fmt.Errorf("profiling %v: %w", cell, err)
		}
	}
	return true, nil
}

// profileStage returns the visits of all cells, for the progress line.
func (o *Options) profileStage() terminal.Stage {
	s := terminal.Stage{Noun: "visit"}
	for _, cell := range o.cells() {
		s.Steps++
		s.Takes += o.Scenario.Takes(cell)
	}
	return s
}

// fileName returns the prefix of the names of a cell's files.
func fileName(cell scenarios.Cell) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune("/: ", r) {
			return '_'
		}
		return r
	}, cell.Arm()+"_"+cell.Level.Name())
}
