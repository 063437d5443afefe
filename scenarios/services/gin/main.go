// Command gin is the shop of package shop with Gin: the same data, steps, routes and environment, and spans of
// requests made by otelgin or by obsgin.
//
//	go -C scenarios/services/gin run . --listen 127.0.0.1:8080
//
// The README has the values of SPANS.
package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/gin-gonic/gin"
	"go.opentelemetry.io/contrib/instrumentation/github.com/gin-gonic/gin/otelgin"

	"github.com/loadgen-go/loadgen/observable"
	"github.com/loadgen-go/loadgen/observable/lifecycle"
	"github.com/loadgen-go/loadgen/observable/obsgin"
	"github.com/loadgen-go/loadgen/scenarios/services/shop"
)

const name = "gin"

// front is the shop with Gin. All ways but pooled have spans of the SDK.
var front = shop.Front{Name: name, Ways: []string{"none", "otelgin", "sdk", "pooled"}, Handler: newEngine}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends it at once
	if err := front.Main(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintf(os.Stderr, "gin: %v\n", err)
		os.Exit(2)
	}
}

// newEngine returns an engine with the routes, and with spans of requests made in a way.
func newEngine(way string, telemetry *lifecycle.Lifecycle, routes []shop.Route) (http.Handler, error) {
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	engine.HandleMethodNotAllowed = true // as net/http does
	page, err := newPage(telemetry)
	if err != nil {
		return nil, err
	}
	untraced := map[string]bool{metricsPath: true}
	for _, r := range routes {
		if !r.Traced {
			untraced[pathOf(r)] = true
		}
	}
	traced := func(c *gin.Context) bool { return !untraced[c.FullPath()] }
	var calls *observable.Map // nil: obsgin does not observe the engine
	switch {
	case telemetry == nil:
	case way == "otelgin":
		engine.Use(otelgin.Middleware(name, otelgin.WithTracerProvider(telemetry.TracerProvider),
			otelgin.WithPropagators(telemetry.Propagator), otelgin.WithMeterProvider(page.meterProvider()),
			otelgin.WithGinFilter(traced)))
	default:
		if calls, err = obsgin.Instrument(engine, obsgin.Options{TracerProvider: telemetry.TracerProvider,
			Propagator: telemetry.Propagator, MeterProvider: page.meterProvider(), Server: name,
			Filter: traced}); err != nil {
			return nil, err
		}
	}
	if err := page.add(engine, calls); err != nil {
		return nil, err
	}
	for _, r := range routes {
		engine.Handle(r.Method, pathOf(r), handlerOf(r))
	}
	return engine, nil
}

// pathOf returns the path of a route as Gin has it: /items/:id for /items/{id}, and /debug/*rest for /debug/.
func pathOf(r shop.Route) string {
	path := strings.NewReplacer("{", ":", "}", "").Replace(r.Path)
	if strings.HasSuffix(path, "/") {
		path += "*rest"
	}
	return path
}

// handlerOf returns the handler of a route, which passes the parameters of the path on.
func handlerOf(r shop.Route) gin.HandlerFunc {
	return func(c *gin.Context) {
		for _, p := range c.Params {
			c.Request.SetPathValue(p.Key, p.Value)
		}
		r.Serve(c.Writer, c.Request)
	}
}
