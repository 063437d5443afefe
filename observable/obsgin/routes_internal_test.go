package obsgin

import (
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/gin-gonic/gin"
)

// A version of Gin that keeps its routes in another way must be refused before anything is written.
func TestAnUnknownGinIsRefused(t *testing.T) {
	type noChildren struct {
		fullPath string
		handlers gin.HandlersChain
	}
	type noPath struct {
		children []*noPath
		handlers gin.HandlersChain
	}
	type otherHandlers struct {
		children []*otherHandlers
		fullPath string
		handlers []gin.HandlerFunc
	}
	// Their fields are read by reflection only.
	_ = []any{noChildren{"", nil}, noPath{nil, nil}, otherHandlers{nil, "", nil}}
	for name, trees := range map[string]any{
		"Engine.trees":    struct{}{},
		"methodTree.root": struct{ trees []struct{ method string } }{},
		"node.children":   struct{ trees []struct{ root *noChildren } }{},
		"noPath.fullPath": struct{ trees []struct{ root *noPath } }{},
		"otherHandlers.handlers": struct {
			trees []struct{ root *otherHandlers }
		}{},
	} {
		t.Run(name, func(t *testing.T) {
			err := knownTrees(reflect.ValueOf(trees).FieldByName("trees"))
			if err == nil || !strings.Contains(err.Error(), "("+name+")") ||
				!strings.Contains(err.Error(), "Gin "+gin.Version) {
				t.Errorf("%v", err)
			}
		})
	}
	var engine struct{ pool *sync.Pool }
	if _, err := field[sync.Pool](reflect.ValueOf(&engine).Elem(), "pool"); err == nil {
		t.Error("a pool of another type is known")
	}
	if _, err := open(gin.New()); err != nil {
		t.Error(err)
	}
}
