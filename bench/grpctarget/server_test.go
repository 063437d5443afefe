package grpctarget_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bufbuild/protocompile"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/reflection"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/bench/grpctarget"
	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/bench/schedule"
	"github.com/loadgen-go/loadgen/internal/witness"
)

func TestMain(m *testing.M) {
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

// A place is where the server listens, and the certificate of its authority.
type place struct {
	Plain, Bare, Old, TLS, Expired, Mutual, Unix, Counts string
	CA, Cert, Key                                        string // in PEM: the authority, and a client
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

// server returns the server that tests share. It allows 50 streams at once on a connection.
func server(t testing.TB) *child {
	t.Helper()
	shared.once.Do(func() {
		c := &child{}
		if c.Process, shared.err = witness.Start(&c.place); shared.err == nil {
			shared.child = c
		}
	})
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.child
}

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

// unique returns the metadata of requests whose calls the server counts together, and what it does with them.
func unique(behaviour string) map[string]string {
	return map[string]string{"id": fmt.Sprint(uniques.Add(1)), "do": behaviour}
}

// A count is what the server has seen of requests with an id.
type count struct {
	Requests, Peak, Messages int64
	Connections              int
	Deadlines                int64  // calls that came with a deadline
	Authority, Metadata      string // of the last call
	Digest                   string // of all messages and metadata, whatever their order
}

// seen returns what the server has seen of requests with the id in metadata.
func (c *child) seen(t testing.TB, md map[string]string) (n count) {
	t.Helper()
	response, err := http.Get("http://" + c.Counts + "/?id=" + md["id"])
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
func open(t testing.TB, o grpctarget.Options) *grpctarget.Target {
	t.Helper()
	if o.Connections == 0 {
		o.Connections = 1
	}
	target, err := grpctarget.Open(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(target.Close)
	return target
}

// run calls a target at a constant rate.
func run(t testing.TB, target *grpctarget.Target, qps uint64, d time.Duration, workers int) *record.Record {
	t.Helper()
	arrivals, err := schedule.Constant(schedule.PerSecond(qps), d)
	if err != nil {
		t.Fatal(err)
	}
	r, err := (&bench.Run{Arrivals: arrivals, Target: target, Workers: workers}).Do(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// kind returns the kind of an error, or "" if there is none.
func kind(err error) string {
	if err == nil {
		return ""
	}
	return record.KindOf(err)
}

// seen counts what the server sees, by id.
var seen struct {
	sync.Mutex
	counts map[string]*counter
}

type counter struct {
	count
	inFlight    int64
	connections map[string]bool
	lines       []string
}

// begin counts a call.
func begin(ctx context.Context, method string) (c *counter, behaviour string, end func()) {
	md, _ := metadata.FromIncomingContext(ctx)
	id := strings.Join(md["id"], "")
	seen.Lock()
	defer seen.Unlock()
	if c = seen.counts[id]; c == nil {
		c = &counter{connections: map[string]bool{}}
		seen.counts[id] = c
	}
	c.Requests++
	c.inFlight++
	c.Peak = max(c.Peak, c.inFlight)
	c.Authority = strings.Join(md[":authority"], "")
	c.Metadata = fmt.Sprintf("%q %q", md["x"], md["x-bin"])
	if _, ok := ctx.Deadline(); ok {
		c.Deadlines++
	}
	if p, ok := peer.FromContext(ctx); ok {
		c.connections[p.Addr.String()] = true
	}
	c.lines = append(c.lines, fmt.Sprintf("%s %q %q %q", method, md["x"], md["x-bin"], md["user-agent"]))
	return c, strings.Join(md["do"], ""), func() {
		seen.Lock()
		defer seen.Unlock()
		c.inFlight--
	}
}

// message counts a message.
func (c *counter) message(raw []byte) {
	seen.Lock()
	defer seen.Unlock()
	c.Messages++
	c.lines = append(c.lines, fmt.Sprintf("%x", raw))
}

// A rawCodec leaves messages of tests as they are.
type rawCodec struct{}

func (rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	if m, ok := v.(proto.Message); ok {
		raw, err := proto.Marshal(m)
		return mem.BufferSlice{mem.SliceBuffer(raw)}, err
	}
	return mem.BufferSlice{mem.SliceBuffer(v.([]byte))}, nil
}

func (rawCodec) Unmarshal(data mem.BufferSlice, v any) error {
	if m, ok := v.(proto.Message); ok {
		return proto.Unmarshal(data.Materialize(), m)
	}
	*v.(*[]byte) = data.Materialize()
	return nil
}

func (rawCodec) Name() string { return "proto" }

// answer returns a shop.Answer.
func answer(id string, n int) []byte {
	b := protowire.AppendTag(nil, 1, protowire.BytesType)
	b = protowire.AppendString(b, id)
	b = protowire.AppendTag(b, 2, protowire.VarintType)
	return protowire.AppendVarint(b, uint64(n))
}

// behave is every method of the server. Metadata says what it does.
func behave(_ any, s grpc.ServerStream) error {
	method, _ := grpc.MethodFromServerStream(s)
	if strings.HasPrefix(method, "/grpc.reflection.") {
		return status.Error(codes.Unimplemented, "there is no reflection")
	}
	c, behaviour, end := begin(s.Context(), method)
	defer end()
	word, argument, _ := strings.Cut(behaviour, " ")
	n, _ := strconv.Atoi(argument)
	switch word {
	case "code": // before a message is read
		code := codes.Unknown
		if err := code.UnmarshalJSON([]byte(strconv.Quote(argument))); err != nil {
			panic(err)
		}
		return status.Error(code, "as told")
	case "hang":
		<-s.Context().Done()
		return s.Context().Err()
	case "sleep":
		d, err := time.ParseDuration(argument)
		if err != nil {
			panic(err)
		}
		time.Sleep(d)
	}
	received := 0
	for {
		var raw []byte
		err := s.RecvMsg(&raw)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		c.message(raw)
		received++
		if word == "early" && received == n {
			if method == "/"+upload {
				return s.SendMsg(answer("early", received))
			}
			return nil
		}
		if word == "abort" && received == n {
			return status.Error(codes.Aborted, "as told")
		}
		if word == "echo" {
			if err := s.SendMsg(answer("echo", received)); err != nil {
				return err
			}
		}
	}
	return reply(s, word, n, received)
}

// reply sends the messages after the last message received.
func reply(s grpc.ServerStream, word string, n, received int) error {
	switch word {
	case "echo":
		return nil
	case "count":
		for i := range n {
			if err := s.SendMsg(answer("count", i)); err != nil {
				return err
			}
		}
		return nil
	case "endless":
		for i := 0; ; i++ {
			if err := s.SendMsg(answer("endless", i)); err != nil {
				return err
			}
			select {
			case <-s.Context().Done():
				return s.Context().Err()
			case <-time.After(2 * time.Millisecond):
			}
		}
	case "garbage":
		return s.SendMsg([]byte{0xff})
	case "big":
		return s.SendMsg(answer(strings.Repeat("x", n), 1))
	}
	return s.SendMsg(answer("ok", received))
}

// listed lists the service of the server for reflection.
type listed struct{}

func (listed) GetServiceInfo() map[string]grpc.ServiceInfo {
	return map[string]grpc.ServiceInfo{"shop.Orders": {}}
}

// newServer returns a server with the versions of reflection.
func newServer(v1, v1alpha bool, options ...grpc.ServerOption) *grpc.Server {
	s := grpc.NewServer(append(options, grpc.UnknownServiceHandler(behave), grpc.ForceServerCodecV2(rawCodec{}),
		grpc.MaxConcurrentStreams(50))...)
	compiler := protocompile.Compiler{Resolver: protocompile.WithStandardImports(
		&protocompile.SourceResolver{ImportPaths: []string{"testdata"}})}
	files, err := compiler.Compile(context.Background(), "shop.proto")
	if err != nil {
		panic(err)
	}
	o := reflection.ServerOptions{Services: listed{}, DescriptorResolver: files.AsResolver()}
	if v1 {
		reflectionv1.RegisterServerReflectionServer(s, reflection.NewServerV1(o))
	}
	if v1alpha {
		s.RegisterService(&grpc.ServiceDesc{ServiceName: "grpc.reflection.v1alpha.ServerReflection",
			Streams: []grpc.StreamDesc{{StreamName: "ServerReflectionInfo", ClientStreams: true, ServerStreams: true,
				Handler: func(_ any, s grpc.ServerStream) error {
					return reflection.NewServerV1(o).ServerReflectionInfo(&grpc.GenericServerStream[
						reflectionv1.ServerReflectionRequest, reflectionv1.ServerReflectionResponse]{ServerStream: s})
				}}}}, nil)
	}
	return s
}

// serve is the main function of the server.
func serve() {
	seen.counts = map[string]*counter{}
	ca, good, expired := witness.Certificates()
	trusted := x509.NewCertPool()
	trusted.AppendCertsFromPEM([]byte(ca))
	dir, err := os.MkdirTemp("", "loadgen")
	if err != nil {
		panic(err)
	}
	p := place{CA: ca, Unix: filepath.Join(dir, "socket")}
	p.Cert, p.Key = witness.PEM(good)
	listen := func(network, address string, s interface{ Serve(net.Listener) error }) string {
		l, err := net.Listen(network, address)
		if err != nil {
			panic(err)
		}
		go func() { _ = s.Serve(l) }() // ends with the process
		return l.Addr().String()
	}
	secure := func(c tls.Certificate, mutual bool) *grpc.Server {
		config := &tls.Config{Certificates: []tls.Certificate{c}, NextProtos: []string{"h2"}}
		if mutual {
			config.ClientCAs, config.ClientAuth = trusted, tls.RequireAndVerifyClientCert
		}
		return newServer(true, false, grpc.Creds(credentials.NewTLS(config)))
	}
	const anyPort = "127.0.0.1:0"
	p.Plain = listen("tcp", anyPort, newServer(true, true))
	p.Bare = listen("tcp", anyPort, newServer(false, false))
	p.Old = listen("tcp", anyPort, newServer(false, true))
	p.TLS = listen("tcp", anyPort, secure(good, false))
	p.Expired = listen("tcp", anyPort, secure(expired, false))
	p.Mutual = listen("tcp", anyPort, secure(good, true))
	listen("unix", p.Unix, newServer(true, false))
	p.Counts = listen("tcp", anyPort, &http.Server{Handler: http.HandlerFunc(counts)})
	if err := witness.Serve(p); err != nil {
		panic(err)
	}
	_ = os.RemoveAll(dir)
}

// counts answers with what the server has seen of an id.
func counts(w http.ResponseWriter, r *http.Request) {
	seen.Lock()
	defer seen.Unlock()
	var n count
	if c := seen.counts[r.URL.Query().Get("id")]; c != nil {
		n = c.count
		n.Connections = len(c.connections)
		slices.Sort(c.lines)
		h := fnv.New64a()
		for _, line := range c.lines {
			_, _ = io.WriteString(h, line+"\n")
		}
		n.Digest = fmt.Sprintf("%d lines, %x", len(c.lines), h.Sum64())
	}
	_ = json.NewEncoder(w).Encode(n)
}
