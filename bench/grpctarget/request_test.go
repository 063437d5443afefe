package grpctarget_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/bufbuild/protocompile"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/bench/dial"
	"github.com/loadgen-go/loadgen/bench/grpctarget"
	"github.com/loadgen-go/loadgen/bench/template"
)

// shop is the schema of the server.
var shop = grpctarget.Schema{Proto: []string{"testdata/shop.proto"}}

const users = "id,name\n1,ann\n2,\"bob \"\"b\"\" smith\"\n3,eve\n"

// varied are options whose requests differ from call to call.
func varied(t testing.TB, address string) grpctarget.Options {
	t.Helper()
	return grpctarget.Options{Address: address, Seed: 7, Schema: shop, Vars: map[string]string{"region": "eu"},
		Metadata: map[string]string{"X": "{{uuid}}", "x-bin": "AAEC"},
		Data:     map[string]template.Data{"users": {CSV: file(t, "users.csv", users)}},
		Requests: []grpctarget.Request{
			{Name: "order", Weight: 3, Method: create,
				Messages: grpctarget.Messages{`{"id": "{{row.name}}", "amount": {{int 1 100}}, ` +
					`"tags": ["{{region}}", "{{key}}"]}`}},
			{Name: "talk", Method: chat, Stream: grpctarget.Stream{Send: 3},
				Messages: grpctarget.Messages{`{"id": "{{uuid}}", "amount": {{message}}}`, `{"id": "{{n}}"}`}},
			{Name: "upload", Method: upload, Metadata: map[string]string{"x": "own"}},
			{Name: "long", Weight: 1, Method: chat, Stream: grpctarget.Stream{Send: 1000}},
		}}
}

// The same seed sends the same bytes, by whatever target; another seed does not. The server is the witness.
func TestTheSeedAndTheNumberMakeTheRequest(t *testing.T) {
	digest := func(seed uint64) string {
		o, md := varied(t, server(t).Plain), unique("")
		o.Seed, o.Metadata["id"] = seed, md["id"]
		target := open(t, o)
		for n := range uint64(50) {
			at := &bench.Instants{N: n, Begun: time.Now()}
			if err := target.CallTimed(context.Background(), "", at); err != nil {
				t.Fatal(err)
			}
		}
		return server(t).seen(t, md).Digest
	}
	first := digest(7)
	if second := digest(7); first != second || !strings.Contains(first, "lines") {
		t.Errorf("the same seed sends %s and %s: want the same", first, second)
	}
	if other := digest(8); other == first {
		t.Errorf("another seed sends %s, too", other)
	}
}

// A request can be shown, as it is sent.
func TestARequestIsShown(t *testing.T) {
	target, err := grpctarget.New(varied(t, "127.0.0.1:1"))
	if err != nil {
		t.Fatal(err)
	}
	defer target.Close()
	const uuid = "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
	for name, want := range map[string]string{
		"order": `^/shop.Orders/Create\nx: ` + uuid + `\nx-bin: AAEC\n\n{"id": "(ann|bob \\"b\\" smith|eve)", ` +
			`"amount": \d+, "tags": \["eu", "order"\]}\n$`,
		"talk": `^/shop.Orders/Chat\nx: ` + uuid + `\nx-bin: AAEC\n\n{"id": "(` + uuid + `)", "amount": 0}\n` +
			`\n{"id": "11"}\n` +
			`\n{"id": "` + uuid + `", "amount": 2}\n$`,
		"long":   `^/shop.Orders/Chat\nx: ` + uuid + `\nx-bin: AAEC\n(\n{}\n){10}\n\(and 990 more messages\)\n$`,
		"upload": `^/shop.Orders/Upload\nx: own\nx-bin: AAEC\n\n{}\n$`,
	} {
		t.Run(name, func(t *testing.T) {
			got, err := target.Request(name, 11)
			if err != nil || !regexp.MustCompile(want).Match(got) {
				t.Errorf("%v:\n%s\nwant a match of\n%s", err, got, want)
			}
			again, err := target.Request(name, 11)
			if err != nil || !bytes.Equal(got, again) {
				t.Errorf("%v: and then\n%s", err, again)
			}
		})
	}
}

