package grpctarget

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/bench/expect"
	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/bench/template"
	"github.com/loadgen-go/loadgen/internal/spelling"
)

// A request is a kind of request, ready to be made.
type request struct {
	name     string
	where    string // in the options, for errors
	service  string
	method   string
	path     string
	texts    []template.Template
	headers  []header
	constant metadata.MD // the metadata, if it is the same for every call
	deadline time.Duration
	every    time.Duration
	most     int // messages after which the client ends the stream; 0 if the server ends it
	code     codes.Code
	wants    struct{ first, last expect.JSON }
	latency  time.Duration

	// The following are known when the schema is.
	types    *dynamicpb.Types
	send     int // messages
	desc     grpc.StreamDesc
	input    protoreflect.MessageDescriptor
	output   protoreflect.MessageDescriptor
	messages []outgoing // by index of texts; nil if the text is not the same for every call
}

// A header is one line of metadata.
type header struct {
	name   string
	value  template.Template
	binary bool // the value is base64
}

// newRequest prepares request i of o as far as that needs no schema.
func newRequest(o *Options, i int, cut *template.Parser) (*request, error) {
	from := &o.Requests[i]
	r := &request{name: from.Name, where: fmt.Sprintf("requests[%d]", i), deadline: from.Deadline,
		every: from.Stream.Every, latency: from.Expect.MaxLatency}
	if !from.inherits {
		r.send = from.Stream.Send
	}
	var errs [7]error
	r.service, r.method, errs[0] = splitMethod(from.Method)
	r.path = "/" + r.service + "/" + r.method
	r.most, errs[1] = from.Stream.most()
	r.code, errs[2] = parseCode(from.Expect.Code)
	if err := errors.Join(errs[:]...); err != nil {
		return nil, nil // Options.check has reported it
	}
	r.texts, errs[3] = parseMessages(cut, r.where, from.Messages)
	errs[4] = r.parseMetadata(cut, o.Metadata, from.Metadata)
	r.wants.first, errs[5] = expect.NewJSON(r.where+".expect.firstJSON", from.Expect.FirstJSON)
	r.wants.last, errs[6] = expect.NewJSON(r.where+".expect.json", from.Expect.JSON)
	r.wants.first, r.wants.last = r.wants.first.NumbersAsText(), r.wants.last.NumbersAsText()
	return r, errors.Join(errs[:]...)
}

func parseMessages(cut *template.Parser, where string, texts []string) (parsed []template.Template, err error) {
	var errs []error
	for i, text := range texts {
		t, err := cut.Parse(fmt.Sprintf("%s.message[%d]", where, i), text, template.InJSON)
		parsed, errs = append(parsed, t), append(errs, err)
	}
	return parsed, errors.Join(errs...)
}

// metadataName matches names of metadata.
var metadataName = regexp.MustCompile(`^[0-9a-z_.-]+$`)

// ownMetadata are the names that follow from the protocol.
var ownMetadata = []string{"content-type", "te", "user-agent", "connection", "host", "grpc-timeout"}

// parseMetadata parses the metadata of a request, which replaces that of all requests.
func (r *request) parseMetadata(cut *template.Parser, all, own map[string]string) error {
	values, wheres := map[string]string{}, map[string]string{}
	var errs []error
	for _, set := range []struct {
		values map[string]string
		where  string
	}{{all, "metadata"}, {own, r.where + ".metadata"}} {
		for _, name := range slices.Sorted(maps.Keys(set.values)) {
			key := strings.ToLower(name)
			values[key], wheres[key] = set.values[name], set.where+"."+name
		}
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		h := header{name: name, binary: strings.HasSuffix(name, "-bin")}
		var err error
		switch {
		case !metadataName.MatchString(name):
			err = fmt.Errorf("%s: the name is not valid: want letters, digits, points, - and _", wheres[name])
		case slices.Contains(ownMetadata, name) || strings.HasPrefix(name, "grpc-"):
			err = fmt.Errorf("%s follows from the protocol: want it left out", wheres[name])
		default:
			h.value, err = cut.Parse(wheres[name], values[name], template.InHeader)
		}
		if err == nil {
			_, err = h.text(wheres[name], &template.Values{Key: r.name})
		}
		r.headers, errs = append(r.headers, h), append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if !slices.ContainsFunc(r.headers, func(h header) bool { return !h.value.Static() }) {
		var err error
		r.constant, err = r.renderMetadata(&template.Values{})
		return err
	}
	return nil
}

// text returns the value of a header for a call, as grpc-go takes it. Where names the header in errors.
func (h *header) text(where string, v *template.Values) (string, error) {
	text := string(h.value.Append(nil, v))
	if !h.binary {
		if strings.ContainsFunc(text, func(c rune) bool { return c < ' ' || c >= 0x7f }) {
			return "", fmt.Errorf("%s is %q: want printable ASCII, or a name that ends in -bin with base64", where,
				text)
		}
		return text, nil
	}
	raw, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(text, "="))
	if err != nil {
		return "", fmt.Errorf("%s is %q: want base64, since its name ends in -bin: %w", where, text, err)
	}
	return string(raw), nil
}

