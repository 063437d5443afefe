package visit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/machine"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/otlpsink"
	"github.com/loadgen-go/loadgen/observable/pooled/otlphttp"
	"github.com/loadgen-go/loadgen/observable/spans"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/scenarios"
)

// A receiver receives the spans of a visit in another process, and watches what this process uses meanwhile.
type receiver struct {
	*otlpsink.Process
	before, after otlpsink.Report // at the begin and the end of the load
	began, ended  time.Time
	watch         *machine.Watch
	used          machine.Watched
}

// openReceiver starts the receiver of the spans of a cell, or returns nil if its spans are not sent.
func openReceiver(ctx context.Context, c *scenarios.Cell) (*receiver, error) {
	if !spans.Sends(c.Value(scenarios.Processors)) {
		return nil, nil
	}
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("finding this program, to start the receiver of spans: %w", err)
	}
	p, err := otlpsink.StartProcess(ctx, self)
	if err != nil {
		return nil, err
	}
	return &receiver{Process: p}, nil
}

// close ends the receiver, if there is one.
func (r *receiver) close() error {
	if r == nil {
		return nil
	}
	return r.Close()
}

// queueBytes bounds the encoded spans that wait in the exporter of the pooled arms, to about the 2,048 spans that all
// arms have room for.
const queueBytes = 1 << 20

// destination returns the exporters to the receiver, or nil if there is none. The environment does not change them.
func (r *receiver) destination() *spans.Destination {
	if r == nil {
		return nil
	}
	endpoint := r.URL() + "/v1/traces"
	return &spans.Destination{
		SDK: func() (sdktrace.SpanExporter, error) {
			return otlptracehttp.New(context.Background(), otlptracehttp.WithEndpointURL(endpoint),
				otlptracehttp.WithInsecure(), otlptracehttp.WithHeaders(map[string]string{}),
				otlptracehttp.WithCompression(otlptracehttp.NoCompression), otlptracehttp.WithTimeout(10*time.Second))
		},
		Pooled: func() (spans.PooledExporter, error) {
			return otlphttp.New(otlphttp.Options{Endpoint: endpoint, QueueBytes: queueBytes})
		},
	}
}

// begin reads what was received before the load, and starts to watch this process.
func (r *receiver) begin() (err error) {
	if r.before, err = r.Read(); err != nil {
		return err
	}
	r.watch, r.began = machine.StartWatch(), time.Now()
	return nil
}

// end reads what was received until all spans of the load were exported.
func (r *receiver) end() (err error) {
	r.ended = time.Now()
	if r.watch != nil {
		r.used = r.watch.Stop()
	}
	r.after, err = r.Read()
	return err
}

// spent returns the CPU time of the receiver during the load.
func (r *receiver) spent() time.Duration { return r.after.CPU - r.before.CPU }

// sending returns what was sent during the load.
func (r *receiver) sending() *results.Sending {
	return &results.Sending{
		Spans:       r.after.Received.Traces.Items - r.before.Received.Traces.Items,
		Elapsed:     r.ended.Sub(r.began),
		Processors:  runtime.GOMAXPROCS(0),
		PeakCPU:     r.used.PeakCPU,
		MeanHeap:    r.used.MeanHeap,
		PeakHeap:    r.used.PeakHeap,
		Samples:     r.used.Samples,
		ReceiverCPU: r.spent(),
	}
}

// account sets the numbers of spans to what was received, and checks that they add up: what was sent was received. If
// exactly so many calls made a span each, no more were received than made, and the account of a pooled provider holds
// all of them: started = exported + dropped.
func (r *receiver) account(c *results.SpanCount, p *spans.Pipeline, calls uint64, exact bool) error {
	sent, received := c.Exported, r.after.Received.Traces.Items
	c.Exported, c.Bytes = received, r.after.Received.Traces.Bytes
	var errs []error
	if r.after.Received.Rejected > 0 {
		errs = append(errs, fmt.Errorf("the receiver of spans could not read %d requests; the first: %s",
			r.after.Received.Rejected, r.after.Refused))
	}
	if received != sent {
		errs = append(errs, fmt.Errorf("%d spans were received, and %d were sent with success", received, sent))
	}
	if exact {
		if received > c.Made {
			errs = append(errs, fmt.Errorf("%d spans were received, and only %d were made", received, c.Made))
		}
		errs = append(errs, p.Check(calls))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("the numbers of spans do not add up: %w", err)
	}
	return nil
}