// Metadata of all requests is merged with that of one; values of -bin are sent as bytes.
func TestMetadataArrives(t *testing.T) {
	o, md := varied(t, server(t).Plain), unique("")
	o.Metadata["id"] = md["id"]
	target := open(t, o)
	if err := target.Call(context.Background(), "upload"); err != nil {
		t.Fatal(err)
	}
	if seen := server(t).seen(t, md); seen.Metadata != `["own"] ["\x00\x01\x02"]` {
		t.Errorf("the server got the metadata %s", seen.Metadata)
	}
}

// A stream of the options is for the methods that stream.
func TestAStreamOfAllRequests(t *testing.T) {
	target := open(t, grpctarget.Options{Address: server(t).Plain, Schema: shop, Metadata: unique("echo"),
		Stream: grpctarget.Stream{Send: 3, Receive: "2"},
		Requests: []grpctarget.Request{{Method: create, Metadata: unique("")}, {Method: upload, Metadata: unique("")},
			{Method: watch, Metadata: unique("count 5")}, {Method: chat}}})
	for name, want := range map[string][2]int{create: {1, 1}, upload: {3, 1}, watch: {1, 2}, chat: {3, 2}} {
		a, err := target.Try(context.Background(), name, 0)
		if err != nil || a.Sent != want[0] || a.Received != want[1] {
			t.Errorf("%s: %+v, %v: want %d sent, %d received", name, a, err, want[0], want[1])
		}
	}
}

// Each request comes up by its weight, and rows that are used once bound the calls.
func TestKeysAndRows(t *testing.T) {
	o := varied(t, server(t).Plain)
	o.Data["users"] = template.Data{CSV: o.Data["users"].CSV, Pick: "unique"}
	target := open(t, o)
	counts := map[string]int{}
	for n := range uint64(10_000) {
		counts[target.Keys().Key(n)]++
	}
	if n := counts["order"]; n < 4_800 || n > 5_200 || len(counts) != 4 || strings.Join(target.Names(), " ") !=
		"order talk upload long" {
		t.Errorf("counts %v: want 50%% for order; names %v", counts, target.Names())
	}
	target.NumberFrom(1)
	if err := target.CallTimed(context.Background(), "order", &bench.Instants{N: 2, Begun: time.Now()}); kind(err) !=
		"no-request" {
		t.Errorf("call 3 of 3 rows: kind %q (%v)", kind(err), err)
	}
	target.NumberFrom(0)
	if file, n := target.UsedOnce(); n != 3 || file != o.Data["users"].CSV {
		t.Errorf("UsedOnce returns %s, %d", file, n)
	}
	for i, want := range []string{"", "", "", "no-request"} {
		if err := target.Call(context.Background(), "order"); kind(err) != want {
			t.Errorf("call %d: kind %q (%v), want %q", i, kind(err), err, want)
		}
	}
}

// A template that is not a message for every call fails the calls that it is not one for.
func TestATemplateThatIsNoMessage(t *testing.T) {
	target := open(t, grpctarget.Options{Address: server(t).Plain, Schema: shop, Method: create,
		Data:     map[string]template.Data{"rows": {CSV: file(t, "rows.csv", "x\n1\nx\n"), Pick: "sequential"}},
		Messages: grpctarget.Messages{`{"amount": {{row.x}}}`}})
	for i, want := range []string{"", "no-request", ""} {
		if err := target.Call(context.Background(), ""); kind(err) != want {
			t.Errorf("call %d: kind %q (%v), want %q", i, kind(err), err, want)
		}
	}
}

