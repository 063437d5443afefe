//go:build unix

package otlpsink_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/otlpsink"
	"github.com/loadgen-go/loadgen/results"
)

// The test binary is the process of a sink if its only argument is the command. TestMain asks this.
func servesSink() bool { return len(os.Args) == 2 && os.Args[1] == otlpsink.Command }

func TestAProcessReportsWhatItsSinkReceivedAndEndsWithItsInput(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p, err := otlpsink.StartProcess(t.Context(), self)
	if err != nil {
		t.Fatal(err)
	}
	body := binary(t, sevenSpans)
	for range 3 {
		resp, err := http.Post(p.URL()+"/v1/traces", "application/x-protobuf", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if err := resp.Body.Close(); err != nil || resp.StatusCode != http.StatusOK {
			t.Fatal(resp.Status, err)
		}
	}
	r, err := p.Read()
	want := results.Signal{Requests: 3, Items: 21, Bytes: 3 * uint64(len(body))}
	if err != nil || r.Received.Traces != want || r.URL != p.URL() || r.CPU <= 0 || r.Refused != "" {
		t.Errorf("%+v, %v: want %+v, and CPU time", r, err, want)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	if _, err := p.Read(); err == nil {
		t.Error("a process that has ended still reports")
	}
}

func TestAProgramThatIsNoSinkIsAnError(t *testing.T) {
	for program, want := range map[string]string{"true": "it did not say its URL", "/no/such/program": "starting"} {
		if _, err := otlpsink.StartProcess(t.Context(), program); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v: want %q in it", program, err, want)
		}
	}
}

func TestAServedSinkTellsWhyItRejectedARequest(t *testing.T) {
	in, lines := io.Pipe()
	reports, out := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- otlpsink.Serve(in, out) }()
	decoder := json.NewDecoder(reports)
	var r otlpsink.Report
	if err := decoder.Decode(&r); err != nil {
		t.Fatal(err)
	}
	resp, err := http.Post(r.URL+"/v1/traces", "application/x-protobuf", strings.NewReader("\xff"))
	if err != nil {
		t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(lines, "\n"); err != nil {
		t.Fatal(err)
	}
	if err := decoder.Decode(&r); err != nil || r.Received.Rejected != 1 || r.Refused == "" {
		t.Errorf("%+v, %v: want a rejected request, and why", r, err)
	}
	if err := lines.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
