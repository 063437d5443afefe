package scenarios_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/loadgen-go/loadgen/bench/dial"
	"github.com/loadgen-go/loadgen/bench/grpctarget"
	"github.com/loadgen-go/loadgen/bench/template"
	"github.com/loadgen-go/loadgen/scenarios"
)

// ofRequest ignores what package grpctarget keeps in a request for itself.
var ofRequest = cmpopts.IgnoreUnexported(grpctarget.Request{})

const orders = `target: grpc
grpc:
  address: grpcs://shop.local:9090
  authority: shop
  resolve: {shop.local: 127.0.0.1}
  tls: {serverName: shop.local, insecure: true}
  schema: {proto: [PROTO], import: DIR}
  connections: {min: 2, max: 8}
  streams: 50
  connectTimeout: 1s
  maxMessage: 1MiB
  deadline: 2s
  metadata: {authorization: Bearer x, x-number: 7}
  data:
    users: {csv: USERS, pick: sequential}
  requests:
  - {name: create, weight: 8, method: shop.Orders/Create, message: '{"id": "{{row.id}}"}', expect: {code: NotFound}}
  - name: chat
    method: shop.Orders/Chat
    message: ['{"id": "1"}', '{"id": "{{uuid}}"}']
    stream: {send: 10, every: 10ms, receive: 3}
    expect: {json: {.count: 3}, firstJSON: {.id: a}, maxLatency: 500ms}
qps: 100
duration: 1s
quantile: none
`

const ordersProto = `syntax = "proto3";
package shop;
message Order { string id = 1; }
message Answer { string id = 1; int64 count = 2; }
service Orders {
  rpc Create(Order) returns (Answer);
  rpc Chat(stream Order) returns (stream Answer);
}
`

func TestAServiceOfGRPCIsDecodedAndSurvivesJSON(t *testing.T) {
	dir := t.TempDir()
	users, proto := filepath.Join(dir, "users.csv"), filepath.Join(dir, "shop.proto")
	for name, text := range map[string]string{users: "id\n1\n", proto: ordersProto} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want := grpctarget.Options{Address: "grpcs://shop.local:9090", Authority: "shop",
		Resolve: map[string]string{"shop.local": "127.0.0.1"}, TLS: dial.TLS{ServerName: "shop.local", Insecure: true},
		Schema:      grpctarget.Schema{Proto: []string{proto}, Import: []string{dir}},
		Connections: 2, MaxConnections: 8, Streams: 50, ConnectTimeout: time.Second, MaxMessage: 1 << 20,
		Deadline: 2 * time.Second, Metadata: map[string]string{"authorization": "Bearer x", "x-number": "7"},
		Data: map[string]template.Data{"users": {CSV: users, Pick: "sequential"}},
		Requests: []grpctarget.Request{
			{Name: "create", Weight: 8, Method: "shop.Orders/Create",
				Messages: grpctarget.Messages{`{"id": "{{row.id}}"}`}, Expect: grpctarget.Expect{Code: "NotFound"}},
			{Name: "chat", Method: "shop.Orders/Chat",
				Messages: grpctarget.Messages{`{"id": "1"}`, `{"id": "{{uuid}}"}`},
				Stream:   grpctarget.Stream{Send: 10, Every: 10 * time.Millisecond, Receive: "3"},
				Expect: grpctarget.Expect{JSON: map[string]any{".count": uint64(3)},
					FirstJSON: map[string]any{".id": "a"}, MaxLatency: 500 * time.Millisecond}},
		}}
	text := strings.NewReplacer("USERS", users, "PROTO", proto, "DIR", dir).Replace(orders)
	s, err := scenarios.Decode("shop.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&want, s.GRPC, ofRequest); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if cells := s.Cells(); len(cells) != 1 || cells[0].String() != "target=grpc/qps=100" {
		t.Errorf("cells %v", cells)
	}
	encoded, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(dir); err != nil { // a run is read where its files are not
		t.Fatal(err)
	}
	var read scenarios.Scenario
	if err := json.Unmarshal(encoded, &read); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&want, read.GRPC, ofRequest); diff != "" {
		t.Errorf("after JSON: -want +got\n%s\n%s", diff, encoded)
	}
	again, err := json.Marshal(&read)
	if err != nil || string(again) != string(encoded) {
		t.Errorf("%s, %v\nwant %s", again, err, encoded)
	}
	if _, err := scenarios.Decode("run.json", encoded); err == nil || !strings.Contains(err.Error(), "users.csv") {
		t.Errorf("a scenario to run again whose files are missing: %v", err)
	}
}

