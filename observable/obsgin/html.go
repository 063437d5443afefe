package obsgin

import (
	"github.com/gin-gonic/gin"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
)

// HTML renders a template as gin.Context.HTML does, in a span gin.renderer.html that is a child of the span of the
// request.
func HTML(c *gin.Context, status int, name string, data any) {
	provider := otel.GetTracerProvider()
	if e := exchangeOf(c.Request.Context()); e != nil {
		provider = e.observer.TracerProvider
	}
	_, span := provider.Tracer(scope).Start(c.Request.Context(), "gin.renderer.html",
		trace.WithAttributes(attribute.String("go.template", name)))
	defer span.End()
	c.HTML(status, name, data)
}