// metadata returns the metadata of a call. It must not be changed.
func (r *request) metadata(v *template.Values) (metadata.MD, error) {
	if r.constant != nil || len(r.headers) == 0 {
		return r.constant, nil
	}
	return r.renderMetadata(v)
}

func (r *request) renderMetadata(v *template.Values) (metadata.MD, error) {
	md := make(metadata.MD, len(r.headers))
	for i := range r.headers {
		h := &r.headers[i]
		text, err := h.text("metadata."+h.name, v)
		if err != nil {
			return nil, record.Errorf(record.KindNoRequest, "%w", err)
		}
		md[h.name] = []string{text}
	}
	return md, nil
}

// streams reports whether the method has a stream.
func (r *request) streams() bool { return r.desc.ClientStreams || r.desc.ServerStreams }

// resolve prepares what depends on the schema. It encodes the messages as call 0 has them.
func (r *request) resolve(s *files, from *Request) error {
	m, err := s.method(r.service, r.method)
	if err != nil {
		return fmt.Errorf("%s.method: %w", r.where, err)
	}
	r.types, r.input, r.output = s.types, m.Input(), m.Output()
	r.desc = grpc.StreamDesc{StreamName: r.method, ClientStreams: m.IsStreamingClient(),
		ServerStreams: m.IsStreamingServer()}
	if err := r.checkStream(from); err != nil {
		return err
	}
	if !r.desc.ServerStreams {
		r.most = 0
	}
	if r.send = from.Stream.Send; r.send == 0 {
		r.send = len(r.texts)
	}
	if !r.desc.ClientStreams {
		r.send = 1
	}
	return r.encodeAll()
}

// checkStream returns an error if the method does not stream as the options say.
func (r *request) checkStream(from *Request) error {
	own := from.Stream
	if from.inherits {
		own = Stream{}
	}
	switch {
	case !r.desc.ClientStreams && (own.Send > 1 || own.Every > 0 || len(r.texts) > 1):
		return fmt.Errorf("%s: %s takes one message: want one, and neither stream.send nor stream.every", r.where,
			r.path)
	case !r.desc.ServerStreams && own.Receive != "" && r.most > 1:
		return fmt.Errorf("%s.stream.receive is %d, and %s returns one message: want no stream.receive", r.where,
			r.most,
			r.path)
	}
	return nil
}

// encodeAll encodes each message as call 0 has it, and keeps those that are the same for every call.
func (r *request) encodeAll() error {
	r.messages = make([]outgoing, len(r.texts))
	var errs []error
	for i := range r.texts {
		encoded, err := r.encode(i, &template.Values{Key: r.name, Message: i})
		if err != nil {
			errs = append(errs, fmt.Errorf("%s.message[%d]: %w", r.where, i, err))
		}
		if r.texts[i].Static() {
			r.messages[i] = encoded
		}
	}
	return errors.Join(errs...)
}

// message returns message i of a call.
func (r *request) message(v *template.Values, i int) (outgoing, error) {
	text := i % len(r.texts)
	if m := r.messages[text]; m != nil {
		return m, nil
	}
	values := *v
	values.Message = i
	m, err := r.encode(text, &values)
	if err != nil {
		return nil, record.Errorf(record.KindNoRequest, "message %d of call %d: %w", i, v.N, err)
	}
	return m, nil
}

