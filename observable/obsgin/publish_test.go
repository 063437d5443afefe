package obsgin_test

import (
	"net/http"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/loadgen-go/loadgen/observable/metrics"
	"github.com/loadgen-go/loadgen/observable/obsgin"
)

// Package metrics publishes the counts by route.
func TestCountsOfRoutesArePublished(t *testing.T) {
	engine := gin.New()
	engine.GET("/api/:id", func(c *gin.Context) { c.Status(http.StatusBadGateway) })
	calls := instrument(t, engine, obsgin.Options{})
	account, err := metrics.New(calls, metrics.Options{Namespace: "shop"})
	if err != nil {
		t.Fatal(err)
	}
	registry := prometheus.NewPedanticRegistry()
	if err := account.Register(registry); err != nil {
		t.Fatal(err)
	}
	get(engine, "GET", "/api/1")
	get(engine, "GET", "/api/2")
	get(engine, "GET", "/favicon.ico")
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			row := family.GetName()
			for _, label := range m.GetLabel() {
				row += "|" + label.GetValue()
			}
			value := m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
			if value > 0 {
				got[row] = value
			}
		}
	}
	want := map[string]float64{
		"shop_calls_total|GET /api/:id|error":       2,
		"shop_calls_total|unmatched|ok":             1,
		"shop_duration_seconds|GET /api/:id":        2,
		"shop_duration_seconds|" + obsgin.Unmatched: 1,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
