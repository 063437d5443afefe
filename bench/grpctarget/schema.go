package grpctarget

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bufbuild/protocompile"
	"github.com/bufbuild/protocompile/linker"
	"github.com/bufbuild/protocompile/reporter"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/loadgen-go/loadgen/internal/problems"
	"github.com/loadgen-go/loadgen/internal/spelling"
)

// Schema says where the methods and their messages are described.
type Schema struct {
	// From is "reflection", the default, which asks the server; "" if a field below is set. In YAML, the schema may be
	// this text.
	From string `json:"from,omitempty"`
	// Proto are files of protocol buffers, and Import the directories of the files that they import, in order. Without
	// Import, these are the directories of Proto, and the current one.
	Proto  []string `json:"proto,omitempty"`
	Import []string `json:"import,omitempty"`
	// Protoset is a file with a set of descriptors, as `protoc --include_imports --descriptor_set_out` and `buf build`
	// write it.
	Protoset string `json:"protoset,omitempty"`
}

// fromReflection is the value of Schema.From.
const fromReflection = "reflection"

// UnmarshalYAML decodes a schema from a text, or from its fields.
func (s *Schema) UnmarshalYAML(decode func(any) error) error {
	*s = Schema{}
	if decode(&s.From) == nil {
		return nil
	}
	type fields Schema // without this method
	return decode((*fields)(s))
}

// reflects reports whether the schema comes from the server.
func (s *Schema) reflects() bool { return len(s.Proto) == 0 && s.Protoset == "" }

// check adds what is wrong with s, besides its files.
func (s *Schema) check(p *problems.List) {
	switch {
	case s.From != "" && s.From != fromReflection:
		p.Add("schema is %q%s: want reflection, {proto: [FILES]} or {protoset: FILE}", s.From,
			spelling.Meant(s.From, []string{fromReflection}))
	case len(s.Proto) > 0 && s.Protoset != "" || s.From != "" && !s.reflects():
		p.Add("schema has several sources: want one of reflection, proto and protoset")
	case len(s.Import) > 0 && len(s.Proto) == 0:
		p.Add("schema has import without proto: want the files that import these")
	}
}

// read returns the schema in files.
func (s *Schema) read() (*files, error) {
	if s.Protoset != "" {
		raw, err := os.ReadFile(s.Protoset)
		if err != nil {
			return nil, fmt.Errorf("schema.protoset: %w", err)
		}
		f, err := parseProtoset(raw)
		if err != nil {
			return nil, fmt.Errorf("schema.protoset: %s: %w", s.Protoset, err)
		}
		return f, nil
	}
	return s.compile()
}

// parseProtoset parses a set of descriptors.
func parseProtoset(raw []byte) (*files, error) {
	var set descriptorpb.FileDescriptorSet
	if err := proto.Unmarshal(raw, &set); err != nil {
		return nil, fmt.Errorf("it is not a set of descriptors: %w: want one of protoc --descriptor_set_out",
			plainError(err))
	}
	if len(set.File) == 0 {
		return nil, errors.New("it describes nothing: want a file of protoc --descriptor_set_out")
	}
	return newFiles(set.File)
}

// compile compiles the files of s. The error lists all errors in them, with their positions.
func (s *Schema) compile() (*files, error) {
	paths, names := slices.Clone(s.Import), slices.Clone(s.Proto)
	if len(paths) == 0 {
		for _, name := range s.Proto {
			paths = append(paths, filepath.Dir(name))
		}
		paths = append(paths, ".")
	}
	for i, name := range names {
		if _, err := os.Stat(name); err != nil && len(s.Import) == 0 {
			return nil, fmt.Errorf("schema.proto: %w", err)
		}
		names[i] = relative(name, paths)
	}
	var found []error
	collect := reporter.NewReporter(func(err reporter.ErrorWithPos) error {
		found = append(found,
			err)
		return nil
	}, nil)
	compiler := protocompile.Compiler{Reporter: collect,
		Resolver: protocompile.WithStandardImports(&protocompile.SourceResolver{ImportPaths: paths})}
	compiled, err := compiler.Compile(context.Background(), names...)
	if len(found) == 0 && err != nil {
		found = []error{err}
	}
	for i, err := range found {
		if found[i] = fmt.Errorf("schema.proto: %w", err); errors.Is(err, fs.ErrNotExist) {
			found[i] = fmt.Errorf("%w: want the directories of files and of their imports in schema.import", found[i])
		}
	}
	if len(found) > 0 {
		return nil, errors.Join(found...)
	}
	var descriptors []*descriptorpb.FileDescriptorProto
	seen := map[string]bool{}
	for _, f := range compiled {
		descriptors = withImports(descriptors, f, seen)
	}
	return newFiles(descriptors)
}