// encode encodes a message of a call.
func (r *request) encode(text int, v *template.Values) (outgoing, error) {
	m := dynamicpb.NewMessage(r.input)
	if err := unmarshal(r.texts[text].Append(nil, v), m, r.types); err != nil {
		return nil, err
	}
	encoded, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		return nil, plainError(err)
	}
	return outgoing{mem.SliceBuffer(encoded)}, nil
}

// unmarshal decodes a message from JSON.
func unmarshal(text []byte, m *dynamicpb.Message, types *dynamicpb.Types) error {
	err := protojson.UnmarshalOptions{Resolver: types}.Unmarshal(text, m)
	if err == nil {
		return nil
	}
	if strings.HasSuffix(err.Error(), io.ErrUnexpectedEOF.Error()) { // protojson does not wrap it
		err = fmt.Errorf("syntax error (line %s): the JSON ends too early", template.Position(string(text), len(text)))
	}
	meant := ""
	if found := unknownField.FindStringSubmatch(err.Error()); found != nil {
		meant = spelling.Meant(found[1], fieldNames(m.Descriptor(), map[protoreflect.FullName]bool{}))
	}
	return fmt.Errorf("%w%s: want JSON of a %s", plainError(err), meant, m.Descriptor().FullName())
}

// unknownField matches protojson's error about a field that a message has not.
var unknownField = regexp.MustCompile(`unknown field "([^"]*)"`)

// fieldNames returns the names of the fields of a message, and of the messages in it. Seen are messages whose fields
// are known.
func fieldNames(m protoreflect.MessageDescriptor, seen map[protoreflect.FullName]bool) (names []string) {
	if seen[m.FullName()] {
		return nil
	}
	seen[m.FullName()] = true
	for i := range m.Fields().Len() {
		f := m.Fields().Get(i)
		names = append(names, f.JSONName())
		if f.Message() != nil {
			names = append(names, fieldNames(f.Message(), seen)...)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// plainError returns an error of package protobuf without the blank after "proto:", which changes from run to run.
func plainError(err error) error {
	text := strings.TrimPrefix(err.Error(), "proto:")
	return errors.New(strings.TrimLeft(text, " \u00a0"))
}

// checks reports whether messages received are looked at.
func (r *request) checks() bool { return len(r.wants.first)+len(r.wants.last) > 0 }

// check returns an error if a call that ended with the right code is not as expected, or nil.
func (r *request) check(c *call, at *bench.Instants) error {
	for _, want := range []struct {
		json expect.JSON
		name string
		raw  []byte
	}{{r.wants.first, "first message", c.in.first}, {r.wants.last, "last message", c.in.last}} {
		if len(want.json) == 0 {
			continue
		}
		if c.in.messages == 0 {
			return c.short("the server sent no message: want one with the values of expect")
		}
		text, err := r.text(want.raw)
		if err != nil {
			return record.Errorf(record.KindMalformed, "the %s is not a %s: %w", want.name, r.output.FullName(), err)
		}
		if err := want.json.Check(want.name, text); err != nil {
			return err
		}
	}
	return expect.Latency(at.Lag+at.Ended, r.latency)
}

// text returns the JSON of a message received, with the fields that have no value.
func (r *request) text(raw []byte) ([]byte, error) {
	m := dynamicpb.NewMessage(r.output)
	if err := (proto.UnmarshalOptions{Resolver: r.types}).Unmarshal(raw, m); err != nil {
		return nil, plainError(err)
	}
	text, err := protojson.MarshalOptions{EmitDefaultValues: true, Resolver: r.types}.Marshal(m)
	if err != nil {
		return nil, plainError(err)
	}
	return text, nil
}

// write appends the request of a call as text: its path, its metadata and its first messages.
func (r *request) write(b []byte, v *template.Values) []byte {
	b = append(append(b, r.path...), '\n')
	for i := range r.headers {
		h := &r.headers[i]
		b = append(append(b, h.name...), ": "...)
		b = append(h.value.Append(b, v), '\n')
	}
	const most = 10
	values := *v
	messages := max(r.send, len(r.texts))
	for i := range min(messages, most) {
		values.Message = i
		b = append(r.texts[i%len(r.texts)].Append(append(b, '\n'), &values), '\n')
	}
	if messages > most {
		b = fmt.Appendf(b, "\n(and %d more messages)\n", messages-most)
	}
	return b
}
