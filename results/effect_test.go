package results_test

import (
	"testing"

	"github.com/loadgen-go/loadgen/results"
)

func TestArmsThatExportTheSameHaveNoEffect(t *testing.T) {
	spans := func(items, bytes, calls uint64) results.Exported {
		return results.Exported{Exports: results.Exports{Traces: results.Signal{Requests: 9, Items: items,
			Bytes: bytes}},
			Calls: calls}
	}
	points := func(exports, calls uint64) results.Exported {
		s := results.Signal{Requests: exports, Items: 30 * exports, Bytes: 900 * exports}
		return results.Exported{Exports: results.Exports{Metrics: s}, Calls: calls}
	}
	both := spans(2000, 200_000, 1000)
	both.Metrics = points(5, 1).Metrics
	for name, row := range map[string]struct {
		a, b results.Exported
		want results.Difference
	}{
		"neither exports anything": {results.Exported{Calls: 10}, results.Exported{Calls: 9}, results.Silent},
		"one exports nothing": {spans(2000, 200_000, 1000), results.Exported{Calls: 1000},
			results.Different},
		"equal":                          {spans(2000, 200_000, 1000), spans(2000, 200_000, 1000), results.Same},
		"some spans were lost":           {spans(2000, 200_000, 1000), spans(1985, 198_500, 1000), results.Same},
		"more calls, as much for each":   {spans(2000, 200_000, 1000), spans(4000, 400_000, 2000), results.Same},
		"as much, of more calls":         {spans(2000, 200_000, 1000), spans(2000, 200_000, 2000), results.Different},
		"fewer spans":                    {spans(2000, 200_000, 1000), spans(1950, 195_000, 1000), results.Different},
		"larger spans":                   {spans(2000, 200_000, 1000), spans(2000, 230_000, 1000), results.Different},
		"the number of calls is unknown": {spans(2000, 200_000, 0), spans(2000, 200_000, 1000), results.Same},
		"one export of metrics more":     {points(5, 1000), points(6, 1000), results.Same},
		"two exports of metrics more":    {points(5, 1000), points(7, 1000), results.Different},
		"metrics besides":                {both, spans(2000, 200_000, 1000), results.Different},
	} {
		t.Run(name, func(t *testing.T) {
			if got := results.EffectOf(row.a, row.b); got != row.want {
				t.Errorf("%v: want %v", got, row.want)
			}
			if got := results.EffectOf(row.b, row.a); got != row.want {
				t.Errorf("the other way round, %v: want %v", got, row.want)
			}
		})
	}
}