// Everything that is wrong is reported at once, with its place.
func TestCheckReportsEverything(t *testing.T) {
	notProto := file(t, "bad.proto", "syntax = \"proto3\";\nmessage X { strin y = 1; }\nmessage Z { foo.Bar y = 1; "+
		"}\n")
	lonely := file(t, "lonely.proto", "syntax = \"proto3\";\nimport \"nosuch.proto\";\n")
	for _, c := range []struct {
		name string
		o    grpctarget.Options
		want []string
	}{
		{"nothing", grpctarget.Options{}, []string{`address is ""`, `requests[0].method is "": want the full name`}},
		{"no port", grpctarget.Options{Address: "localhost"}, []string{`address is "localhost": want host:port`}},
		{"a port that is none", grpctarget.Options{Address: "localhost:http"}, []string{"want host:port"}},
		{"another scheme", grpctarget.Options{Address: "http://x:1"}, []string{"grpc://, grpcs:// or unix://"}},
		{"a path", grpctarget.Options{Address: "grpc://x:1/y"}, []string{"want host:port"}},
		{"no path of a socket", grpctarget.Options{Address: "unix://"}, []string{"want the path of a socket"}},
		{"a variable that is missing", grpctarget.Options{Address: "x:{{port}}"},
			[]string{`address:1:3: "port" is not known`}},
		{"an address that changes", grpctarget.Options{Address: "x:{{n}}"}, []string{"without values that change"}},
		{"TLS without TLS", grpctarget.Options{Address: "grpc://x:1", TLS: dial.TLS{Insecure: true}},
			[]string{"tls is set"}},
		{"a host that is not called", grpctarget.Options{Address: "x:1", Method: create,
			Resolve: map[string]string{"x:1": "127.0.0.1", "x:2": "127.0.0.1", "y": "127.0.0.1"}},
			[]string{`resolve has "x:2", and only "x:1" is called: want x, or x:1`, `resolve has "y", and only`}},
		{"a host of a socket", grpctarget.Options{Address: "unix:///s", Method: create,
			Resolve: map[string]string{"x": "127.0.0.1"}}, []string{`resolve has "x", and address is "unix:///s"`}},
		{"several", grpctarget.Options{Address: "x:1", Authority: "a b", Connections: -1, Streams: 1 << 20,
			MaxMessage: -1,
			Resolve:    map[string]string{"x": "y"}, Schema: grpctarget.Schema{From: "reflexion"},
			Requests: []grpctarget.Request{
				{Name: "a", Method: "Create", Weight: -1, Stream: grpctarget.Stream{Send: -1, Every: -1,
					Receive: "some"}},
				{Name: "a", Method: "shop.Orders.Create", Expect: grpctarget.Expect{Code: "NotFond", MaxLatency: -1}},
				{Name: "b\n", Method: "/shop.Orders/Create", Expect: grpctarget.Expect{Code: "NotFound",
					JSON: map[string]any{".x": 1}}}}},
			[]string{`authority is "a b"`, "connections is -1: want 1 to", "streams is 1048576",
				"maxMessage is -1", `resolve of "x" is "y"`, `schema is "reflexion" (did you mean reflection?)`,
				"requests[0].weight is -1", `requests[0].method is "Create"`, "requests[0].stream.send is -1",
				"requests[0].stream.every is -1ns", `requests[0].stream.receive is "some": want all, or a number`,
				`requests[1].name is "a"`, `requests[1].expect.code is "NotFond" (did you mean NotFound?)`,
				"requests[1].expect.maxLatency is -1ns", `requests[2].name is "b\n"`,
				"requests[2].expect.code is NotFound"}},
		{"metadata", grpctarget.Options{Address: "x:1", Method: create, Metadata: map[string]string{"a b": "c",
			"Grpc-Timeout": "1s", "te": "x", "x-bin": "%", "y": "é", "z": "{{foo}}"}},
			[]string{"metadata.a b: the name is not valid", "metadata.Grpc-Timeout follows from the protocol",
				"metadata.te follows", `metadata.x-bin is "%": want base64`, `metadata.y is "é": want printable ASCII`,
				`metadata.z:1:1: "foo" is not known`}},
		{"templates", grpctarget.Options{Address: "x:1", Method: create, Messages: grpctarget.Messages{"{}",
			"{\n{{foo}}"}},
			[]string{`requests[0].message[1]:2:1: "foo" is not known: want one of n, key, message, uuid`}},
		{"checks", grpctarget.Options{Address: "x:1", Method: create, Expect: grpctarget.Expect{
			JSON: map[string]any{"x": 1}, FirstJSON: map[string]any{"": 1}}},
			[]string{`requests[0].expect.json has the path "x"`, `requests[0].expect.firstJSON has the path ""`}},
		{"data", grpctarget.Options{Address: "x:1", Method: create, Data: map[string]template.Data{"a": {},
			"b": {CSV: "/no"}}},
			[]string{"data.a: csv is empty", "data.b: open /no"}},
		{"two schemas", grpctarget.Options{Address: "x:1", Method: create, Schema: grpctarget.Schema{Protoset: "x",
			Proto: []string{"y"}}}, []string{"schema has several sources"}},
		{"imports alone", grpctarget.Options{Address: "x:1", Method: create, Schema: grpctarget.Schema{
			Import: []string{"y"}}}, []string{"schema has import without proto"}},
		{"no file of protocol buffers", grpctarget.Options{Address: "x:1", Method: create, Schema: grpctarget.Schema{
			Proto: []string{"/nosuch.proto"}}}, []string{"schema.proto: stat /nosuch.proto"}},
		{"a file that is wrong", grpctarget.Options{Address: "x:1", Method: create, Schema: grpctarget.Schema{
			Proto: []string{notProto}}}, []string{"bad.proto:2:13", "bad.proto:3:13"}},
		{"an import that is missing", grpctarget.Options{Address: "x:1", Method: create, Schema: grpctarget.Schema{
			Proto: []string{lonely}}}, []string{"lonely.proto:2:8", "nosuch.proto", "schema.import"}},
		{"no set of descriptors", grpctarget.Options{Address: "x:1", Method: create, Schema: grpctarget.Schema{
			Protoset: notProto}}, []string{"schema.protoset: ", "not a set of descriptors"}},
		{"an empty set of descriptors", grpctarget.Options{Address: "x:1", Method: create, Schema: grpctarget.Schema{
			Protoset: file(t, "empty", "")}}, []string{"describes nothing"}},
		{"methods and messages", grpctarget.Options{Address: "x:1", Schema: shop, Requests: []grpctarget.Request{
			{Method: "shop.Orders/creat"}, {Method: "shop.Order/Create"}, {Method: create,
				Messages: grpctarget.Messages{`{"x": 1}`}},
			{Name: "two", Method: create, Messages: grpctarget.Messages{"{}", "{}"}},
			{Name: "sends", Method: watch, Stream: grpctarget.Stream{Send: 2}},
			{Name: "gets", Method: upload, Stream: grpctarget.Stream{Receive: "2"}}}},
			[]string{`requests[0].method: the service shop.Orders has no method "creat" (did you mean Create?)`,
				`requests[1].method: there is no service "shop.Order" (did you mean shop.Orders?)`,
				`requests[2].message[0]: (line 1:2): unknown field "x"`,
				"requests[3]: /shop.Orders/Create takes one message",
				"requests[4]: /shop.Orders/Watch takes one message", "requests[5].stream.receive is 2"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := c.o.Check()
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error:\n%v\nwant %q", err, want)
				}
			}
			for line := range strings.SplitSeq(err.Error(), "\n") {
				if !strings.HasPrefix(line, "grpctarget: ") && line != "" {
					t.Errorf("the line %q does not begin with grpctarget", line)
				}
			}
		})
	}
}

