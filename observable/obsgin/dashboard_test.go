package obsgin_test

import (
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	otelprometheus "go.opentelemetry.io/otel/exporters/prometheus"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/loadgen-go/loadgen/internal/promtest"
	"github.com/loadgen-go/loadgen/observable"
	"github.com/loadgen-go/loadgen/observable/lifecycle"
	"github.com/loadgen-go/loadgen/observable/metrics"
	"github.com/loadgen-go/loadgen/observable/obsgin"
)

// dashboards has the dashboard and the rules. They are tested here because this module exports all that they show.
const dashboards = "../../scripts/stack/dashboards"

// A dashboard is what the tests read of a dashboard of Grafana.
type dashboard struct {
	Templating struct {
		List []struct {
			Name, Type, Query, Regex string
			Datasource               source
		}
	}
	Panels []struct {
		ID                       int
		Type, Title, Description string
		Datasource               source
		FieldConfig              struct{ Defaults struct{ Unit string } }
		Targets                  []struct{ Expr, LegendFormat string }
	}
}

// A source says where data comes from.
type source struct{ Type, UID string }

// readDashboard returns the dashboard, and its text.
func readDashboard(t *testing.T) (d dashboard, text []byte) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dashboards, "handlers.json"))
	if err = errors.Join(err, json.Unmarshal(text, &d)); err != nil {
		t.Fatal(err)
	}
	return d, text
}

// Every panel says what it shows, of what unit, and whose each line is. The data source is chosen in Grafana.
func TestTheDashboardSaysWhatItShows(t *testing.T) {
	d, text := readDashboard(t)
	if n := len(text); n > 16<<10 {
		t.Errorf("%d bytes: want a file that can be read", n)
	}
	want := source{"prometheus", "${datasource}"}
	for _, v := range d.Templating.List {
		if v.Type == "query" && v.Datasource != want {
			t.Errorf("$%s has the data source %v", v.Name, v.Datasource)
		}
	}
	var ids []int
	for _, p := range d.Panels {
		ids = append(ids, p.ID)
		if p.Type == "row" {
			continue
		}
		if p.Title == "" || p.Description == "" || p.FieldConfig.Defaults.Unit == "" || len(p.Targets) == 0 {
			t.Errorf("panel %d has no title, description, unit or target: %+v", p.ID, p)
		}
		if p.Datasource != want {
			t.Errorf("%s has the data source %v", p.Title, p.Datasource)
		}
		for _, target := range p.Targets {
			by := regexp.MustCompile(`\b(key|http_route|job)\b`).FindString(strings.SplitN(target.Expr, " by (", 2)[1])
			if !strings.Contains(target.LegendFormat, "{{"+by) && !strings.Contains(target.LegendFormat, "{{key}}") &&
				!strings.Contains(target.LegendFormat, "{{http_route}}") {
				t.Errorf("%s: the legend %q does not name the %s", p.Title, target.LegendFormat, by)
			}
			if strings.Contains(target.Expr, " or ") {
				t.Errorf("%s: %s has data even if metrics are missing", p.Title, target.Expr)
			}
		}
	}
	slices.Sort(ids)
	if len(slices.Compact(ids)) != len(d.Panels) {
		t.Error("ids are given twice")
	}
}

func TestPromtoolAcceptsTheRules(t *testing.T) {
	promtest.Promtool(t, dashboards, nil, "check", "rules", "rules.yml")
	promtest.Promtool(t, dashboards, nil, "test", "rules", "rules_test.yml")
}

// A real Prometheus has data for every expression of the dashboard and of the rules, after it has scraped a service.
// So a metric that is renamed is renamed there, too.
func TestEveryExpressionHasData(t *testing.T) {
	targets, load := observedService(t)
	rules, err := filepath.Abs(filepath.Join(dashboards, "rules.yml"))
	if err != nil {
		t.Fatal(err)
	}
	server := promtest.Start(t, rules, targets...)
	// These are the last to come: rates need two scrapes, and the others can be had of one.
	for _, query := range []string{
		`sum(rate(handler_calls_total{outcome="panic"}[1m])) > 0`,
		`histogram_count(sum(rate(http_server_request_duration_seconds[1m]))) > 0`,
		`sum(rate(http_server_request_duration_seconds_count[1m])) > 0`,
		`sum(rate(spans_exported_total[1m])) > 0`,
		`job_key:handler_duration_seconds:p99_rate5m > 0`,
		`job:spans_lost:rate5m`,
	} {
		server.Await(t, query, func(got []promtest.Sample) bool {
			load()
			return len(got) > 0
		})
	}
	d, _ := readDashboard(t)
	for name, queries := range d.queries(t) {
		for _, query := range queries {
			wantData(t, server, name, query)
		}
	}
	recorded := server.Rules(t)
	if len(recorded) == 0 {
		t.Error("there are no rules")
	}
	for _, r := range recorded {
		if r.Health != "ok" {
			t.Errorf("%s: %s %s", r.Name, r.Health, r.LastError)
		}
		wantData(t, server, r.Name, r.Name)
		wantData(t, server, r.Name, r.Query)
	}
}

