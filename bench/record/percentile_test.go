package record_test

import (
	"strings"
	"testing"

	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/quantile"
)

// Multiplied by 100, 0.57 is 56.99999999999999.
func TestPercentilesAreNamedAsTheyWereAskedFor(t *testing.T) {
	r := &record.Record{Latency: quantile.NewHDR()}
	_, err := r.Percentile(0.57)
	infinite := &record.NotServedError{Quantile: 0.57, Offered: 1, Failed: 1}
	for _, text := range []string{err.Error(), infinite.Error()} {
		if !strings.HasPrefix(text, "p57 ") {
			t.Errorf("%q", text)
		}
	}
}
