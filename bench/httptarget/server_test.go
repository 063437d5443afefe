package httptarget_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/loadgen-go/loadgen/bench/httptarget"
	"github.com/loadgen-go/loadgen/internal/witness"
)

func TestMain(m *testing.M) {
	log.SetOutput(io.Discard) // net/http reports what broken servers do
	if witness.Wanted() {
		serve()
		return
	}
	code := m.Run()
	if shared.child != nil {
		shared.child.Stop()
	}
	os.Exit(code)
}

// A place is where the server listens, and the certificate of its witness.
type place struct {
	Plain, TLS, Expired, Mutual, Unix string
	CA, Cert, Key                     string // in PEM: the authority, and a client
}

// A child is a server in another process.
type child struct {
	place
	*witness.Process
}

var shared struct {
	once  sync.Once
	child *child
	err   error
}

// server returns the server that tests share.
func server(t testing.TB) *child {
	t.Helper()
	shared.once.Do(func() { shared.child, shared.err = start() })
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.child
}

// start starts a server.
func start() (c *child, err error) {
	c = &child{}
	c.Process, err = witness.Start(&c.place)
	return c, err
}

// authority returns the name of a file with the certificate of the server's witness.
func (c *child) authority(t testing.TB) string { return file(t, "ca.pem", c.CA) }

