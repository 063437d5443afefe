package buckets

import (
	"fmt"
	"strings"
)

// Languages returns what As writes.
func Languages() []string { return []string{"go", "otel", "collector", "list"} }

// As returns the bounds as code, configuration or a list, for a metric with a name.
func (a *Advice) As(language, metric string) (string, error) {
	seconds := strings.ReplaceAll(joined(a.Bounds), ",", ", ")
	comment := "loadgen buckets " + a.Data.Name
	switch language {
	case "go":
		return fmt.Sprintf(`// %s
prometheus.HistogramOpts{
	Name:    %q,
	Help:    "Duration of requests.",
	Buckets: []float64{%s},
}
`, comment, metric, seconds), nil
	case "otel":
		return fmt.Sprintf(`// %s
sdkmetric.NewView(
	sdkmetric.Instrument{Name: %q},
	sdkmetric.Stream{Aggregation: sdkmetric.AggregationExplicitBucketHistogram{
		Boundaries: []float64{%s},
	}},
)
`, comment, metric, seconds), nil
	case "collector":
		return fmt.Sprintf(`# %s
connectors:
  span_metrics:
    histogram:
      unit: s
      explicit:
        buckets: [%s]
`, comment, a.list()), nil
	case "list":
		return joined(a.Bounds) + "\n", nil
	}
	return "", fmt.Errorf("%q is unknown: want one of %s", language, strings.Join(Languages(), ", "))
}
