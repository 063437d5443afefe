package obsgin_test

import (
	"fmt"
	"net/http/httptest"

	"github.com/gin-gonic/gin"

	"github.com/loadgen-go/loadgen/observable/obsgin"
)

func ExampleInstrument() {
	engine := gin.New()
	engine.GET("/api/:id", func(c *gin.Context) { c.String(200, c.Param("id")) })
	calls, err := obsgin.Instrument(engine, obsgin.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	engine.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/api/7", nil))
	engine.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/favicon.ico", nil))
	for _, s := range calls.Snapshot() {
		fmt.Println(s.Key, s.Calls)
	}
	// Output:
	// GET /api/:id 1
	// unmatched 1
}
