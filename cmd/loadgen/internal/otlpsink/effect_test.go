package otlpsink_test

import (
	"testing"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/otlpsink"
)

func TestArmsThatExportTheSameHaveNoEffect(t *testing.T) {
	spans := func(items, bytes, calls uint64) otlpsink.Arm {
		return otlpsink.Arm{Counts: otlpsink.Counts{Traces: otlpsink.Signal{Requests: 9, Items: items, Bytes: bytes}},
			Calls: calls}
	}
	points := func(exports, calls uint64) otlpsink.Arm {
		s := otlpsink.Signal{Requests: exports, Items: 30 * exports, Bytes: 900 * exports}
		return otlpsink.Arm{Counts: otlpsink.Counts{Metrics: s}, Calls: calls}
	}
	both := spans(2000, 200_000, 1000)
	both.Counts.Metrics = points(5, 1).Counts.Metrics
	for name, row := range map[string]struct {
		a, b otlpsink.Arm
		want otlpsink.Difference
	}{
		"neither exports anything":       {otlpsink.Arm{Calls: 10}, otlpsink.Arm{Calls: 9}, otlpsink.Silent},
		"one exports nothing":            {spans(2000, 200_000, 1000), otlpsink.Arm{Calls: 1000}, otlpsink.Different},
		"equal":                          {spans(2000, 200_000, 1000), spans(2000, 200_000, 1000), otlpsink.Same},
		"some spans were lost":           {spans(2000, 200_000, 1000), spans(1985, 198_500, 1000), otlpsink.Same},
		"more calls, as much for each":   {spans(2000, 200_000, 1000), spans(4000, 400_000, 2000), otlpsink.Same},
		"as much, of more calls":         {spans(2000, 200_000, 1000), spans(2000, 200_000, 2000), otlpsink.Different},
		"fewer spans":                    {spans(2000, 200_000, 1000), spans(1950, 195_000, 1000), otlpsink.Different},
		"larger spans":                   {spans(2000, 200_000, 1000), spans(2000, 230_000, 1000), otlpsink.Different},
		"the number of calls is unknown": {spans(2000, 200_000, 0), spans(2000, 200_000, 1000), otlpsink.Same},
		"one export of metrics more":     {points(5, 1000), points(6, 1000), otlpsink.Same},
		"two exports of metrics more":    {points(5, 1000), points(7, 1000), otlpsink.Different},
		"metrics besides":                {both, spans(2000, 200_000, 1000), otlpsink.Different},
	} {
		t.Run(name, func(t *testing.T) {
			if got := otlpsink.Effect(row.a, row.b); got != row.want {
				t.Errorf("%v: want %v", got, row.want)
			}
			if got := otlpsink.Effect(row.b, row.a); got != row.want {
				t.Errorf("the other way round, %v: want %v", got, row.want)
			}
		})
	}
}
