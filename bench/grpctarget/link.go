package grpctarget

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/loadgen-go/loadgen/bench/dial"
	"github.com/loadgen-go/loadgen/bench/record"
)

// A link is one connection, and the client of grpc-go that uses it. The client never opens another connection: what it
// could do behind our back, such as backing off after a refused one, would not be accounted for.
type link struct {
	cc      *grpc.ClientConn
	wire    *wire
	address string
	calls   atomic.Int64 // in flight
	retired atomic.Bool
}

// errUsed is returned to a client of grpc-go that dials a second time. It dials for calls that the server has not
// seen, or says that it has not processed. These calls may be made again.
var errUsed = errors.New("the connection takes no more calls")

// newLink returns the link of a connection, once the first frame of the server has come.
func newLink(ctx context.Context, c net.Conn, t *Target) (*link, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	l := &link{wire: newWire(c, cancel), address: t.address.text}
	var used atomic.Bool
	once := func(context.Context, string) (net.Conn, error) {
		if used.Swap(true) {
			return nil, errUsed
		}
		return l.wire, nil
	}
	var err error
	l.cc, err = grpc.NewClient("passthrough:///"+t.authority, append(t.dialOptions(), grpc.WithContextDialer(once))...)
	if err != nil {
		_ = c.Close() // it is of no use
		return nil, record.Errorf(record.KindMalformed, "%w", err)
	}
	l.cc.Connect()
	for state := l.cc.GetState(); state != connectivity.Ready; state = l.cc.GetState() {
		if state == connectivity.TransientFailure || !l.cc.WaitForStateChange(ctx, state) {
			return nil, l.unready(ctx)
		}
	}
	return l, nil
}

// unready closes a link that is not ready, and returns the reason.
func (l *link) unready(ctx context.Context) error {
	err := l.wire.reason(l.address, errors.New("before its first frame of HTTP/2"))
	l.close()
	switch {
	case err != nil:
		return err
	case errors.Is(context.Cause(ctx), context.DeadlineExceeded):
		return record.Errorf(record.KindConnectTimeout, "the server has accepted the connection, and sends no frame "+
			"of HTTP/2: want a port of gRPC")
	}
	return dial.Interrupted(ctx)
}

// dialOptions returns the options of clients.
func (t *Target) dialOptions() []grpc.DialOption {
	const never = 24 * time.Hour // links are closed long before
	security := insecure.NewCredentials()
	if t.secure {
		security = secured{}
	}
	return []grpc.DialOption{
		grpc.WithTransportCredentials(security),
		grpc.WithAuthority(t.authority),
		grpc.WithUserAgent("loadgen"),
		grpc.WithStatsHandler(observer{}),
		grpc.WithDisableRetry(),
		grpc.WithDisableServiceConfig(),
		grpc.WithDisableHealthCheck(),
		grpc.WithNoProxy(),
		grpc.WithIdleTimeout(0),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: backoff.Config{BaseDelay: never, MaxDelay: never},
			MinConnectTimeout: never}),
		grpc.WithDefaultCallOptions(grpc.ForceCodecV2(codec{}), grpc.MaxCallRecvMsgSize(t.options.MaxMessage)),
	}
}

// take reports whether the link takes another call, and keeps a place for it. It fails if the server allows fewer
// streams than there are calls: grpc-go would let the call wait, unseen.
func (l *link) take() (ok bool, err error) {
	if l.wire.ending.Load() {
		return false, nil
	}
	n, limit := l.calls.Add(1), l.wire.limit.Load()
	if n > int64(limit) {
		l.put()
		return false, record.Errorf(record.KindNoConnection, "the server allows %d streams at once on a connection, "+
			"and %d are in use: want streams: %d, or a run that begins with Target.Open", limit, n-1, max(limit, 1))
	}
	return true, nil
}

// put gives the place of a call back.
func (l *link) put() {
	if l.calls.Add(-1) == 0 && l.retired.Load() {
		l.close()
	}
}

// retire closes the link when its last call has ended.
func (l *link) retire() {
	l.retired.Store(true)
	if l.calls.Load() == 0 {
		l.close()
	}
}

// close closes the connection. It may be called more than once, and during calls.
func (l *link) close() {
	_ = l.cc.Close() // nothing is lost: it fails if it was closed before
}

// secured are the credentials of connections whose handshake of TLS has been made.
type secured struct{}

func (secured) ClientHandshake(_ context.Context, _ string, c net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return c, credentials.TLSInfo{
		CommonAuthInfo: credentials.CommonAuthInfo{SecurityLevel: credentials.PrivacyAndIntegrity}}, nil
}

func (secured) ServerHandshake(c net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return c, nil, errors.New("grpctarget: the credentials are those of a client")
}

func (secured) Info() credentials.ProtocolInfo {
	return credentials.ProtocolInfo{SecurityProtocol: "tls"}
}

func (s secured) Clone() credentials.TransportCredentials { return s }

func (secured) OverrideServerName(string) error { return nil }

var _ credentials.TransportCredentials = secured{}
