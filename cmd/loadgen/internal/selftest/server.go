package selftest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/service"
)

// Paths of the server.
const (
	callPath  = "/call"  // what is put under load
	readyPath = "/ready" // answers when the server can be called
	seenPath  = "/seen"  // answers with when calls began
)

// Serve serves the checks of [Service] on the port of the variable PORT until ctx ends. It is called in a process of
// its own, which the checks stop and continue.
func Serve(ctx context.Context) error {
	listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", os.Getenv("PORT")))
	if err != nil {
		return fmt.Errorf("the server of the self-test: %w", err)
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	server := &http.Server{Handler: newCallLog(), Protocols: protocols, ReadHeaderTimeout: time.Minute}
	defer context.AfterFunc(ctx, func() { _ = server.Close() })() // it stores nothing
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("the server of the self-test: %w", err)
	}
	return nil
}

// mostCalls is the number of calls whose begin the server records.
const mostCalls = 1 << 20

// A callLog records when calls began, by the clock of the server.
type callLog struct {
	start time.Time
	n     atomic.Int64
	begun []atomic.Int64 // ns since start
}

// newCallLog returns the handler of the server.
func newCallLog() http.Handler {
	c := &callLog{start: time.Now(), begun: make([]atomic.Int64, mostCalls)}
	mux := http.NewServeMux()
	mux.HandleFunc(callPath, c.call)
	mux.HandleFunc(readyPath, func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc(seenPath, c.seen)
	return mux
}

// call answers a call.
func (c *callLog) call(w http.ResponseWriter, _ *http.Request) {
	now := time.Since(c.start)
	if i := c.n.Add(1) - 1; i < mostCalls {
		c.begun[i].Store(int64(now))
	}
	_, _ = w.Write([]byte("ok\n")) // a client that has gone is not the server's concern
}

// A sighting is what the server saw of a load.
type sighting struct {
	Calls uint64          `json:"calls"`
	Begun []time.Duration `json:"begun"` // when calls began, in the order of their numbers
}

// seen answers with what the server saw so far.
func (c *callLog) seen(w http.ResponseWriter, _ *http.Request) {
	s := sighting{Calls: uint64(c.n.Load())}
	for i := range min(s.Calls, mostCalls) {
		s.Begun = append(s.Begun, time.Duration(c.begun[i].Load()))
	}
	_ = json.NewEncoder(w).Encode(s) // the reader notices that it is cut off
}

// A server is the server of the checks in another process.
type server struct {
	*service.Service
	url string
}

// startServer starts the server. Nothing of it is left when this process ends, however it ends.
func startServer(ctx context.Context, command []string) (*server, error) {
	if len(command) == 0 {
		return nil, errors.New("no program to start as the server: want Options.Server")
	}
	s, err := service.Start(ctx, &service.Options{Name: "of the self-test", Command: command, Inspect: "none",
		Ready: service.Ready{HTTP: readyPath}})
	if err != nil {
		return nil, err
	}
	return &server{s, fmt.Sprintf("http://127.0.0.1:%d", s.Port())}, nil
}

// seen asks the server what it saw.
func (s *server) seen(ctx context.Context) (*sighting, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+seenPath, nil)
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		return nil, fmt.Errorf("asking the server what it saw: %w", err)
	}
	defer response.Body.Close()
	var saw sighting
	if err := json.NewDecoder(response.Body).Decode(&saw); err != nil {
		return nil, fmt.Errorf("asking the server what it saw: %w", err)
	}
	return &saw, nil
}
