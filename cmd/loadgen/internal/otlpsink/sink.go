// Package otlpsink receives what services export with OpenTelemetry, and counts it.
//
// loadgen starts a [Sink] in its own process and gives its address to the services as {{otlp}}. The counts of a visit
// are the difference of two snapshots:
//
//	sink, err := otlpsink.Start()
//	...
//	before := sink.Counts()
//	// one visit, to the end of the service, which exports what it still has
//	counts := sink.Counts().Since(before)
//
// An arm is to change what a service does. If two arms export the same, what they differ in does nothing, as package
// results finds. OTEL_SDK_DISABLED=true is the example: the SDK for Go does not read it.
//
// The sink speaks OTLP over HTTP, in protobuf and JSON, and over gRPC, on one port, with gzip or without. It looks at
// nothing but the numbers of spans, points and records, so that it takes little of the time of the load generator. A
// request may be as large as 20 MiB after decompression. Requests that are larger, or that it cannot read, are counted
// as rejected.
package otlpsink

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"

	"github.com/loadgen-go/loadgen/results"
)

// A Sink is a server for OTLP. Its methods may be called by several goroutines at once.
type Sink struct {
	server   *http.Server
	grpc     *grpc.Server
	address  string
	finished chan error

	mu       sync.Mutex
	counts   results.Exports
	rejected error // the first
}

// headerTime is how long a client may take to send the headers of a request.
const headerTime = 10 * time.Second

// Start starts a sink on a free port of the loopback interface.
func Start() (*Sink, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("starting the OTLP sink: %w", err)
	}
	s := &Sink{address: l.Addr().String(), finished: make(chan error, 1)}
	s.grpc = s.newGRPC()
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	s.server = &http.Server{Handler: http.HandlerFunc(s.serve), Protocols: protocols, ReadHeaderTimeout: headerTime}
	go func() { s.finished <- s.server.Serve(l) }()
	return s, nil
}

// URL returns the address of the sink, for OTEL_EXPORTER_OTLP_ENDPOINT.
func (s *Sink) URL() string { return "http://" + s.address }

// Counts returns what has been received so far.
func (s *Sink) Counts() results.Exports {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts
}

// Err returns why the first of the rejected requests could not be read, or nil if there is none.
func (s *Sink) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rejected
}

// Close waits for the requests that are being served, but not after the end of ctx, and stops the sink.
func (s *Sink) Close(ctx context.Context) error {
	err := s.server.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, s.server.Close())
	}
	s.grpc.Stop()
	if served := <-s.finished; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	if err != nil {
		return fmt.Errorf("stopping the OTLP sink: %w", err)
	}
	return nil
}

// serve serves a request over HTTP or gRPC.
func (s *Sink) serve(w http.ResponseWriter, r *http.Request) {
	r.Body = &meter{r.Body, s}
	if r.ProtoMajor == 2 && strings.HasPrefix(r.Header.Get("Content-Type"), "application/grpc") {
		s.grpc.ServeHTTP(w, r)
	} else {
		s.serveHTTP(w, r)
	}
}

// add counts a message.
func (s *Sink) add(k kind, items uint64, size int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	signal := k.signal(&s.counts)
	signal.Requests++
	signal.Items += items
	signal.Bytes += uint64(size)
}

// reject counts a request that cannot be read.
func (s *Sink) reject(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts.Rejected++
	if s.rejected == nil {
		s.rejected = err
	}
}

// A meter counts the bytes of a body.
type meter struct {
	io.ReadCloser
	sink *Sink
}

// Read reads from the body.
func (m *meter) Read(p []byte) (int, error) {
	n, err := m.ReadCloser.Read(p)
	m.sink.mu.Lock()
	defer m.sink.mu.Unlock()
	m.sink.counts.Wire += uint64(n)
	return n, err
}
