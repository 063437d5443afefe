package pooled_test

import (
	"context"
	"fmt"

	"github.com/loadgen-go/loadgen/observable/pooled"
)

func Example() {
	exporter := pooled.ExporterFunc(func(_ context.Context, request []byte, n int) error {
		// A real exporter posts request to a collector, as application/x-protobuf.
		fmt.Println("exporting", n, "span")
		return nil
	})
	provider, err := pooled.New(pooled.Options{Exporter: exporter})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	_, span := provider.Tracer("example").Start(ctx, "operation")
	span.End()
	if err := provider.ForceFlush(ctx); err != nil {
		fmt.Println(err)
	}
	if err := provider.Shutdown(ctx); err != nil {
		fmt.Println(err)
	}
	fmt.Println("exported", provider.Counts().Exported)
	// Output:
	// exporting 1 span
	// exported 1
}
