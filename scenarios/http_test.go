package scenarios_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/loadgen-go/loadgen/bench/httptarget"
	"github.com/loadgen-go/loadgen/scenarios"
)

const shop = `target: http
http:
  url: https://shop.local:8443
  protocol: h2
  connections: 16
  streams: 50
  resolve: {shop.local: 127.0.0.1}
  tls: {serverName: shop.local, insecure: true}
  timeout: {connect: 1s, headers: 2s, total: 5s}
  maxBody: 1_048_576
  headers: {Authorization: 'Bearer x', X-Number: 7}
  data:
    users: {csv: USERS, pick: sequential}
  requests:
  - {name: list, weight: 8, path: /items, expect: {status: 200, bodyMatches: items}}
  - name: order
    method: POST
    body: '{"id": "{{uuid}}", "user": "{{row.id}}"}'
    expect: {status: [201, 202], json: {.state: created, .n: 3}, maxLatency: 500ms}
qps: 100
duration: 1s
quantile: none
`

var shopOptions = httptarget.Options{
	URL: "https://shop.local:8443", Protocol: httptarget.H2, Connections: 16, Streams: 50,
	Resolve: map[string]string{"shop.local": "127.0.0.1"},
	TLS:     httptarget.TLS{ServerName: "shop.local", Insecure: true},
	Timeout: httptarget.Timeout{Connect: time.Second, Headers: 2 * time.Second, Total: 5 * time.Second},
	MaxBody: 1 << 20, Headers: map[string]string{"Authorization": "Bearer x", "X-Number": "7"},
	Requests: []httptarget.Request{
		{Name: "list", Weight: 8, Path: "/items", Expect: httptarget.Expect{Status: []int{200}, BodyMatches: "items"}},
		{Name: "order", Method: "POST", Body: httptarget.Body{Text: `{"id": "{{uuid}}", "user": "{{row.id}}"}`},
			Expect: httptarget.Expect{Status: []int{201, 202}, MaxLatency: 500 * time.Millisecond,
				JSON: map[string]any{".state": "created", ".n": uint64(3)}}},
	}}

func TestAServiceIsDecodedAndSurvivesJSON(t *testing.T) {
	users := filepath.Join(t.TempDir(), "users.csv")
	if err := os.WriteFile(users, []byte("id\n1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	want := shopOptions
	want.Data = map[string]httptarget.Data{"users": {CSV: users, Pick: "sequential"}}
	s, err := scenarios.Decode("shop.yaml", []byte(strings.Replace(shop, "USERS", users, 1)))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&want, s.HTTP); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if cells := s.Cells(); len(cells) != 1 || cells[0].String() != "target=http/qps=100" {
		t.Errorf("cells %v", cells)
	}
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var read scenarios.Scenario
	if err := os.Remove(users); err != nil { // a run is read where its files are not
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &read); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&want, read.HTTP); diff != "" {
		t.Errorf("after JSON: -want +got\n%s\n%s", diff, text)
	}
	again, err := json.Marshal(&read)
	if err != nil || string(again) != string(text) {
		t.Errorf("%s, %v\nwant %s", again, err, text)
	}
	if _, err := scenarios.Decode("run.json", text); err == nil || !strings.Contains(err.Error(), "users.csv") {
		t.Errorf("a scenario to run again whose file is missing: %v", err)
	}
}