// file makes a file, and returns its name.
func file(t testing.TB, name, text string) string {
	t.Helper()
	name = filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

var uniques atomic.Int64

// unique returns a path below another one, which no other test uses.
func unique(path string) string { return fmt.Sprintf("%s%d", path, uniques.Add(1)) }

// A count is what the server has seen of a path.
type count struct{ Requests, Posts, Connections, Peak int64 }

// seen returns what the server has seen of a path.
func (c *child) seen(t testing.TB, path string) (n count) {
	t.Helper()
	response, err := http.Get("http://" + c.Plain + "/count?path=" + path)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// open opens a target, which is closed with the test.
func open(t testing.TB, o httptarget.Options) *httptarget.Target {
	t.Helper()
	if o.Connections == 0 {
		o.Connections = 1
	}
	target, err := httptarget.Open(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(target.Close)
	return target
}

// paths counts what the server sees.
var paths struct {
	sync.Mutex
	counts map[string]*pathCount
}

type pathCount struct {
	count
	inFlight    int64
	connections map[any]bool
}

type connKey struct{}

// connState is the state of one connection of the server.
type connState struct{ requests atomic.Int64 }

// counted counts the requests of each path.
func counted(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		paths.Lock()
		c := paths.counts[r.URL.Path]
		if c == nil {
			c = &pathCount{connections: map[any]bool{}}
			paths.counts[r.URL.Path] = c
		}
		c.Requests++
		c.inFlight++
		c.Peak = max(c.Peak, c.inFlight)
		if r.Method == http.MethodPost {
			c.Posts++
		}
		c.connections[r.Context().Value(connKey{})] = true
		c.Connections = int64(len(c.connections))
		paths.Unlock()
		defer func() {
			paths.Lock()
			defer paths.Unlock()
			c.inFlight--
		}()
		next.ServeHTTP(w, r)
	})
}

// serve is the main function of the server.
func serve() {
	paths.counts = map[string]*pathCount{}
	ca, good, expired := witness.Certificates()
	trusted := x509.NewCertPool()
	trusted.AppendCertsFromPEM([]byte(ca))
	dir, err := os.MkdirTemp("", "loadgen")
	if err != nil {
		panic(err)
	}
	p := place{CA: ca, Unix: filepath.Join(dir, "socket")}
	p.Cert, p.Key = witness.PEM(good)
	listen := func(network, address string, config *tls.Config) string {
		l, err := net.Listen(network, address)
		if err != nil {
			panic(err)
		}
		s := &http.Server{Handler: counted(handler()), Protocols: new(http.Protocols), TLSConfig: config,
			HTTP2: &http.HTTP2Config{MaxConcurrentStreams: 50},
			ConnContext: func(ctx context.Context, _ net.Conn) context.Context {
				return context.WithValue(ctx, connKey{}, &connState{})
			}}
		s.Protocols.SetHTTP1(true)
		if config != nil {
			s.Protocols.SetHTTP2(true)
			go func() { _ = s.ServeTLS(l, "", "") }() // ends with the process
		} else {
			s.Protocols.SetUnencryptedHTTP2(true)
			go func() { _ = s.Serve(l) }() // ends with the process
		}
		return l.Addr().String()
	}
	const any = "127.0.0.1:0"
	p.Plain = listen("tcp", any, nil)
	p.TLS = listen("tcp", any, &tls.Config{Certificates: []tls.Certificate{good}})
	p.Expired = listen("tcp", any, &tls.Config{Certificates: []tls.Certificate{expired}})
	p.Mutual = listen("tcp", any, &tls.Config{Certificates: []tls.Certificate{good}, ClientCAs: trusted,
		ClientAuth: tls.RequireAndVerifyClientCert})
	listen("unix", p.Unix, nil)
	if err := witness.Serve(p); err != nil {
		panic(err)
	}
	_ = os.RemoveAll(dir)
}

// body64 is the answer of /ok, without a line break.
var body64 = strings.Repeat("0123456789abcdef", 4)

const okAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

// handler returns the behaviours of the server, by path.
func handler() http.Handler {
	mux := http.NewServeMux()
	ok := func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body64) }
	mux.HandleFunc("/", ok)
	mux.HandleFunc("/count", func(w http.ResponseWriter, r *http.Request) {
		paths.Lock()
		defer paths.Unlock()
		var c count
		if p := paths.counts[r.URL.Query().Get("path")]; p != nil {
			c = p.count
		}
		_ = json.NewEncoder(w).Encode(c)
	})
	mux.HandleFunc("/status/{code}", func(w http.ResponseWriter, r *http.Request) {
		code, _ := strconv.Atoi(r.PathValue("code"))
		w.WriteHeader(code)
		if code >= 200 && code != 204 && code != 304 {
			_, _ = io.WriteString(w, "sorry: "+r.PathValue("code"))
		}
	})
	mux.HandleFunc("/sleep/{ms}/", func(w http.ResponseWriter, r *http.Request) {
		ms, _ := strconv.Atoi(r.PathValue("ms"))
		select {
		case <-time.After(time.Duration(ms) * time.Millisecond):
		case <-r.Context().Done():
		}
		ok(w, r)
	})
	mux.HandleFunc("/protocol", func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Proto) })
	mux.HandleFunc("/json", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"state":"created","items":[{"id":7,"tags":["a"]}],"n":1.0}`)
	})
	mux.HandleFunc("/echo/", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = fmt.Fprintf(w, "%s %s host=%s agent=%s x=%s body=%s", r.Method, r.URL.RequestURI(), r.Host,
			r.UserAgent(), r.Header.Get("X"), body)
	})
	mux.HandleFunc("/size/{bytes}", func(w http.ResponseWriter, r *http.Request) {
		n, _ := strconv.Atoi(r.PathValue("bytes"))
		w.Header().Set("Content-Length", strconv.Itoa(n))
		_, _ = io.CopyN(w, zeros{}, int64(n))
	})
	mux.HandleFunc("/chunks/{bytes}", func(w http.ResponseWriter, r *http.Request) {
		n, _ := strconv.Atoi(r.PathValue("bytes"))
		w.(http.Flusher).Flush()
		_, _ = io.CopyN(w, zeros{}, int64(n))
	})
	mux.HandleFunc("/header/{bytes}", func(w http.ResponseWriter, r *http.Request) {
		n, _ := strconv.Atoi(r.PathValue("bytes"))
		for i := 0; n > 0; i, n = i+1, n-10_000 {
			w.Header().Set(fmt.Sprintf("X-%d", i), strings.Repeat("x", min(n, 10_000)))
		}
		ok(w, r)
	})
	mux.HandleFunc("/dribble", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, "x")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	mux.HandleFunc("/early", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(413) })
	mux.HandleFunc("/abort", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	mux.HandleFunc("/polite", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Connection", "close")
		ok(w, r)
	})
	mux.HandleFunc("/redirect/{n}", func(w http.ResponseWriter, r *http.Request) {
		n, _ := strconv.Atoi(r.PathValue("n"))
		if n == 0 {
			_, _ = io.WriteString(w, r.Method)
			return
		}
		w.Header().Set("Location", fmt.Sprintf("/redirect/%d", n-1))
		w.WriteHeader(http.StatusFound)
	})
	mux.HandleFunc("/elsewhere", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "http://other.test/")
		w.WriteHeader(http.StatusFound)
	})
	hijacks(mux)
	return mux
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// hijacks adds behaviours that break HTTP/1.1.
func hijacks(mux *http.ServeMux) {
	answer := func(path, text string, reset bool) {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) { hijack(w, r, text, reset) })
	}
	answer("/raw/closed", "", false)
	answer("/raw/reset", "", true)
	answer("/raw/garbage", "garbage\r\n\r\n", false)
	answer("/raw/half-header", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n", false)
	answer("/raw/short", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nok", false)
	answer("/raw/short-chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", false)
	answer("/raw/bad-chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nab\r\n", false)
	answer("/raw/until-close", "HTTP/1.1 200 OK\r\n\r\nok", false)
	answer("/raw/quiet", okAnswer, false)
	answer("/raw/twice", okAnswer+okAnswer, false)
	answer("/raw/interim", "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"+okAnswer, false)
	// The first request of a connection has an answer. The next one is read, and the connection closed.
	mux.HandleFunc("/raw/second", func(w http.ResponseWriter, r *http.Request) {
		if r.Context().Value(connKey{}).(*connState).requests.Add(1) == 1 {
			_, _ = io.WriteString(w, "ok")
			return
		}
		hijack(w, r, "", false)
	})
}

// hijack sends a text as it is, and closes the connection.
func hijack(w http.ResponseWriter, r *http.Request, text string, reset bool) {
	_, _ = io.Copy(io.Discard, r.Body)
	h, ok := w.(http.Hijacker)
	if !ok {
		panic(http.ErrAbortHandler)
	}
	conn, _, err := h.Hijack()
	if err != nil {
		panic(err)
	}
	_, _ = io.WriteString(conn, text)
	if tcp, ok := conn.(*net.TCPConn); ok && reset {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}
