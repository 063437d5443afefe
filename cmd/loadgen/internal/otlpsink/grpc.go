package otlpsink

import (
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/gzip" // messages may be compressed
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
)

// newGRPC returns a server that counts the messages of gRPC without decoding them.
func (s *Sink) newGRPC() *grpc.Server {
	return grpc.NewServer(grpc.ForceServerCodecV2(raw{}), grpc.MaxRecvMsgSize(mostBytes),
		grpc.UnknownServiceHandler(s.serveGRPC))
}

// serveGRPC counts the message of a call.
func (s *Sink) serveGRPC(_ any, stream grpc.ServerStream) error {
	method, _ := grpc.MethodFromServerStream(stream)
	k, ok := kindOfMethod[method]
	if !ok {
		err := status.Errorf(codes.Unimplemented, "%s: want Export of the collector's services for OTLP", method)
		s.reject(err)
		return err
	}
	var data []byte
	if err := stream.RecvMsg(&data); err != nil {
		s.reject(fmt.Errorf("%s: %w", method, err))
		return err
	}
	items, err := countProtobuf(k, data)
	if err != nil {
		s.reject(fmt.Errorf("%s: %w", method, err))
		return status.Error(codes.InvalidArgument, err.Error())
	}
	s.add(k, items, len(data))
	return stream.SendMsg(new([]byte)) // an empty message: nothing was rejected
}

// raw passes the bytes of messages on. Messages are of type *[]byte.
type raw struct{}

var _ encoding.CodecV2 = raw{}

// Marshal returns the bytes in v.
func (raw) Marshal(v any) (mem.BufferSlice, error) {
	data, ok := v.(*[]byte)
	if !ok {
		return nil, fmt.Errorf("a message of type %T: want *[]byte", v)
	}
	return mem.BufferSlice{mem.SliceBuffer(*data)}, nil
}

// Unmarshal copies data to v.
func (raw) Unmarshal(data mem.BufferSlice, v any) error {
	into, ok := v.(*[]byte)
	if !ok {
		return fmt.Errorf("a message of type %T: want *[]byte", v)
	}
	*into = data.Materialize()
	return nil
}

// Name returns the name of the encoding of what is passed on.
func (raw) Name() string { return "proto" }
