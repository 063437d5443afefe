package grpctarget

import (
	"slices"
	"time"

	"github.com/loadgen-go/loadgen/bench/dial"
	"github.com/loadgen-go/loadgen/bench/template"
)

// Options describe a gRPC service, and the requests to it. Address and a method must be set; every other field has a
// default.
type Options struct {
	// Address is the service: host:port or grpc://host:port, grpcs://host:port for TLS, or unix:///path of a socket.
	// It is a template without values that change: {{port}} is a variable in Vars.
	Address string `json:"address"`
	// Authority is the name of the service in requests; by default the host and port of Address, or localhost for a
	// socket.
	Authority string `json:"authority,omitempty"`
	// Resolve replaces the addresses of hosts: a host, or host:port, and the IP address, or IP:port, to connect to.
	Resolve map[string]string `json:"resolve,omitempty"`
	// TLS says how to verify the server, and how to identify to it. If a field of it is set, or Address begins with
	// grpcs://, connections have TLS.
	TLS    dial.TLS `json:"tls,omitzero"`
	Schema Schema   `json:"schema,omitzero"`

	// Connections is the number of connections to open before the first call; by default 4. They are added to while
	// calls find none free, up to MaxConnections; by default none are added.
	Connections    int `json:"connections,omitempty"`
	MaxConnections int `json:"maxConnections,omitempty"`
	// Streams is the number of calls at once on a connection; by default 100. If the server allows fewer,
	// [Target.Open] uses the server's limit.
	Streams int `json:"streams,omitempty"`
	// ConnectTimeout bounds looking up the host and connecting, and again the handshake of TLS and the first frame of
	// the server; by default 5 s. A negative one has no bound.
	ConnectTimeout time.Duration `json:"connectTimeout,omitempty"`
	// MaxMessage is the size of the largest message to receive, in bytes; by default 16 MiB.
	MaxMessage int `json:"maxMessage,omitempty"`

	// The following fields are those of a request. Requests that do not set them have these; metadata is merged, and
	// Stream applies to the methods that stream.
	Method   string            `json:"method,omitempty"`
	Messages Messages          `json:"message,omitempty"`
	Metadata map[string]string `json:"metadata,omitempty"`
	Stream   Stream            `json:"stream,omitzero"`
	Deadline time.Duration     `json:"deadline,omitempty"`
	Expect   Expect            `json:"expect,omitzero"`
	// Requests are the kinds of requests. Each call makes one of them, chosen by weight. By default there is one, with
	// the fields above.
	Requests []Request `json:"requests,omitempty"`

	// Data are tables whose rows fill templates, by name.
	Data map[string]template.Data `json:"data,omitempty"`
	// Vars are values of variables in templates, by name.
	Vars map[string]string `json:"-"`
	// Seed fixes everything that is random in requests. With the same seed, call n is the same request in every run.
	Seed uint64 `json:"-"`
}

// A Request is a kind of request. Messages and the values of Metadata are templates: see the package comment.
type Request struct {
	// Name is the key of the request; by default its method.
	Name string `json:"name,omitempty"`
	// Weight is how often the request is made, in proportion to the weights of the others; by default 1.
	Weight int `json:"weight,omitempty"`
	// Method is the full name of a method, such as shop.Orders/Create.
	Method string `json:"method,omitempty"`
	// Messages are the messages to send, as JSON. A stream that sends more of them begins again with the first. The
	// default is one empty message.
	Messages Messages `json:"message,omitempty"`
	// Metadata are sent with the request. The value of a name that ends in -bin is base64, and is sent as bytes.
	Metadata map[string]string `json:"metadata,omitempty"`
	Stream   Stream            `json:"stream,omitzero"`
	// Deadline bounds the call, from when it begins; by default to 30 s. A negative one has no bound. The server is
	// told of it.
	Deadline time.Duration `json:"deadline,omitempty"`
	Expect   Expect        `json:"expect,omitzero"`

	inherits bool // Stream is that of Options, and applies as far as the method streams
}

// Messages are texts of messages. In YAML, one message need not be in a list.
type Messages []string

