package lifecycle

import "github.com/prometheus/client_golang/prometheus"

// Collector returns the counts of spans as metrics of Prometheus, which are read at each scrape:
//
//	NAMESPACE_spans_started_total   sampled spans that were started
//	NAMESPACE_spans_ended_total     sampled spans that were ended
//	NAMESPACE_spans_exported_total  spans that were exported
//	NAMESPACE_spans_failed_total    spans that an export lost
//	NAMESPACE_spans_dropped_total   spans that were dropped before an export
//	NAMESPACE_spans_waiting         spans that wait for export
//
// [Counts] says what each of them counts. If the namespace is "", names begin with spans.
func (l *Lifecycle) Collector(namespace string) prometheus.Collector {
	desc := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc(prometheus.BuildFQName(namespace, "spans", name), help, nil, nil)
	}
	return &collector{l,
		desc("started_total", "Sampled spans that were started."),
		desc("ended_total", "Sampled spans that were ended."),
		desc("exported_total", "Spans that were exported without an error."),
		desc("failed_total", "Spans that were lost because their export failed."),
		desc("dropped_total", "Spans that were dropped before they were exported, such as by a full queue."),
		desc("waiting", "Spans that wait for their export."),
	}
}

// A collector reads the counts of a Lifecycle.
type collector struct {
	counts                                             interface{ Counts() Counts }
	started, ended, exported, failed, dropped, waiting *prometheus.Desc
}

var _ prometheus.Collector = (*collector)(nil)

// Describe sends the descriptions of the metrics.
func (c *collector) Describe(ch chan<- *prometheus.Desc) { prometheus.DescribeByCollect(c, ch) }

// Collect sends the counts, all of the same instant.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	n := c.counts.Counts()
	send := func(desc *prometheus.Desc, kind prometheus.ValueType, n uint64) {
		ch <- prometheus.MustNewConstMetric(desc, kind, float64(n))
	}
	send(c.started, prometheus.CounterValue, n.Started)
	send(c.ended, prometheus.CounterValue, n.Ended)
	send(c.exported, prometheus.CounterValue, n.Exported)
	send(c.failed, prometheus.CounterValue, n.Failed)
	send(c.dropped, prometheus.CounterValue, n.Dropped)
	send(c.waiting, prometheus.GaugeValue, n.Waiting)
}
