package httptarget_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/loadgen-go/loadgen/bench/httptarget"
)

// A scenario fills the options from YAML, with the names of the JSON tags.
func TestOptionsAreFilledFromYAML(t *testing.T) {
	const text = `
url: https://shop.local:8443
protocol: h2
connections: 16
streams: 50
resolve: {shop.local: 127.0.0.1}
tls: {ca: ca.pem, serverName: shop.local}
timeout: {connect: 1s, headers: 2s, total: 5s}
maxBody: 1048576
headers: {Authorization: 'Bearer x'}
data:
  users: {csv: users.csv, pick: sequential}
requests:
- {name: list, weight: 8, path: /items, expect: {status: [200], bodyMatches: items}}
- name: order
  method: POST
  body: '{"id": "{{uuid}}"}'
  expect: {status: [201, 202], json: {.state: created}, maxLatency: 500ms}
- {name: file, body: {file: order.json, template: true}}
`
	want := httptarget.Options{URL: "https://shop.local:8443", Protocol: httptarget.H2, Connections: 16, Streams: 50,
		Resolve: map[string]string{"shop.local": "127.0.0.1"},
		TLS:     httptarget.TLS{CA: "ca.pem", ServerName: "shop.local"},
		Timeout: httptarget.Timeout{Connect: time.Second, Headers: 2 * time.Second, Total: 5 * time.Second},
		MaxBody: 1 << 20, Headers: map[string]string{"Authorization": "Bearer x"},
		Data: map[string]httptarget.Data{"users": {CSV: "users.csv", Pick: "sequential"}},
		Requests: []httptarget.Request{
			{Name: "list", Weight: 8, Path: "/items",
				Expect: httptarget.Expect{Status: []int{200}, BodyMatches: "items"}},
			{Name: "order", Method: "POST", Body: httptarget.Body{Text: `{"id": "{{uuid}}"}`},
				Expect: httptarget.Expect{Status: []int{201, 202}, JSON: map[string]any{".state": "created"},
					MaxLatency: 500 * time.Millisecond}},
			{Name: "file", Body: httptarget.Body{File: "order.json", Template: true}},
		}}
	var got httptarget.Options
	if err := yaml.NewDecoder(strings.NewReader(text), yaml.Strict()).Decode(&got); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
}
