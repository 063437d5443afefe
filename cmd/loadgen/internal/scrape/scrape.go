// Package scrape reads histograms of Prometheus: from the text that a service exposes, and from a Prometheus server.
package scrape

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/internal/spelling"
)

// A Bucket is how many values are above Low and at most High, in nanoseconds.
type Bucket struct{ Low, High, Count float64 }

// A Histogram is the sum of the histograms of all series of a metric.
type Histogram struct {
	Metric string
	From   string // where it was read
	Series int    // how many series it sums up; 0 if the server has summed them up
	Native bool   // whether its buckets grow by a factor
	// Buckets are in ascending order. The last bucket of a classic histogram has no end.
	Buckets []Bucket
}

// Count returns the number of values.
func (h *Histogram) Count() (n float64) {
	for _, b := range h.Buckets {
		n += b.Count
	}
	return n
}

// A Source says which histogram is read.
type Source struct {
	Metric string            // name of the metric, without _bucket
	Labels map[string]string // labels that its series must have
	Unit   time.Duration     // unit of its values
}

// metricName matches the names that PromQL takes without quotes.
var metricName = regexp.MustCompile(`^[a-zA-Z_:][a-zA-Z0-9_:]*$`)

// NewSource returns a source. If unit is 0, the suffix of the metric names the unit, as the conventions of Prometheus
// ask.
func NewSource(metric string, labels map[string]string, unit time.Duration) (*Source, error) {
	metric = strings.TrimSuffix(metric, "_bucket")
	if !metricName.MatchString(metric) {
		return nil, fmt.Errorf("%q is not the name of a metric: want one such as request_duration_seconds", metric)
	}
	if unit == 0 {
		_, unit = CutUnit(metric)
	}
	if unit == 0 {
		return nil, fmt.Errorf("the name %s does not say in which unit its values are: want --metric-unit", metric)
	}
	return &Source{metric, labels, unit}, nil
}

// CutUnit returns the name of a metric without the unit that it ends with, and that unit, or 0 if it names none.
func CutUnit(metric string) (name string, unit time.Duration) {
	for suffix, unit := range map[string]time.Duration{"_seconds": time.Second, "_milliseconds": time.Millisecond,
		"_microseconds": time.Microsecond, "_nanoseconds": time.Nanosecond} {
		if name, ok := strings.CutSuffix(metric, suffix); ok {
			return name, unit
		}
	}
	return metric, 0
}

// sum returns the sum of the histograms of the metric in families.
func (s *Source) sum(families map[string]*dto.MetricFamily) (*Histogram, error) {
	family := families[s.Metric]
	if len(families) == 0 {
		return nil, errors.New("there are no metrics: want the text format of Prometheus")
	}
	if family == nil {
		return nil, fmt.Errorf("no metric %s%s: want one of %s", s.Metric,
			spelling.Meant(s.Metric, histograms(families)), format.List(format.Few(histograms(families), 8)))
	}
	if family.GetType() != dto.MetricType_HISTOGRAM {
		return nil, fmt.Errorf("%s is a %s: want a histogram", s.Metric, strings.ToLower(family.GetType().String()))
	}
	h := &Histogram{Metric: s.Metric}
	for _, m := range family.GetMetric() {
		if !s.has(m.GetLabel()) {
			continue
		}
		buckets, err := s.buckets(m.GetHistogram())
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.Metric, err)
		}
		if err := h.add(buckets); err != nil {
			return nil, fmt.Errorf("%s: %w", s.Metric, err)
		}
	}
	if h.Series == 0 {
		return nil, fmt.Errorf("%s: none of its %s series has the labels %s", s.Metric,
			format.Count(len(family.GetMetric())), s.selector())
	}
	return h, h.check()
}

// histograms returns the names of the histograms.
func histograms(families map[string]*dto.MetricFamily) (names []string) {
	for _, name := range slices.Sorted(maps.Keys(families)) {
		if families[name].GetType() == dto.MetricType_HISTOGRAM {
			names = append(names, name)
		}
	}
	return names
}

// has reports whether a series has the labels of s.
func (s *Source) has(labels []*dto.LabelPair) bool {
	found := 0
	for _, l := range labels {
		if want, ok := s.Labels[l.GetName()]; ok && want == l.GetValue() {
			found++
		}
	}
	return found == len(s.Labels)
}

// selector returns the labels of s in the syntax of PromQL, or "" if there are none.
func (s *Source) selector() string {
	if len(s.Labels) == 0 {
		return ""
	}
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(s.Labels)) {
		parts = append(parts, fmt.Sprintf("%s=%q", name, s.Labels[name]))
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// A bound is a cumulative count: how many values are at most At.
type bound struct{ at, upTo float64 }

// buckets returns the buckets of one classic histogram.
func (s *Source) buckets(h *dto.Histogram) ([]Bucket, error) {
	var bounds []bound
	for _, b := range h.GetBucket() {
		count := b.GetCumulativeCountFloat()
		if count == 0 {
			count = float64(b.GetCumulativeCount())
		}
		bounds = append(bounds, bound{b.GetUpperBound(), count})
	}
	slices.SortFunc(bounds, func(a, b bound) int { return cmp.Compare(a.at, b.at) })
	if len(bounds) > 0 && !math.IsInf(bounds[len(bounds)-1].at, 1) {
		bounds = append(bounds, bound{math.Inf(1), max(float64(h.GetSampleCount()), h.GetSampleCountFloat())})
	}
	return s.between(bounds)
}

// between returns the buckets between ascending bounds, the last of which is infinite.
func (s *Source) between(bounds []bound) (buckets []Bucket, err error) {
	if len(bounds) < 2 {
		return nil, errors.New("it has no bounds: want a classic histogram with buckets")
	}
	last := bound{}
	for i, b := range bounds {
		switch {
		case math.IsNaN(b.at) || i > 0 && b.at <= last.at:
			return nil, fmt.Errorf("the bound %v follows %v: want ascending bounds", b.at, last.at)
		case !(b.upTo >= last.upTo) || math.IsInf(b.upTo, 1):
			return nil, fmt.Errorf("the count up to %v is %v, and %v before it: want counts that do not decrease",
				b.at, b.upTo, last.upTo)
		}
		low := last.at * float64(s.Unit)
		if i == 0 {
			low = min(0, b.at*float64(s.Unit)) // latencies are not negative
		}
		buckets = append(buckets, Bucket{low, b.at * float64(s.Unit), b.upTo - last.upTo})
		last = b
	}
	if last.at = bounds[0].at; last.at < 0 {
		return nil, fmt.Errorf("the bound %v is negative: want latencies", last.at)
	}
	return buckets, nil
}

// add adds the counts of a series, which must have the same bounds.
func (h *Histogram) add(buckets []Bucket) error {
	if h.Series++; h.Series == 1 {
		h.Buckets = buckets
		return nil
	}
	same := slices.EqualFunc(h.Buckets, buckets, func(a, b Bucket) bool { return a.High == b.High })
	if !same {
		return errors.New("its series have different bounds: want --label to choose one kind of them")
	}
	for i := range buckets {
		h.Buckets[i].Count += buckets[i].Count
	}
	return nil
}

// check returns an error if h counts nothing.
func (h *Histogram) check() error {
	if !(h.Count() > 0) {
		return fmt.Errorf("%s has counted nothing yet", h.Metric)
	}
	return nil
}
