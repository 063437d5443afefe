package grpctarget_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/loadgen-go/loadgen/bench/grpctarget"
)

// A call of a stream is the whole stream, and its messages are counted at both ends.
func TestStreams(t *testing.T) {
	for _, c := range []struct {
		name, method, behaviour string
		stream                  grpctarget.Stream
		deadline                time.Duration
		want                    string
		sent, received          uint64
		atServer                int64 // messages; -1 if it depends on when the stream ends
		text                    string
	}{
		{name: "to the client", method: watch, behaviour: "count 10", sent: 1, received: 10, atServer: 1},
		{name: "to the server", method: upload, stream: grpctarget.Stream{Send: 10}, sent: 10, received: 1,
			atServer: 10},
		{name: "both ways", method: chat, behaviour: "echo", stream: grpctarget.Stream{Send: 10}, sent: 10,
			received: 10, atServer: 10},
		{name: "many both ways", method: chat, behaviour: "echo", stream: grpctarget.Stream{Send: 5000}, sent: 5000,
			received: 5000, atServer: 5000},
		{name: "with pauses", method: chat, behaviour: "echo",
			stream: grpctarget.Stream{Send: 3, Every: 5 * time.Millisecond}, sent: 3, received: 3, atServer: 3},
		{name: "no message", method: watch, behaviour: "count 0", sent: 1, atServer: 1},
		{name: "the first of endless ones", method: watch, behaviour: "endless",
			stream: grpctarget.Stream{Receive: "3"}, sent: 1, received: 3, atServer: 1},
		{name: "all that were asked for", method: watch, behaviour: "count 3", stream: grpctarget.Stream{Receive: "3"},
			sent: 1, received: 3, atServer: 1},
		{name: "fewer than asked for", method: watch, behaviour: "count 2", stream: grpctarget.Stream{Receive: "3"},
			want: "check messages", sent: 1, received: 2, atServer: 1, text: "(messages sent: 1, received: 2)"},
		{name: "a stream that never ends", method: watch, behaviour: "endless", deadline: 200 * time.Millisecond,
			want: "grpc DeadlineExceeded", sent: 1, atServer: 1,
			text: "the server had not ended the stream (stream.receive"},
		{name: "a server that takes nothing", method: chat, behaviour: "hang", deadline: 200 * time.Millisecond,
			stream: grpctarget.Stream{Send: 2}, want: "grpc DeadlineExceeded", sent: 2,
			text: "(messages sent: 2, received: 0)"},
		{name: "a server that answers early", method: upload, behaviour: "early 2",
			stream: grpctarget.Stream{Send: 100, Every: 10 * time.Millisecond}, want: "check messages", received: 1,
			atServer: -1, text: "want 100 messages sent (messages sent: "},
		{name: "a server that ends early", method: chat, behaviour: "early 2",
			stream: grpctarget.Stream{Send: 100, Every: 10 * time.Millisecond}, want: "check messages", atServer: -1,
			text: "want 100 messages sent (messages sent: "},
		{name: "a server that fails early", method: chat, behaviour: "abort 2",
			stream: grpctarget.Stream{Send: 100, Every: 10 * time.Millisecond}, want: "grpc Aborted", atServer: -1,
			text: "received: 0)"},
		{name: "a pause longer than the deadline", method: upload, deadline: 200 * time.Millisecond,
			stream: grpctarget.Stream{Send: 2, Every: time.Hour}, want: "grpc DeadlineExceeded", sent: 1, atServer: 1},
		{name: "a pause with all received", method: chat, behaviour: "echo", deadline: 200 * time.Millisecond,
			stream: grpctarget.Stream{Send: 2, Every: time.Hour, Receive: "1"}, want: "grpc DeadlineExceeded", sent: 1,
			received: 1, atServer: 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			md := unique(c.behaviour)
			target := open(t, grpctarget.Options{Address: server(t).Plain, Method: c.method, Metadata: md,
				Stream: c.stream, Deadline: c.deadline})
			err := target.Call(context.Background(), "")
			if kind(err) != c.want || err != nil && !strings.Contains(err.Error(), c.text) {
				t.Errorf("kind %q (%v), want %q and %q", kind(err), err, c.want, c.text)
			}
			n, seen := target.Streams(), server(t).seen(t, md)
			endless := c.behaviour == "endless" && c.stream == grpctarget.Stream{}
			if c.sent > 0 && n.Sent != c.sent || !endless && n.Received != c.received ||
				c.atServer >= 0 && seen.Messages != c.atServer {
				t.Errorf("%d sent, %d received, and the server received %d: want %d, %d, %d", n.Sent, n.Received,
					seen.Messages, c.sent, c.received, c.atServer)
			}
			if n.Sent < uint64(seen.Messages) || c.sent == 0 && n.Sent >= 100 {
				t.Errorf("%d sent, and the server received %d", n.Sent, seen.Messages)
			}
			if gaps := n.Gaps.Count(); gaps != max(n.Received, 1)-1 {
				t.Errorf("%d gaps between %d messages", gaps, n.Received)
			}
		})
	}
}

// The messages of a stream are sent in turn, and may have their number.
func TestMessagesOfAStream(t *testing.T) {
	md := unique("echo")
	target := open(t, grpctarget.Options{Address: server(t).Plain, Method: chat, Metadata: md,
		Messages: grpctarget.Messages{`{"id": "{{message}}"}`, `{"amount": 7}`}, Stream: grpctarget.Stream{Send: 3}})
	if err := target.Call(context.Background(), ""); err != nil {
		t.Fatal(err)
	}
	other := unique("echo")
	single := open(t, grpctarget.Options{Address: server(t).Plain, Method: chat, Metadata: other,
		Messages: grpctarget.Messages{`{"id": "0"}`, `{"amount": 7}`, `{"id": "2"}`}})
	if err := single.Call(context.Background(), ""); err != nil {
		t.Fatal(err)
	}
	a, b := server(t).seen(t, md), server(t).seen(t, other)
	if a.Digest != b.Digest || a.Messages != 3 {
		t.Errorf("%+v and %+v: want the same three messages", a, b)
	}
}