// A set of descriptors is a schema, with or without the files of google/protobuf; other files must be in it.
func TestAProtoset(t *testing.T) {
	compiler := protocompile.Compiler{Resolver: protocompile.WithStandardImports(
		&protocompile.SourceResolver{ImportPaths: []string{"testdata"}})}
	files, err := compiler.Compile(context.Background(), "shop.proto")
	if err != nil {
		t.Fatal(err)
	}
	lone := protodesc.ToFileDescriptorProto(files[0])
	missing := proto.CloneOf(lone)
	missing.Dependency = append(missing.Dependency, "nosuch.proto")
	for name, c := range map[string]struct {
		set  []*descriptorpb.FileDescriptorProto
		want string
	}{
		"alone":   {[]*descriptorpb.FileDescriptorProto{lone}, ""},
		"missing": {[]*descriptorpb.FileDescriptorProto{missing}, "shop.proto imports nosuch.proto, which is missing"},
	} {
		t.Run(name, func(t *testing.T) {
			raw, err := proto.Marshal(&descriptorpb.FileDescriptorSet{File: c.set})
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(t.TempDir(), "shop.protoset")
			if err := os.WriteFile(path, raw, 0o600); err != nil {
				t.Fatal(err)
			}
			err = grpctarget.Options{Address: "x:1", Method: create, Schema: grpctarget.Schema{Protoset: path},
				Messages: grpctarget.Messages{`{"at": "2026-11-29T00:00:00Z"}`}}.Check()
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("%v: want %q", err, c.want)
			}
		})
	}
}

// Files are found below the directories of imports, and by their own names.
func TestImports(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"api/a.proto": "syntax = \"proto3\"; package a; import \"shared/b.proto\"; service S { rpc M(b.B) " +
			"returns (b.B); }",
		"shared/b.proto": "syntax = \"proto3\"; package b; message B { string x = 1; }",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{filepath.Join(dir, "api/a.proto"), "api/a.proto"} {
		err := grpctarget.Options{Address: "x:1", Method: "a.S/M", Messages: grpctarget.Messages{`{"x": "y"}`},
			Schema: grpctarget.Schema{Proto: []string{name}, Import: []string{dir}}}.Check()
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
