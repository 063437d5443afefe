package grpctarget

import (
	"context"
	"fmt"
	"io"
	"math"
	"net"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/http2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/loadgen-go/loadgen/bench/template"
)

// frame returns a frame of HTTP/2.
func frame(kind http2.FrameType, flags byte, payload string) string {
	n := len(payload)
	return string([]byte{byte(n >> 16), byte(n >> 8), byte(n), byte(kind), flags, 0, 0, 0, 0}) + payload
}

// limit returns the payload of settings with a limit of streams after another setting.
func limit(n byte) string { return "\x00\x04\x00\x00\xff\xff\x00\x03\x00\x00\x00" + string([]byte{n}) }

const away = "\x00\x00\x00\x05\x00\x00\x00\x0bcalm"

// A wire knows the limit of the server and that it goes away, however the bytes arrive.
func TestAWireReadsTheFramesOfTheServer(t *testing.T) {
	for _, c := range []struct {
		name, sent string
		limit      uint32
		away       string
	}{
		{"settings", frame(http2.FrameSettings, 0, limit(50)), 50, ""},
		{"settings without a limit", frame(http2.FrameSettings, 0, ""), math.MaxUint32, ""},
		{"an acknowledgement", frame(http2.FrameSettings, 1, ""), math.MaxUint32, ""},
		{"a limit that changes", frame(http2.FrameSettings, 0, limit(50)) + frame(http2.FrameData, 0,
			strings.Repeat("x", 70_000)) + frame(http2.FrameSettings, 0, limit(7)), 7, ""},
		{"a GOAWAY", frame(http2.FrameSettings, 0, limit(50)) + frame(http2.FrameGoAway, 0, away), 50,
			`GOAWAY with ENHANCE_YOUR_CALM "calm"`},
		{"a GOAWAY that is cut off", frame(http2.FrameGoAway, 0, away)[:20], math.MaxUint32, ""},
		{"what looks like settings", frame(http2.FrameData, 0, frame(http2.FrameSettings, 0, limit(9))),
			math.MaxUint32, ""},
	} {
		for _, size := range []int{1, 7, 1 << 20} {
			t.Run(fmt.Sprintf("%s in pieces of %d", c.name, size), func(t *testing.T) {
				client, server := net.Pipe()
				go func() {
					for rest := c.sent; rest != ""; {
						n := min(size, len(rest))
						_, _ = io.WriteString(server, rest[:n])
						rest = rest[n:]
					}
					_ = server.Close()
				}()
				w := newWire(client, func() {})
				_, _ = io.Copy(io.Discard, w)
				if got := w.limit.Load(); got != c.limit || w.away != c.away || !w.ending.Load() {
					t.Errorf("a limit of %d, %q: want %d, %q, and an end", got, w.away, c.limit, c.away)
				}
			})
		}
	}
}

// Whatever arrives, and in whatever pieces, the frames are the same.
func FuzzFrames(f *testing.F) {
	f.Add([]byte(frame(http2.FrameSettings, 0, limit(50))+frame(http2.FrameGoAway, 0, away)), uint16(3))
	f.Add([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"), uint16(5))
	f.Add([]byte(frame(http2.FrameSettings, 0, strings.Repeat("x", 5000))), uint16(4999))
	f.Fuzz(func(t *testing.T, sent []byte, cut uint16) {
		read := func(pieces ...[]byte) (all []string) {
			var f frames
			w := newWire(nil, func() {})
			for _, p := range pieces {
				f.feed(p, func(kind http2.FrameType, payload []byte) {
					w.frame(kind, payload)
					if len(payload) > mostPayload {
						t.Errorf("%d bytes of a payload are kept", len(payload))
					}
					all = append(all, fmt.Sprintf("%v %x", kind, payload))
				})
			}
			return append(all, fmt.Sprint(w.limit.Load(), w.away, f.excerpt()))
		}
		at := min(int(cut), len(sent))
		if whole, halves := read(sent), read(sent[:at], sent[at:]); !slices.Equal(whole, halves) {
			t.Errorf("%q at once, %q in two pieces", whole, halves)
		}
	})
}

// A name of a method is one of a service and a method, whichever way it is written.
func FuzzMethod(f *testing.F) {
	for _, name := range []string{"", "/", "a.B/C", "/a.B/C", "a.B.C", "B/C", "C", "a..B/C", "a.B/", "/a.B/C/D",
		"a.B/C d"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		service, method, err := splitMethod(name)
		if err != nil {
			return
		}
		for _, form := range []string{service + "/" + method, "/" + service + "/" + method, service + "." + method} {
			if s, m, err := splitMethod(form); s != service || m != method || err != nil {
				t.Errorf("%q is %q and %q, and %q is %q and %q, %v", name, service, method, form, s, m, err)
			}
		}
	})
}

// An address is a host and a port, or a socket, and no text is anything else.
func FuzzAddress(f *testing.F) {
	for _, text := range []string{"", "x:1", "grpc://x:1", "grpcs://[::1]:8080", "unix:///a", "unix:",
		"x:{{port}}", "x:0",
		"http://x:1", "x:1/y", ":1", "x y:1"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		a, err := parseAddress(&template.Parser{Vars: map[string]string{"port": "1"}}, text)
		if err != nil {
			return
		}
		if (a.unix == "") != (a.host != "" && a.port != "") || a.unix != "" && a.secure {
			t.Errorf("%q is %+v", text, a)
		}
	})
}

