package grpctarget

import (
	"fmt"

	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
)

// A codec sends bytes that are encoded already, and receives bytes without decoding them.
type codec struct{}

// An outgoing is an encoded message. It must not be changed while it is sent, so grpc-go may keep it.
type outgoing = mem.BufferSlice

// An incoming counts the messages that a call has received, and keeps those that are checked.
type incoming struct {
	keep        bool // messages are needed for checks
	size        int  // of all messages
	first, last []byte
	messages    int
}

// Marshal returns the bytes of an outgoing.
func (codec) Marshal(v any) (mem.BufferSlice, error) {
	m, ok := v.(outgoing)
	if !ok {
		return nil, fmt.Errorf("grpctarget: a message is a %T (a fault of loadgen; please report it)", v)
	}
	return m, nil
}

// Unmarshal adds a message to an incoming.
func (codec) Unmarshal(data mem.BufferSlice, v any) error {
	in, ok := v.(*incoming)
	if !ok {
		return fmt.Errorf("grpctarget: a message is a %T (a fault of loadgen; please report it)", v)
	}
	in.size += data.Len()
	if in.messages++; !in.keep {
		return nil
	}
	in.last = data.Materialize()
	if in.messages == 1 {
		in.first = in.last
	}
	return nil
}

// Name returns "", so that the content type is application/grpc, as with grpc-go's own codec.
func (codec) Name() string { return "" }

var _ encoding.CodecV2 = codec{}