// The forms that people write mean the same as the fields of the options, also after JSON.
func TestAServiceOfGRPCHasShortForms(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want grpctarget.Options
	}{
		"a schema":      {"schema: reflection", grpctarget.Options{Schema: grpctarget.Schema{From: "reflection"}}},
		"a message":     {"message: '{}'", grpctarget.Options{Messages: grpctarget.Messages{"{}"}}},
		"a list":        {"message: ['{}']", grpctarget.Options{Messages: grpctarget.Messages{"{}"}}},
		"a range":       {"connections: {max: 16}", grpctarget.Options{Connections: 4, MaxConnections: 16}},
		"a low maximum": {"connections: {max: 3}", grpctarget.Options{Connections: 3, MaxConnections: 3}},
		"a number":      {"connections: 5", grpctarget.Options{Connections: 5}},
		"a size":        {"maxMessage: 16MiB", grpctarget.Options{MaxMessage: 16 << 20}},
		"all messages":  {"stream: {receive: all}", grpctarget.Options{Stream: grpctarget.Stream{Receive: "all"}}},
	} {
		t.Run(name, func(t *testing.T) {
			c.want.Address, c.want.Method = "a:1", "shop.Orders/Create"
			s, err := scenarios.Decode("x.yaml", []byte("target: grpc\nqps: 1\nduration: 1s\ngrpc:\n  address: a:1\n"+
				"  method: shop.Orders/Create\n  "+c.text+"\n"))
			if err != nil {
				t.Fatal(err)
			}
			text, err := json.Marshal(s)
			if err != nil {
				t.Fatal(err)
			}
			var read scenarios.Scenario
			if err := json.Unmarshal(text, &read); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(&c.want, s.GRPC) + cmp.Diff(&c.want, read.GRPC); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestWhatIsWrongWithAServiceOfGRPCIsReportedWithItsPlace(t *testing.T) {
	const called = "target: grpc\ngrpc:\n  address: a:1\n  method: a.B/C\n"
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"unknown fields": {called + "  adress: b\n  stream: {sent: 1}\n",
			[]string{`x.yaml:5:3: unknown field "grpc.adress" (did you mean address?): want one of address, authority`,
				`x.yaml:6:12: unknown field "grpc.stream.sent" (did you mean send?): want one of send, every,`}},
		"values": {called + "  deadline: 5\n  streams: many\n  metadata: [a]\n  maxMessage: big\n  message: ~\n",
			[]string{`x.yaml:5:13: grpc.deadline: "5" is not valid: want a duration such as 500ms or 5s`,
				`x.yaml:6:12: grpc.streams: "many" is not valid: want a whole number`,
				`x.yaml:7:13: grpc.metadata is not a mapping: want names with their values`,
				`x.yaml:8:15: grpc.maxMessage: "big" is not valid: want a size such as 16MiB, or a number of bytes`,
				`x.yaml:9:12: grpc.message[0] is empty: want text`}},
		"options": {"target: grpc\ngrpc: {address: 'http://a/', method: C, streams: -1, schema: reflecton}\n",
			[]string{`x.yaml:2:1: grpc: streams is -1: want 1 to 10000`,
				`x.yaml:2:1: grpc: schema is "reflecton" (did you mean reflection?)`,
				`x.yaml:2:1: grpc: requests[0].method is "C": want the full name of a method`,
				`x.yaml:2:1: grpc: address is "http://a/": want host:port`}},
		"a template": {called + "  message: '{{row.id}}'\n",
			[]string{`x.yaml:2:1: grpc: requests[0].message[0]:1:1: row.id needs data: there is none`}},
		"a code": {called + "  expect: {code: NotFond}\n",
			[]string{`x.yaml:2:1: grpc: requests[0].expect.code is "NotFond" (did you mean NotFound?)`}},
		"a host that is not called": {called + "  resolve: {b: 127.0.0.1}\n",
			[]string{`x.yaml:2:1: grpc: resolve has "b", and only "a:1" is called: want a, or a:1`}},
		"two limits": {called + "  connections: {max: 4}\n  maxConnections: 5\n",
			[]string{`x.yaml:6:3: grpc.maxConnections is given beside grpc.connections with min and max: want one`}},
		"no service": {"target: grpc\n", []string{
			`x.yaml:1:1: target is grpc, and there is no service: want a field grpc with its address and method`}},
		"no target": {"grpc: {address: a:1, method: a.B/C}\n",
			[]string{`x.yaml:1:1: grpc describes a service that is not called: want target: grpc beside it`}},
		"the field of the other": {"target: grpc\nhttp: {url: http://a/}\n", []string{
			`x.yaml:1:1: target is grpc, and there is no service: want a field grpc`,
			`x.yaml:2:1: http describes a service that is not called: want target: http beside it`}},
		"beside HTTP": {"target: [http, grpc]\nhttp: {url: http://a/}\ngrpc: {address: a:1, method: a.B/C}\n",
			[]string{`x.yaml:1:1: target is http, grpc: want http alone`,
				`x.yaml:1:1: target is http, grpc: want grpc alone`}},
		"spans": {called + "spans: sdk\nhandlers: {keys: 3}\n",
			[]string{`x.yaml:5:1: spans: it applies to calls in this process: want no field spans with target grpc`,
				`x.yaml:6:12: handlers.keys is about the handlers of the map: want no field handlers with`}},
		"a port of no service": {"target: grpc\ngrpc: {address: '127.0.0.1:{{port}}', method: a.B/C}\n",
			[]string{`x.yaml:2:1: grpc: address`}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := scenarios.Decode("x.yaml", []byte(c.text+"qps: 1\nduration: 1s\n"))
			checkProblems(t, err, c.want)
		})
	}
}

// A service of gRPC that is started has its port in its address.
func TestTheAddressOfAStartedServiceOfGRPCHasItsPort(t *testing.T) {
	s, err := scenarios.Decode("x.yaml", []byte("target: grpc\ngrpc: {address: '127.0.0.1:{{port}}', method: a.B/C, "+
		"metadata: {x-port: '{{port}}'}}\nservice: {command: [./shop], ready: {grpc: ''}}\narms: [{name: a}, "+
		"{name: b, env: {X: 1}}]\nqps: 1\nduration: 1s\n"))
	if err != nil {
		t.Fatal(err)
	}
	if at := s.AnyCalled(); at.Address() != "127.0.0.1:1" || at.GRPC.Vars["port"] != "1" ||
		s.Called().URL() != "127.0.0.1:{{port}}/a.B/C" {
		t.Errorf("%s with %v, and %s", at.Address(), at.GRPC.Vars, s.Called().URL())
	}
	if cells := s.Cells(); len(cells) != 2 || cells[1].String() != "arm=b/qps=1" {
		t.Errorf("cells %v", cells)
	}
}
