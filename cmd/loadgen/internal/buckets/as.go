package buckets

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/scrape"
)

// Languages returns what As writes.
func Languages() []string { return []string{"go", "otel", "collector", "list"} }

// DefaultMetric is the name that As writes if it is given none.
const DefaultMetric = "request_duration_seconds"

// As returns the bounds as code, configuration or a list, for a metric. If unit is 0, the name of the metric says in
// which unit its values are, or they are in seconds.
func (a *Advice) As(language, metric string, unit time.Duration) (string, error) {
	if metric == "" && language == "otel" {
		metric = "http.server.request.duration" // of the semantic conventions
	}
	metric = cmp.Or(metric, DefaultMetric)
	if unit == 0 {
		_, unit = scrape.CutUnit(metric)
	}
	unit = cmp.Or(unit, time.Second)
	var bounds []float64
	for _, b := range a.bounds {
		bounds = append(bounds, float64(b)/float64(unit))
	}
	list := joined(bounds)
	values := strings.ReplaceAll(list, ",", ", ")
	comment := "loadgen buckets " + a.Data.Name
	switch language {
	case "go":
		return fmt.Sprintf(`// %s
prometheus.HistogramOpts{
	Name:    %q,
	Help:    "Duration of requests.",
	Buckets: []float64{%s},
}
`, comment, metric, values), nil
	case "otel":
		return fmt.Sprintf(`// %s
sdkmetric.NewView(
	sdkmetric.Instrument{%s},
	sdkmetric.Stream{Aggregation: sdkmetric.AggregationExplicitBucketHistogram{
		Boundaries: []float64{%s},
	}},
)
`, comment, instrument(metric), values), nil
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
		return list + "\n", nil
	}
	return "", fmt.Errorf("%q is unknown: want one of %s", language, strings.Join(Languages(), ", "))
}

// instrument returns the fields that select the instrument of OpenTelemetry whose metric in Prometheus has a name. The
// exporter has replaced its dots, for which any character is allowed here, and added its unit.
func instrument(metric string) string {
	name, _ := scrape.CutUnit(metric)
	if strings.Contains(name, ".") || !strings.Contains(metric, "_") {
		return fmt.Sprintf("Name: %q", metric)
	}
	if name != metric {
		name += "*"
	}
	return fmt.Sprintf("Name: %q, Kind: sdkmetric.InstrumentKindHistogram", strings.ReplaceAll(name, "_", "?"))
}
