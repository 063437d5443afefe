//go:build unix

package httptarget_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/bench/httptarget"
)

// A client makes requests on a connection of its own, or from a pool of as many.
type client struct {
	name string
	call func(i int) error // with connection i
}

// BenchmarkClient compares the CPU time of this process per request, and the allocations, of our HTTP/1.1, of
// net/http's Transport, and of its ClientConn, in turns, closed loop, for answers of 64 B. The server is another
// process. The ratios are to Transport. Use -cpu 1 and -benchtime 40000x, and -count for the spread.
func BenchmarkClient(b *testing.B) {
	for _, connections := range []int{1, 32} {
		b.Run(fmt.Sprintf("connections=%d", connections), func(b *testing.B) {
			clients := newClients(b, connections)
			cpu, allocs := make([]time.Duration, len(clients)), make([]uint64, len(clients))
			const turn = 1000
			b.ResetTimer()
			for left, round := b.N, 0; left > 0; left, round = left-turn, round+1 {
				for k := range clients {
					i := (k + round) % len(clients)
					spent, made := turns(b, clients[i], connections, min(left, turn))
					cpu[i] += spent
					allocs[i] += made
				}
			}
			b.ReportMetric(0, "ns/op")
			for i, c := range clients {
				b.ReportMetric(float64(cpu[i])/float64(b.N), c.name+"-cpu-ns/op")
				b.ReportMetric(float64(allocs[i])/float64(b.N), c.name+"-allocs/op")
				b.ReportMetric(float64(cpu[i])/float64(cpu[1]), c.name+"-ratio")
			}
		})
	}
}

// turns makes n requests with a client, and returns the CPU time and the allocations of this process.
func turns(b *testing.B, c client, connections, n int) (cpu time.Duration, allocs uint64) {
	b.Helper()
	var left atomic.Int64
	left.Store(int64(n))
	var all sync.WaitGroup
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	begun := processCPU(b)
	for i := range connections {
		all.Go(func() {
			for left.Add(-1) >= 0 {
				if err := c.call(i); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	cpu = processCPU(b) - begun
	runtime.ReadMemStats(&after)
	return cpu, after.Mallocs - before.Mallocs
}

func processCPU(b *testing.B) time.Duration {
	b.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// newClients returns ours, Transport and ClientConn, in this order.
func newClients(b *testing.B, connections int) []client {
	b.Helper()
	ctx, s := context.Background(), server(b)
	address := "http://" + s.Plain + "/ok"
	target := open(b, httptarget.Options{URL: address, Connections: connections})
	at := make([]bench.Instants, connections)
	request := func() *http.Request {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
		if err != nil {
			b.Fatal(err)
		}
		return r
	}
	read := func(r *http.Response, err error) error {
		if err != nil {
			return err
		}
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return err
		}
		return r.Body.Close()
	}
	transport := &http.Transport{MaxIdleConnsPerHost: connections, MaxConnsPerHost: connections}
	b.Cleanup(transport.CloseIdleConnections)
	requests, conns := make([]*http.Request, connections), make([]*http.ClientConn, connections)
	dial := func(i int) {
		conn, err := new(http.Transport).NewClientConn(ctx, "http", s.Plain)
		if err != nil {
			b.Fatal(err)
		}
		conns[i] = conn
		b.Cleanup(func() { _ = conn.Close() }) // the benchmark is over
	}
	for i := range conns {
		requests[i] = request()
		dial(i)
	}
	return []client{
		{"ours", func(i int) error {
			at[i] = bench.Instants{Begun: time.Now()}
			return target.CallTimed(ctx, "", &at[i])
		}},
		{"transport", func(i int) error { return read(transport.RoundTrip(requests[i])) }},
		{"clientconn", func(i int) error {
			err := read(conns[i].RoundTrip(requests[i]))
			if err != nil && conns[i].Err() != nil { // net/http closes it if a write returns 50 ms after the answer
				dial(i)
				err = read(conns[i].RoundTrip(requests[i]))
			}
			return err
		}},
	}
}
