package grpctarget_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/loadgen-go/loadgen/bench/dial"
	"github.com/loadgen-go/loadgen/bench/grpctarget"
	"github.com/loadgen-go/loadgen/bench/template"
)

// A scenario fills the options from YAML, with the names of the JSON tags.
func TestOptionsAreFilledFromYAML(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       grpctarget.Options
	}{
		{"one request", `
address: 127.0.0.1:8080
method: shop.Orders/Chat
schema: reflection
message: '{"id": "{{uuid}}"}'
metadata: {authorization: Bearer x}
stream: {send: 10, every: 10ms, receive: all}
connections: 4
streams: 100
deadline: 1s
tls: {ca: ca.pem}
expect: {code: OK, json: {.state: CREATED}, maxLatency: 500ms}
`, grpctarget.Options{Address: "127.0.0.1:8080", Method: "shop.Orders/Chat",
			Schema:      grpctarget.Schema{From: "reflection"},
			Messages:    grpctarget.Messages{`{"id": "{{uuid}}"}`},
			Metadata:    map[string]string{"authorization": "Bearer x"},
			Stream:      grpctarget.Stream{Send: 10, Every: 10 * time.Millisecond, Receive: "all"},
			Connections: 4, Streams: 100, Deadline: time.Second, TLS: dial.TLS{CA: "ca.pem"},
			Expect: grpctarget.Expect{Code: "OK", JSON: map[string]any{".state": "CREATED"},
				MaxLatency: 500 * time.Millisecond}}},
		{"several", `
address: unix:///run/shop.sock
schema: {proto: [shop.proto], import: [api]}
data:
  users: {csv: users.csv}
requests:
- {name: order, weight: 8, method: shop.Orders/Create, message: ['{}', '{"id": "1"}'], expect: {code: NotFound}}
- {name: watch, method: shop.Orders/Watch, deadline: 2s, metadata: {x: y}, stream: {receive: "3"}}
`, grpctarget.Options{Address: "unix:///run/shop.sock",
			Schema: grpctarget.Schema{Proto: []string{"shop.proto"}, Import: []string{"api"}},
			Data:   map[string]template.Data{"users": {CSV: "users.csv"}},
			Requests: []grpctarget.Request{
				{Name: "order", Weight: 8, Method: "shop.Orders/Create", Messages: grpctarget.Messages{"{}",
					`{"id": "1"}`},
					Expect: grpctarget.Expect{Code: "NotFound"}},
				{Name: "watch", Method: "shop.Orders/Watch", Deadline: 2 * time.Second,
					Metadata: map[string]string{"x": "y"}, Stream: grpctarget.Stream{Receive: "3"}}}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got grpctarget.Options
			if err := yaml.NewDecoder(strings.NewReader(c.text), yaml.Strict()).Decode(&got); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("got\n%+v\nwant\n%+v", got, c.want)
			}
		})
	}
}