// wantData reports a query that has no answer, or only NaN.
func wantData(t *testing.T, server *promtest.Server, name, query string) {
	t.Helper()
	got, err := server.Query(query)
	if err != nil {
		t.Errorf("%s: %v", name, err)
	} else if !slices.ContainsFunc(got, func(s promtest.Sample) bool { return !math.IsNaN(s.Value) }) {
		t.Errorf("%s: %s has no data: %v", name, query, got)
	}
}

// labelValues is the query of a variable: the values of a label of a metric.
var labelValues = regexp.MustCompile(`^label_values\((.+), (\w+)\)$`)

// queries returns the queries of the panels and variables by name, with the variables replaced by values.
func (d *dashboard) queries(t *testing.T) map[string][]string {
	t.Helper()
	replaced := strings.NewReplacer("${namespace}", "handler", "$job", ".*", "$handler", ".*",
		"$__rate_interval", "1m")
	queries := map[string][]string{}
	add := func(name, query string) {
		if query = replaced.Replace(query); strings.Contains(query, "$") {
			t.Errorf("%s: %s has an unknown variable", name, query)
		}
		queries[name] = append(queries[name], query)
	}
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			add(p.Title, target.Expr)
		}
	}
	for _, v := range d.Templating.List {
		if v.Type != "query" {
			continue
		}
		parts := labelValues.FindStringSubmatch(v.Query)
		if parts == nil {
			t.Errorf("$%s has the query %s", v.Name, v.Query)
			continue
		}
		add("$"+v.Name, "count by ("+parts[2]+") ("+parts[1]+")")
	}
	if len(queries) < 12 {
		t.Errorf("queries are missing: %v", queries)
	}
	return queries
}

// observedService serves the metrics of a service with everything that the dashboard shows, and of one with
// native histograms. It returns the addresses of both, and a function that sends the service requests.
func observedService(t *testing.T) (targets []string, load func()) {
	t.Helper()
	collector := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(collector.Close)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL)
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "10")
	telemetry, err := lifecycle.Setup(t.Context(), lifecycle.Options{Pooled: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := telemetry.Shutdown(t.Context()); err != nil && t.Context().Err() == nil {
			t.Error(err)
		}
	})
	exponential := sdkmetric.NewView(sdkmetric.Instrument{Name: "http.server.request.duration"},
		sdkmetric.Stream{Aggregation: sdkmetric.AggregationBase2ExponentialHistogram{MaxSize: 160, MaxScale: 20}})
	var engines []*gin.Engine
	for _, views := range [][]sdkmetric.View{nil, {exponential}} {
		registry := prometheus.NewRegistry()
		exporter, err := otelprometheus.New(otelprometheus.WithRegisterer(registry))
		if err != nil {
			t.Fatal(err)
		}
		engine := newEngine()
		calls := instrument(t, engine, obsgin.Options{TracerProvider: telemetry.TracerProvider,
			MeterProvider: sdkmetric.NewMeterProvider(sdkmetric.WithReader(exporter),
				sdkmetric.WithView(views...))})
		if views == nil {
			publish(t, registry, calls, telemetry)
		}
		service := httptest.NewServer(promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
		t.Cleanup(service.Close)
		engines, targets = append(engines, engine), append(targets, strings.TrimPrefix(service.URL, "http://"))
	}
	return targets, func() {
		for _, engine := range engines {
			for _, path := range []string{"/items/1", "/items/2", "/fails", "/panics", "/nowhere"} {
				get(engine, "GET", path)
			}
		}
	}
}

// publish registers what the dashboard shows of a service.
func publish(t *testing.T, registry *prometheus.Registry, calls *observable.Map, telemetry *lifecycle.Lifecycle) {
	t.Helper()
	account, err := metrics.New(calls, metrics.Options{Namespace: "handler"})
	if err != nil {
		t.Fatal(err)
	}
	registry.MustRegister(account, telemetry.Collector(""))
}

// newEngine returns an engine with handlers that work, fail, panic and are never called.
func newEngine() *gin.Engine {
	engine := gin.New()
	engine.GET("/items/:id", func(c *gin.Context) { c.Status(http.StatusOK) })
	engine.GET("/fails", func(c *gin.Context) { c.Status(http.StatusBadGateway) })
	engine.GET("/panics", func(*gin.Context) { panic("it fell") })
	engine.GET("/idle", func(*gin.Context) {})
	return engine
}
