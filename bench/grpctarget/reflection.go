package grpctarget

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"
	encodingproto "google.golang.org/grpc/encoding/proto"
	reflection "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"
)

// reflectionMethods are the methods of server reflection, newest first. The messages of both are the same on the wire.
var reflectionMethods = []string{reflection.ServerReflection_ServerReflectionInfo_FullMethodName,
	"/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"}

// reflect asks the server for the descriptors of services, which need not exist.
func reflect(ctx context.Context, cc *grpc.ClientConn, services []string) (f *files, err error) {
	for _, method := range reflectionMethods {
		f, err = reflectBy(ctx, cc, method, services)
		if status.Code(err) != codes.Unimplemented {
			break
		}
	}
	if status.Code(err) == codes.Unimplemented {
		return nil, fmt.Errorf("the server has no reflection: want it on, or schema: {proto: [FILES]} or "+
			"schema: {protoset: FILE}: %w", err)
	}
	if err != nil {
		return nil, fmt.Errorf("reflection: %w", err)
	}
	return f, nil
}

// A reflector asks a server for descriptors.
type reflector struct {
	stream grpc.ClientStream
	have   map[string]*descriptorpb.FileDescriptorProto // by name
}

// reflectBy asks by one of the versions of reflection.
func reflectBy(ctx context.Context, cc *grpc.ClientConn, method string, services []string) (*files, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends the stream
	stream, err := cc.NewStream(ctx, &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, method,
		grpc.ForceCodecV2(encoding.GetCodecV2(encodingproto.Name)))
	if err != nil {
		return nil, err
	}
	r := &reflector{stream: stream, have: map[string]*descriptorpb.FileDescriptorProto{}}
	for _, service := range services {
		switch found, err := r.symbol(service); {
		case err != nil:
			return nil, err
		case !found:
			names, err := r.services()
			if err != nil {
				return nil, err
			}
			return nil, noService(service, names)
		}
	}
	if err := r.imports(); err != nil {
		return nil, err
	}
	r.end()
	var all []*descriptorpb.FileDescriptorProto
	for _, f := range r.have {
		all = append(all, f)
	}
	return newFiles(all)
}

// ask sends a request, and returns its response.
func (r *reflector) ask(request *reflection.ServerReflectionRequest) (*reflection.ServerReflectionResponse, error) {
	// If sending fails, receiving says why.
	_ = r.stream.SendMsg(request)
	response := new(reflection.ServerReflectionResponse)
	return response, r.stream.RecvMsg(response)
}

// end ends the stream, and waits until the server has ended it, so that it does not count among the streams of calls.
func (r *reflector) end() {
	_ = r.stream.CloseSend() // if it fails, the stream has ended
	_ = r.stream.RecvMsg(new(reflection.ServerReflectionResponse))
}

// symbol gets the files of a name; found is false if the server does not know it.
func (r *reflector) symbol(name string) (found bool, err error) {
	response, err := r.ask(&reflection.ServerReflectionRequest{
		MessageRequest: &reflection.ServerReflectionRequest_FileContainingSymbol{FileContainingSymbol: name}})
	if err != nil {
		return false, err
	}
	return r.keep(response)
}

// keep keeps the files of a response; found is false if there are none.
func (r *reflector) keep(response *reflection.ServerReflectionResponse) (found bool, err error) {
	if e := response.GetErrorResponse(); e != nil {
		if codes.Code(e.ErrorCode) == codes.NotFound {
			return false, nil
		}
		return false, fmt.Errorf("%v: %s", codes.Code(e.ErrorCode), e.ErrorMessage)
	}
	for _, raw := range response.GetFileDescriptorResponse().GetFileDescriptorProto() {
		f := new(descriptorpb.FileDescriptorProto)
		if err := proto.Unmarshal(raw, f); err != nil {
			return false, fmt.Errorf("a descriptor of the server is not valid: %w", plainError(err))
		}
		r.have[f.GetName()] = f
		found = true
	}
	return found, nil
}

// imports gets the files that others import. Files of google/protobuf may be missing at the server.
func (r *reflector) imports() error {
	asked := map[string]bool{}
	for {
		var missing []string
		for _, f := range r.have {
			for _, name := range f.Dependency {
				if r.have[name] == nil && !asked[name] {
					missing = append(missing, name)
				}
			}
		}
		if len(missing) == 0 {
			return nil
		}
		slices.Sort(missing)
		for _, name := range slices.Compact(missing) {
			asked[name] = true
			response, err := r.ask(&reflection.ServerReflectionRequest{
				MessageRequest: &reflection.ServerReflectionRequest_FileByFilename{FileByFilename: name}})
			if err != nil {
				return err
			}
			if _, err := r.keep(response); err != nil {
				return err
			}
		}
	}
}

// services returns the names of the services of the server.
func (r *reflector) services() (names []string, err error) {
	response, err := r.ask(&reflection.ServerReflectionRequest{
		MessageRequest: &reflection.ServerReflectionRequest_ListServices{}})
	if err != nil {
		return nil, err
	}
	list := response.GetListServicesResponse()
	if list == nil {
		return nil, errors.New("the server lists no services")
	}
	for _, s := range list.Service {
		names = append(names, s.Name)
	}
	slices.Sort(names)
	return names, nil
}
