package httptarget

import (
	"context"
	"io"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/bench/template"
)

// Whatever a server answers, a call returns, and no answer that is cut off is taken for a whole one.
func FuzzAnswer(f *testing.F) {
	for _, answer := range []string{"", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX: y\r\n\r\n",
		"HTTP/1.1 200 OK\r\n\r\nok",
		"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.0 200 OK\r\n\r\n", "garbage\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n", "HTTP/1.1 -1 x\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok"} {
		f.Add([]byte(answer))
	}
	base, err := url.Parse("http://x")
	if err != nil {
		f.Fatal(err)
	}
	o := (Options{URL: "http://x", MaxBody: 1000, Timeout: Timeout{Total: 5 * time.Second}}).withDefaults()
	r, err := newRequest(&o, base, 0, &template.Parser{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		client, server := net.Pipe()
		go func() {
			_, _ = server.Read(make([]byte, 1<<10))
			_, _ = server.Write(answer) // the client may have seen enough
			_ = server.Close()
		}()
		x := &exchange{ctx: context.Background(), at: &bench.Instants{Begun: time.Now()}, keepBody: true}
		x.set(r, 0, true)
		x.deadline = x.at.Begun.Add(o.Timeout.Total)
		l := newRawLink(client, &o)
		defer l.close()
		err := l.exchange(x)
		if err == nil && x.answer.status < 100 || len(x.answer.body) > 1000 {
			t.Errorf("status %d and %d bytes of body, %v", x.answer.status, len(x.answer.body), err)
		}
		if err != nil && record.KindOf(err) == record.KindDeadline {
			t.Errorf("the call hangs although the server has closed the connection: %v", err)
		}
	})
}

// The headers may be larger than the buffer, whichever way they arrive.
func TestHeadersLargerThanTheBuffer(t *testing.T) {
	for _, size := range []int{1, 100, 4096, 100_000} {
		client, server := net.Pipe()
		answer := "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 20_000) + "\r\nContent-Length: 3\r\n\r\nabc"
		go func() {
			_, _ = server.Read(make([]byte, 1<<10))
			for rest := answer; rest != ""; {
				n := min(size, len(rest))
				_, _ = io.WriteString(server, rest[:n])
				rest = rest[n:]
			}
		}()
		base := &url.URL{Scheme: "http", Host: "x"}
		o := (Options{URL: "http://x"}).withDefaults()
		r, err := newRequest(&o, base, 0, &template.Parser{})
		if err != nil {
			t.Fatal(err)
		}
		x := &exchange{ctx: context.Background(), at: &bench.Instants{Begun: time.Now()}, keepBody: true}
		x.set(r, 0, true)
		l := newRawLink(client, &o)
		if err := l.exchange(x); err != nil || string(x.answer.body) != "abc" || !l.take() {
			t.Errorf("in pieces of %d: %q, %v", size, x.answer.body, err)
		}
		l.close()
		_ = server.Close()
	}
}