// UnmarshalYAML decodes messages from a text, or from a list.
func (m *Messages) UnmarshalYAML(decode func(any) error) error {
	var one string
	if decode(&one) == nil {
		*m = Messages{one}
		return nil
	}
	return decode((*[]string)(m))
}

// A Stream says what a call of a streaming method sends and receives. The call is the whole stream.
type Stream struct {
	// Send is the number of messages to send, if the method takes a stream; by default each of Messages once.
	Send int `json:"send,omitempty"`
	// Every is the time from sending one message until sending the next; by default 0.
	Every time.Duration `json:"every,omitempty"`
	// Receive is "all", the default, or the number of messages after which the client ends the stream, if the method
	// returns a stream. A stream that ends before has failed.
	Receive string `json:"receive,omitempty"`
}

// Expect says which answers are good. A call with another answer fails. Answers are checked after the end of the call
// has been noted.
type Expect struct {
	// Code is the good code; by default OK. Another one fails the call with the kind "grpc CODE".
	Code string `json:"code,omitempty"`
	// JSON are values in the JSON of the last message received, by path: .state, .items[0].id, or . for the whole.
	// FirstJSON are values in the first one. The JSON has the fields without a value, too. Numbers are compared by
	// value, whether the JSON has them as numbers or as text.
	JSON      map[string]any `json:"json,omitempty"`
	FirstJSON map[string]any `json:"firstJSON,omitempty"`
	// MaxLatency is the longest good latency, from due to ended.
	MaxLatency time.Duration `json:"maxLatency,omitempty"`
}

func (e *Expect) isZero() bool {
	return e.Code == "" && len(e.JSON) == 0 && len(e.FirstJSON) == 0 && e.MaxLatency == 0
}

// DefaultConnections is the number of connections of a service whose options do not say it, and DefaultStreams the
// number of calls at once on each.
const (
	DefaultConnections = 4
	DefaultStreams     = 100
)

const (
	defaultMaxMessage = 16 << 20
	defaultConnect    = 5 * time.Second
	defaultDeadline   = 30 * time.Second
	mostConnections   = 100_000
	mostStreams       = 10_000
	mostSent          = 100_000_000
)

// withDefaults returns o with its defaults filled in.
func (o Options) withDefaults() Options {
	set := func(into *int, value int) {
		if *into == 0 {
			*into = value
		}
	}
	set(&o.Connections, DefaultConnections)
	set(&o.MaxConnections, o.Connections)
	set(&o.Streams, DefaultStreams)
	set(&o.MaxMessage, defaultMaxMessage)
	bound(&o.ConnectTimeout, defaultConnect)
	if len(o.Requests) == 0 {
		o.Requests = []Request{{}}
	}
	o.Requests = slices.Clone(o.Requests)
	for i := range o.Requests {
		r := &o.Requests[i]
		o.inherit(r)
		set(&r.Weight, 1)
		bound(&r.Deadline, defaultDeadline)
		if r.Name == "" {
			r.Name = r.Method
		}
		if len(r.Messages) == 0 {
			r.Messages = Messages{"{}"}
		}
	}
	return o
}

// bound replaces a duration that is 0 by its default, and a negative one by 0, which has no bound.
func bound(d *time.Duration, value time.Duration) {
	switch {
	case *d == 0:
		*d = value
	case *d < 0:
		*d = 0
	}
}

// inherit sets the fields of r that are not set to those of o.
func (o *Options) inherit(r *Request) {
	if r.Method == "" {
		r.Method = o.Method
	}
	if len(r.Messages) == 0 {
		r.Messages = o.Messages
	}
	if r.Stream == (Stream{}) {
		r.Stream, r.inherits = o.Stream, true
	}
	if r.Deadline == 0 {
		r.Deadline = o.Deadline
	}
	if r.Expect.isZero() {
		r.Expect = o.Expect
	}
}

// Check returns an error that lists everything that is wrong with o, or nil. It reads the files that o names. It does
// not call the service: with a schema from reflection, [Target.Open] finds out whether the methods exist, and whether
// the messages are theirs. [New] calls Check.
func (o Options) Check() error {
	_, err := New(o)
	return err
}