// A text is a message, or an error that names what is wanted. What is encoded is the message.
func FuzzMessage(f *testing.F) {
	schema, err := (&Schema{Proto: []string{"testdata/shop.proto"}}).read()
	if err != nil {
		f.Fatal(err)
	}
	create, err := schema.method("shop.Orders", "Create")
	if err != nil {
		f.Fatal(err)
	}
	for _, text := range []string{"", "{}", `{"id": "x", "tags": ["a"], "item": {"name": "b"}, "state": "CREATED"}`,
		`{"at": "2026-11-29T00:00:00Z"}`, `{"amount": "9007199254740993"}`, `{"amont": 1}`, `{"id": `, `[]`, "{}{}"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		m := dynamicpb.NewMessage(create.Input())
		if err := unmarshal(text, m, schema.types); err != nil {
			if !strings.HasSuffix(err.Error(), "want JSON of a shop.Order") || strings.Contains(err.Error(),
				"\u00a0") {
				t.Errorf("error %q", err)
			}
			return
		}
		raw, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		again := dynamicpb.NewMessage(create.Input())
		if err := proto.Unmarshal(raw, again); err != nil || !proto.Equal(m, again) &&
			string(raw) != mustMarshal(t, again) {
			t.Errorf("%s became %v, %v", text, again, err)
		}
	})
}

func mustMarshal(t *testing.T, m proto.Message) string {
	raw, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// A set of descriptors is decoded, or is an error.
func FuzzProtoset(f *testing.F) {
	f.Add([]byte{}, "a.B")
	f.Add([]byte("\x0a\x05\x0a\x03a.p"), "a.B")
	f.Add([]byte("\x0a\x1a\x0a\x01a\x12\x01a2\x12\x0a\x01S\x12\x0d\x0a\x01M\x12\x03.aM\x1a\x03.aM"), "a.S")
	f.Fuzz(func(t *testing.T, raw []byte, service string) {
		set, err := parseProtoset(raw)
		if err != nil {
			return
		}
		if m, err := set.method(service, "M"); err == nil && m.Name() != "M" {
			t.Errorf("method %v", m.FullName())
		}
	})
}

// A connection that takes no more calls is closed with its client, when the last of its calls has ended.
func TestALinkIsClosedAfterItsLastCall(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	service := grpc.NewServer()
	defer service.Stop()
	go func() { _ = service.Serve(l) }() // until it is stopped
	target, err := New(Options{Address: l.Addr().String(), Method: "shop.Orders/Create",
		Schema: Schema{Proto: []string{"testdata/shop.proto"}}})
	if err != nil {
		t.Fatal(err)
	}
	defer target.Close()
	at := &place{target: target}
	defer at.close()
	get := func(broken *link) *link {
		l, err := at.get(t.Context(), broken)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	first := get(nil)
	if again := get(nil); again != first {
		t.Error("a second call has another connection")
	}
	if second := get(first); second == first {
		t.Error("a call has a connection that must not be used")
	}
	for _, want := range []connectivity.State{connectivity.Ready, connectivity.Shutdown} {
		first.put()
		if got := first.cc.GetState(); got != want {
			t.Errorf("the client of the first connection is %v: want %v", got, want)
		}
	}
}

// A server that closes before it sends a frame of HTTP/2 is no server of gRPC.
func TestACallBeforeTheConnectionIsReadyFails(t *testing.T) {
	client, server := net.Pipe()
	_ = server.Close()
	target := &Target{options: Options{MaxMessage: 1}, authority: "x", address: address{text: "x:1"}}
	if _, err := newLink(context.Background(), client, target); err == nil {
		t.Error("no error")
	}
}