// The forms that people write mean the same as the fields of the options, also after JSON.
func TestAServiceHasShortForms(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want httptarget.Options
	}{
		"a range": {"connections: {min: 16, max: 1024}", httptarget.Options{Connections: 16,
			MaxConnections: 1024}},
		"a minimum":      {"connections: {min: 4}", httptarget.Options{Connections: 4}},
		"a maximum":      {"connections: {max: 1024}", httptarget.Options{Connections: 16, MaxConnections: 1024}},
		"a low maximum":  {"connections: {max: 3}", httptarget.Options{Connections: 3, MaxConnections: 3}},
		"a number":       {"connections: 5", httptarget.Options{Connections: 5}},
		"always":         {"reuse: always", httptarget.Options{}},
		"never":          {"reuse: never", httptarget.Options{Reuse: 1}},
		"a hundred":      {"reuse: 1_00", httptarget.Options{Reuse: 100}},
		"MiB":            {"maxBody: 16MiB", httptarget.Options{MaxBody: 16 << 20}},
		"MB":             {"maxBody: 16 MB", httptarget.Options{MaxBody: 16e6}},
		"bytes":          {"maxBody: 16B", httptarget.Options{MaxBody: 16}},
		"bytes, no unit": {"maxBody: 1_000", httptarget.Options{MaxBody: 1000}},
		"total":          {"timeout: 5s", httptarget.Options{Timeout: httptarget.Timeout{Total: 5 * time.Second}}},
	} {
		t.Run(name, func(t *testing.T) {
			c.want.URL = "http://a/"
			s, err := scenarios.Decode("x.yaml", []byte("target: http\nqps: 1\nduration: 1s\nhttp:\n  url: "+
				"http://a/\n  "+
				c.text+"\n"))
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
			if diff := cmp.Diff(&c.want, s.HTTP) + cmp.Diff(&c.want, read.HTTP); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestWhatIsWrongWithAServiceIsReportedWithItsPlace(t *testing.T) {
	const rest = "qps: 1\nduration: 1s\n"
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"unknown fields": {"target: http\nhttp:\n  url: http://a/\n  protocl: h2\n  tls: {insecur: true}\n",
			[]string{`x.yaml:4:3: unknown field "http.protocl" (did you mean protocol?): want one of url, protocol, `,
				`x.yaml:5:9: unknown field "http.tls.insecur" (did you mean insecure?): want one of ca, cert, `}},
		"values": {"target: http\nhttp:\n  url: http://a/\n  connections: many\n  netHTTP: 3\n" +
			"  timeout: {total: 5}\n  headers: [a]\n  redirects: ~\n  requests: [1]\n",
			[]string{`x.yaml:4:16: http.connections: "many" is not valid: want a whole number`,
				`x.yaml:5:12: http.netHTTP: "3" is not valid: want true or false`,
				`x.yaml:6:20: http.timeout.total: "5" is not valid: want a duration such as 500ms or 5s`,
				`x.yaml:7:12: http.headers is not a mapping: want names with their values`,
				`x.yaml:8:14: http.redirects is empty: want a whole number`,
				`x.yaml:9:14: http.requests[0] is not a mapping: want fields such as name, weight, `}},
		"twice": {"target: http\nhttp: {url: http://a/, url: http://b/}\n",
			[]string{`x.yaml:2:24: http.url is given twice: want it once`}},
		"no mapping": {"target: http\nhttp: http://a/\n",
			[]string{`x.yaml:2:7: http is not a mapping: want fields such as url, protocol, `}},
		"options": {"target: http\nhttp:\n  url: ftp://a/\n  redirects: -1\n",
			[]string{`x.yaml:2:1: http: url is "ftp://a/": want http:// or https:// and a host`,
				`x.yaml:2:1: http: redirects is -1: want 0 to 100`}},
		"forms": {"target: http\nhttp:\n  url: http://a/\n  reuse: often\n  maxBody: 16Mib\n  timeout: 5\n" +
			"  connections: {min: 8, max: 4}\n",
			[]string{`x.yaml:4:10: http.reuse: "often" is not valid: want always, never, or a number of requests`,
				`x.yaml:5:12: http.maxBody: "16Mib" is not valid: want a size such as 16MiB, or a number of bytes`,
				`x.yaml:6:12: http.timeout: "5" is not valid: want a duration such as 500ms or 5s`,
				`x.yaml:7:16: http.connections has the min 8 and the max 4: want 1 or more, and max not below min`}},
		"two limits": {"target: http\nhttp:\n  url: http://a/\n  connections: {max: 4}\n  maxConnections: 5\n",
			[]string{`x.yaml:5:3: http.maxConnections is given beside http.connections with min and max: want one`}},
		"a range of connections": {"target: http\nhttp:\n  url: http://a/\n  connections: {min: x, mux: 4}\n",
			[]string{`x.yaml:4:22: http.connections.min: "x" is not valid: want a whole number`,
				`x.yaml:4:25: unknown field "http.connections.mux" (did you mean max?): want one of min, max`}},
		"a size that is too large": {"target: http\nhttp: {url: http://a/, maxBody: 9999999999GiB, reuse: -1}\n",
			[]string{`x.yaml:2:33: http.maxBody: "9999999999GiB" is not valid`,
				`x.yaml:2:55: http.reuse: "-1" is not valid`}},
		"no service": {"target: http\n", []string{
			`x.yaml:1:1: target is http, and there is no service: want a field http`,
		}},
		"no target": {"http: {url: http://a/}\n",
			[]string{`x.yaml:1:1: http describes a service that is not called: want target: http beside it`}},
		"beside the map": {"target: [map, http]\nhttp: {url: http://a/}\n",
			[]string{`x.yaml:1:1: target is map, http: want http alone`}},
		"ways of making spans": {"target: http\nhttp: {url: http://a/}\nspans: [sdk, pooled]\n",
			[]string{`x.yaml:3:1: spans: it applies to calls in this process: want no field spans with target http`}},
		"spans": {"target: http\nhttp: {url: http://a/}\nspans: sdk\nlive: true\nhandlers: {keys: 3}\nmetrics: own\n",
			[]string{`x.yaml:3:1: spans: it applies to calls in this process: want no field spans with target http`,
				`x.yaml:4:1: live: it puts estimators on the path of calls in this process`,
				`x.yaml:5:12: handlers.keys is about the handlers of the map`,
				`x.yaml:6:1: metrics applies to the map only: want no field metrics with target http`}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := scenarios.Decode("x.yaml", []byte(c.text+rest))
			checkProblems(t, err, c.want)
		})
	}
}

// checkProblems checks that an error has problems that begin with these texts, one in a line, and no others.
func checkProblems(t *testing.T, err error, want []string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != len(want) {
		t.Fatalf("got\n%v\nwant %d problems", err, len(want))
	}
	for i, want := range want {
		if !strings.HasPrefix(lines[i], want) {
			t.Errorf("problem %d:\n%s\nwant\n%s", i+1, lines[i], want)
		}
	}
}