// relative returns the name of a file below the first of the paths that it is below.
func relative(name string, paths []string) string {
	for _, path := range paths {
		if rel, err := filepath.Rel(path, name); err == nil && filepath.IsLocal(rel) {
			return filepath.ToSlash(rel)
		}
	}
	return filepath.ToSlash(name)
}

// withImports appends the descriptors of a file and of what it imports. Seen are the files that are there.
func withImports(to []*descriptorpb.FileDescriptorProto, f protoreflect.FileDescriptor, seen map[string]bool) (
	all []*descriptorpb.FileDescriptorProto) {
	if seen[f.Path()] {
		return to
	}
	seen[f.Path()] = true
	for i := range f.Imports().Len() {
		to = withImports(to, f.Imports().Get(i).FileDescriptor, seen)
	}
	if result, ok := f.(linker.Result); ok {
		return append(to, result.FileDescriptorProto())
	}
	return append(to, protodesc.ToFileDescriptorProto(f))
}

// files are the descriptors of a service.
type files struct {
	registry *protoregistry.Files
	types    *dynamicpb.Types
}

// newFiles returns the files of descriptors. Imports of google/protobuf need not be among them.
func newFiles(all []*descriptorpb.FileDescriptorProto) (*files, error) {
	all, err := withStandardImports(all)
	if err != nil {
		return nil, err
	}
	registry, err := protodesc.NewFiles(&descriptorpb.FileDescriptorSet{File: all})
	if err != nil {
		return nil, plainError(err)
	}
	return &files{registry: registry, types: dynamicpb.NewTypes(registry)}, nil
}

// withStandardImports adds the files of google/protobuf that others import. Others that are missing are an error.
func withStandardImports(all []*descriptorpb.FileDescriptorProto) ([]*descriptorpb.FileDescriptorProto, error) {
	have := map[string]bool{}
	for _, f := range all {
		have[f.GetName()] = true
	}
	nothing := protocompile.ResolverFunc(func(string) (protocompile.SearchResult, error) {
		return protocompile.SearchResult{}, protoregistry.NotFound
	})
	standard := protocompile.Compiler{Resolver: protocompile.WithStandardImports(nothing)}
	for _, f := range slices.Clone(all) {
		for _, name := range f.Dependency {
			if have[name] {
				continue
			}
			compiled, err := standard.Compile(context.Background(), name)
			if err != nil {
				return nil, fmt.Errorf("%s imports %s, which is missing: want it too (protoc --include_imports)",
					f.GetName(), name)
			}
			all = withImports(all, compiled[0], have)
		}
	}
	return all, nil
}

// method returns a method of a service. The error says what there is.
func (f *files) method(service, method string) (protoreflect.MethodDescriptor, error) {
	d, err := f.registry.FindDescriptorByName(protoreflect.FullName(service))
	s, ok := d.(protoreflect.ServiceDescriptor)
	if err != nil || !ok {
		return nil, noService(service, f.services())
	}
	if m := s.Methods().ByName(protoreflect.Name(method)); m != nil {
		return m, nil
	}
	var names []string
	for i := range s.Methods().Len() {
		names = append(names, string(s.Methods().Get(i).Name()))
	}
	return nil, fmt.Errorf("the service %s has no method %q%s: want one of %s", service, method,
		spelling.Meant(method, names), strings.Join(names, ", "))
}

// services returns the names of all services.
func (f *files) services() (names []string) {
	f.registry.RangeFiles(func(d protoreflect.FileDescriptor) bool {
		for i := range d.Services().Len() {
			names = append(names, string(d.Services().Get(i).FullName()))
		}
		return true
	})
	slices.Sort(names)
	return names
}

// noService returns the error of a service that is not among those that there are.
func noService(service string, names []string) error {
	if len(names) == 0 {
		return fmt.Errorf("there is no service %q: the schema has none", service)
	}
	meant := spelling.Meant(service, names)
	if meant == "" { // without its package
		last := func(name string) string { return name[strings.LastIndexByte(name, '.')+1:] }
		for _, name := range names {
			if strings.EqualFold(last(name), last(service)) {
				meant = fmt.Sprintf(" (did you mean %s?)", name)
			}
		}
	}
	return fmt.Errorf("there is no service %q%s: want one of %s", service, meant, strings.Join(names, ", "))
}
