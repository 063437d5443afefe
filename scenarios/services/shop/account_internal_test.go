package shop

import (
	"log"
	"strings"
	"testing"

	"github.com/loadgen-go/loadgen/observable/lifecycle"
)

// Nothing exports what still waits when the service has ended.
func TestWhatWaitsAtTheEndIsDropped(t *testing.T) {
	var text strings.Builder
	logAccount(log.New(&text, "", 0), lifecycle.Counts{Started: 21, Ended: 20, Exported: 11, Failed: 4, Dropped: 3,
		Waiting: 2})
	if want := "spans: 21 started, 20 ended, 11 exported, 4 failed, 5 dropped\n"; text.String() != want {
		t.Errorf("%q, want %q", &text, want)
	}
}
