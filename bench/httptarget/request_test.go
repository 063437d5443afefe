package httptarget_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/bench/httptarget"
)

const users = "id,name\n1,ann\n2,\"bob smith\"\n3,eve\n"

// varied are options whose requests differ from call to call.
func varied(t testing.TB, url string) httptarget.Options {
	t.Helper()
	return httptarget.Options{URL: url, Seed: 7, Vars: map[string]string{"region": "eu"},
		Headers: map[string]string{"X": "{{uuid}}", "host": "shop.test"},
		Data:    map[string]httptarget.Data{"users": {CSV: file(t, "users.csv", users)}},
		Requests: []httptarget.Request{
			{Name: "list", Weight: 3, Path: "/echo/items?user={{row.name}}&r={{region}}"},
			{Name: "order", Path: "/echo/orders", Body: httptarget.Body{Text: `{"user": {{row.users.id}}, ` +
				`"n": {{n}}, "amount": {{int -5 5}}, "key": "{{key}}", "brace": "{{"{{"}}"}`}},
			{Name: "update", Method: "PUT", Path: "/echo/{{int 1 9}}", Headers: map[string]string{"X": "own"}},
		}}
}

// The same seed makes the same bytes, call by call, however often and by whatever arm; another seed does not.
func TestTheSeedAndTheNumberMakeTheRequest(t *testing.T) {
	var all [2]bytes.Buffer
	for i := range all {
		target, err := httptarget.New(varied(t, "http://host.test"))
		if err != nil {
			t.Fatal(err)
		}
		for n := range uint64(100) {
			request, err := target.Request("", n)
			if err != nil {
				t.Fatal(err)
			}
			all[i].Write(request)
		}
	}
	if !bytes.Equal(all[0].Bytes(), all[1].Bytes()) {
		t.Error("two targets with the same seed make different requests")
	}
	other := varied(t, "http://host.test")
	other.Seed = 8
	target, err := httptarget.New(other)
	if err != nil {
		t.Fatal(err)
	}
	request, err := target.Request("order", 0)
	if err != nil || bytes.Contains(all[0].Bytes(), request) {
		t.Errorf("seed 8 makes a request that seed 7 makes too, %v:\n%s", err, request)
	}
}

func TestARequestIsWrittenAsHTTP(t *testing.T) {
	target, err := httptarget.New(varied(t, "http://host.test/"))
	if err != nil {
		t.Fatal(err)
	}
	const uuid = "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
	for name, want := range map[string]string{
		"list": `^GET /echo/items\?user=(ann|bob%20smith|eve)&r=eu HTTP/1.1\r\nHost: shop.test\r\n` +
			`User-Agent: loadgen\r\nX: ` + uuid + `\r\n\r\n$`,
		"order": `^POST /echo/orders HTTP/1.1\r\nHost: shop.test\r\nUser-Agent: loadgen\r\nX: ` + uuid +
			`\r\nContent-Length: \d+\r\n\r\n{"user": [123], "n": 11, "amount": -?[0-5], ` +
			`"key": "order", "brace": "{{"}$`,
		"update": `^PUT /echo/[1-9] HTTP/1.1\r\nHost: shop.test\r\nUser-Agent: loadgen\r\nX: own\r\n` +
			`Content-Length: 0\r\n\r\n$`,
	} {
		t.Run(name, func(t *testing.T) {
			got, err := target.Request(name, 11)
			if err != nil || !regexp.MustCompile(want).Match(got) {
				t.Errorf("%v:\n%q\nwant a match of\n%q", err, got, want)
			}
			r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(got)))
			if err != nil {
				t.Fatal(err)
			}
			if body, err := io.ReadAll(r.Body); err != nil || int64(len(body)) != r.ContentLength {
				t.Errorf("a body of %d bytes, %v: want %d", len(body), err, r.ContentLength)
			}
		})
	}
}

// What Target.Request shows is what a call sends.
func TestTheBytesSentAreTheRequestShown(t *testing.T) {
	received := make(chan []byte, 10)
	address := listens(t, func(c net.Conn) {
		var all bytes.Buffer
		from := bufio.NewReader(io.TeeReader(c, &all))
		for {
			r, err := http.ReadRequest(from)
			if err != nil {
				return
			}
			_, _ = io.Copy(io.Discard, r.Body)
			received <- bytes.Clone(all.Bytes())
			all.Reset()
			_, _ = io.WriteString(c, okAnswer)
		}
	})
	target := open(t, varied(t, "http://"+address))
	for n := range uint64(10) {
		at := &bench.Instants{N: n, Begun: time.Now()}
		if err := target.CallTimed(context.Background(), "", at); err != nil {
			t.Fatal(err)
		}
		want, err := target.Request("", n)
		if got := <-received; err != nil || !bytes.Equal(got, want) {
			t.Errorf("call %d sent\n%s\nand Request returns\n%s", n, got, want)
		}
	}
}

// All codecs send the same method, path, headers and body.
func TestAllCodecsSendTheSameRequest(t *testing.T) {
	o := varied(t, "http://"+server(t).Plain)
	o.Requests[1].Expect.BodyMatches = `^POST /echo/orders host=shop.test agent=loadgen x=[0-9a-f-]{36} ` +
		`body={"user": 1, "n": 3, "amount": -?\d, "key": "order", "brace": "{{"}$`
	shown := map[string]bool{}
	everyCodec(t, false, func(t *testing.T, c codec) {
		o := o
		c.set(&o)
		target := open(t, o)
		at := &bench.Instants{N: 3, Begun: time.Now()}
		err := target.CallTimed(context.Background(), "order", at)
		if err != nil {
			o.Requests[1].Expect.BodyMatches = "nothing" // to see what it was
		}
		shown[fmt.Sprint(err)] = true
	})
	if len(shown) != 1 || !shown["<nil>"] {
		t.Errorf("%v: want no errors", shown)
	}
}

// Each request comes up by its weight, and its calls are counted by key.
func TestRequestsComeUpByWeight(t *testing.T) {
	o := varied(t, "http://"+server(t).Plain)
	target, err := httptarget.New(o)
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]int{}
	for n := range uint64(10_000) {
		counts[target.Keys().Key(n)]++
	}
	if n := counts["list"]; n < 5_800 || n > 6_200 || len(counts) != 3 {
		t.Errorf("counts %v: want 60%% for list", counts)
	}
	if err := target.Call(context.Background(), "other"); kind(err) != "no-request" {
		t.Errorf("kind %q (%v), want no-request", kind(err), err)
	}
}

func TestRowsArePickedInTurnOrOnce(t *testing.T) {
	rows := func(pick string) (*httptarget.Target, error) {
		return httptarget.New(httptarget.Options{URL: "http://host.test",
			Data:     map[string]httptarget.Data{"users": {CSV: file(t, "users.csv", users), Pick: pick}},
			Requests: []httptarget.Request{{Path: "/{{row.id}}/{{row.users.id}}"}}})
	}
	for pick, want := range map[string]string{
		"sequential": "/1/1 /2/2 /3/3 /1/1 ", "unique": "/1/1 /2/2 /3/3 no-request ",
	} {
		t.Run(pick, func(t *testing.T) {
			target, err := rows(pick)
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			for n := range uint64(4) {
				request, err := target.Request("", n)
				if err != nil {
					got += kind(err) + " "
					continue
				}
				got += strings.Fields(string(request))[1] + " "
			}
			if got != want {
				t.Errorf("%s, want %s", got, want)
			}
			if name, n := target.UsedOnce(); (name != "") != (pick == "unique") || name != "" && n != 3 {
				t.Errorf("UsedOnce returns %q, %d", name, n)
			}
		})
	}
	if _, err := rows("some"); err == nil || !strings.Contains(err.Error(), "random, sequential, unique") {
		t.Errorf("error %v: want the ways to pick", err)
	}
}

// Runs of a target that begin where others ended use other rows.
func TestNumbersOfCallsGoOnFromRunToRun(t *testing.T) {
	expect := httptarget.Expect{BodyMatches: "^GET /echo/[34] "}
	target := open(t, httptarget.Options{URL: "http://" + server(t).Plain,
		Data:     map[string]httptarget.Data{"ids": {CSV: file(t, "ids.csv", "id\n1\n2\n3\n4\n"), Pick: "unique"}},
		Requests: []httptarget.Request{{Path: "/echo/{{row.id}}", Expect: expect}}})
	target.NumberFrom(2)
	for n, want := range []string{"", "", "no-request"} {
		at := &bench.Instants{N: uint64(n), Begun: time.Now()}
		if err := target.CallTimed(t.Context(), "", at); kind(err) != want {
			t.Errorf("call %d: %v, want %q", n, err, want)
		}
	}
}

func TestRedirectsAreFollowedIfAskedFor(t *testing.T) {
	for _, c := range []struct {
		name, method, path string
		redirects, status  int
		body, want         string
	}{
		{"none", "GET", "/redirect/3", 0, 302, "", ""},
		{"to the end", "GET", "/redirect/3", 3, 200, "GET", ""},
		{"not to the end", "GET", "/redirect/3", 2, 302, "", ""},
		{"a POST becomes a GET", "POST", "/redirect/1", 1, 200, "GET", ""},
		{"elsewhere", "GET", "/elsewhere", 1, 0, "", "redirect"},
	} {
		t.Run(c.name, func(t *testing.T) {
			everyCodec(t, false, func(t *testing.T, codec codec) {
				o := httptarget.Options{URL: "http://" + server(t).Plain, Redirects: c.redirects,
					Requests: []httptarget.Request{{Method: c.method, Path: c.path,
						Expect: httptarget.Expect{Status: []int{c.status}, Body: c.body}}}}
				if c.status == 0 {
					o.Requests[0].Expect.Status = nil
				}
				codec.set(&o)
				target := open(t, o)
				for range 2 { // the second after a request was changed
					if err := target.Call(context.Background(), ""); kind(err) != c.want {
						t.Errorf("kind %q (%v), want %q", kind(err), err, c.want)
					}
				}
				if n := target.Connections(); n.Opened != 1 {
					t.Errorf("%d connections: want 1", n.Opened)
				}
			})
		})
	}
}

func TestABodyFromAFile(t *testing.T) {
	s := server(t)
	name := file(t, "order.json", `{"n": "{{n}}"}`)
	for text, b := range map[string]httptarget.Body{
		`{"n": "{{n}}"}`: {File: name}, `{"n": "0"}`: {File: name, Template: true},
	} {
		expect := httptarget.Expect{BodyMatches: "^POST .* body=" + regexp.QuoteMeta(text) + "$"}
		target := open(t, httptarget.Options{URL: "http://" + s.Plain,
			Requests: []httptarget.Request{{Path: "/echo/", Body: b, Expect: expect}}})
		if err := target.Call(context.Background(), ""); err != nil {
			t.Error(err)
		}
	}
}

func TestAnswersAreChecked(t *testing.T) {
	s := server(t)
	for _, c := range []struct {
		name, path string
		expect     httptarget.Expect
		want       string
	}{
		{"a status", "/status/404", httptarget.Expect{Status: []int{404}}, ""},
		{"another status", "/ok", httptarget.Expect{Status: []int{201, 202}}, "status 200"},
		{"the body", "/ok", httptarget.Expect{Body: body64}, ""},
		{"another body", "/ok", httptarget.Expect{Body: "other"}, "check body"},
		{"a part of the body", "/ok", httptarget.Expect{BodyMatches: "f01"}, ""},
		{"no part of the body", "/ok", httptarget.Expect{BodyMatches: "^f01"}, "check body"},
		{"JSON", "/json", httptarget.Expect{JSON: map[string]any{".state": "created", ".items[0].id": 7, ".n": 1,
			".items[0].tags": []any{"a"}, ".items": []any{map[string]any{"id": 7, "tags": []string{"a"}}}}}, ""},
		{"another value", "/json", httptarget.Expect{JSON: map[string]any{".state": "gone"}}, "check json .state"},
		{"another type", "/json", httptarget.Expect{JSON: map[string]any{".items[0].id": "7"}},
			"check json .items[0].id"},
		{"no value", "/json", httptarget.Expect{JSON: map[string]any{".items[1]": 1}}, "check json .items[1]"},
		{"a name in a list", "/json", httptarget.Expect{JSON: map[string]any{".items.id": 1}}, "check json .items.id"},
		{"no JSON", "/ok?x", httptarget.Expect{JSON: map[string]any{".": 1}}, "check json"},
		{"fast enough", "/ok", httptarget.Expect{MaxLatency: time.Hour}, ""},
		{"too slow", "/ok", httptarget.Expect{MaxLatency: 1}, "check latency"},
	} {
		t.Run(c.name, func(t *testing.T) {
			everyCodec(t, false, func(t *testing.T, codec codec) {
				o := httptarget.Options{URL: "http://" + s.Plain,
					Requests: []httptarget.Request{{Path: c.path, Expect: c.expect}}}
				codec.set(&o)
				err := open(t, o).Call(context.Background(), "")
				if kind(err) != c.want {
					t.Errorf("kind %q (%v), want %q", kind(err), err, c.want)
				}
			})
		})
	}
}

// The latency that is checked counts from when the call was due.
func TestTheLatencyCheckedIncludesLag(t *testing.T) {
	target := open(t, httptarget.Options{URL: "http://" + server(t).Plain,
		Requests: []httptarget.Request{{Expect: httptarget.Expect{MaxLatency: time.Minute}}}})
	for lag, want := range map[time.Duration]string{0: "", time.Minute: "check latency"} {
		at := &bench.Instants{Begun: time.Now(), Lag: lag}
		if err := target.CallTimed(context.Background(), "", at); kind(err) != want {
			t.Errorf("lag %v: kind %q (%v), want %q", lag, kind(err), err, want)
		}
	}
}

// The errors of failed checks show the beginning of the body.
func TestErrorsShowTheBody(t *testing.T) {
	everyCodec(t, false, func(t *testing.T, c codec) {
		o := httptarget.Options{URL: "http://" + server(t).Plain + "/status/500"}
		c.set(&o)
		err := open(t, o).Call(context.Background(), "")
		if err == nil || !strings.Contains(err.Error(), `the body begins with "sorry: 500"`) {
			t.Errorf("error %v: want the body", err)
		}
	})
}

func TestOptionsThatAreWrongAreAllReported(t *testing.T) {
	csv := file(t, "users.csv", users)
	for _, c := range []struct {
		name string
		o    httptarget.Options
		want []string
	}{
		{"nothing", httptarget.Options{}, []string{`url is ""`}},
		{"a URL without a scheme", httptarget.Options{URL: "localhost:8080"},
			[]string{"want http:// or https:// and a host"}},
		{"another scheme", httptarget.Options{URL: "ftp://x"}, []string{"want http:// or https:// and a host"}},
		{"a URL that is none", httptarget.Options{URL: "http://[::1"}, []string{"want one such as http://"}},
		{"a port", httptarget.Options{URL: "http://x:99999/"}, []string{"want a port from 1 to 65535"}},
		{"the port 0", httptarget.Options{URL: "http://x:0"}, []string{"want a port from 1 to 65535"}},
		{"a fragment", httptarget.Options{URL: "http://x/#y"}, []string{"without the part after #"}},
		{"a blank", httptarget.Options{URL: "http://x/?a b"}, []string{"percent-encoded"}},
		{"a host beyond ASCII", httptarget.Options{URL: "http://é.test"}, []string{"Punycode"}},
		{"a line break", httptarget.Options{URL: "http://x", Headers: map[string]string{"X": "a\r\nb: c"}},
			[]string{"headers.X has a line break"}},
		{"a placeholder", httptarget.Options{URL: "http://x:{{port}}/"}, []string{"want placeholders in the paths " +
			"of requests, not in the url, where only {{port}} may stand, if loadgen starts the service"}},
		{"the address of another host", httptarget.Options{URL: "http://x/", Resolve: map[string]string{
			"x": "127.0.0.1", "x:80": "127.0.0.1", "y": "127.0.0.1"}},
			[]string{`resolve has "y", and only "http://x/" is called: want x, or x:80`}},
		{"a password", httptarget.Options{URL: "http://u:p@x"}, []string{"want them in headers"}},
		{"several", httptarget.Options{URL: "http://x", Protocol: "h3", Connections: -1, Streams: 1 << 20, Reuse: -1,
			Redirects: 1000, MaxBody: -1, Resolve: map[string]string{"x": "y"},
			Headers:  map[string]string{"a b": "c", "connection": "close"},
			Requests: []httptarget.Request{{Path: "x", Weight: -1, Method: "G T"}, {Path: "x"}}},
			[]string{`protocol is "h3": want one of auto, http/1.1, h2, h2c`, "connections is -1: want 1 to",
				"streams is 1048576", "reuse is -1", "redirects is 1000", "maxBody is -1", `resolve of "x" is "y"`,
				`headers has the name "a b"`, "headers has connection", "requests[0].weight is -1",
				`requests[0].method is "G T"`, `requests[0].path is "x"`, `requests[1].path is "x"`}},
		{"fewer than the first connections", httptarget.Options{URL: "http://x", Connections: 8, MaxConnections: 4},
			[]string{"maxConnections is 4: want 8 to"}},
		{"names twice", httptarget.Options{URL: "http://x", Requests: []httptarget.Request{{}, {}}},
			[]string{`requests[1].name is "GET"`}},
		{"a name with a line break",
			httptarget.Options{URL: "http://x", Requests: []httptarget.Request{{Name: "a\nb"}}},
			[]string{"requests[0].name is \"a\\nb\": want it without control characters"}},
		{"h2 without TLS", httptarget.Options{URL: "http://x", Protocol: httptarget.H2},
			[]string{"want protocol h2c"}},
		{"h2c with TLS", httptarget.Options{URL: "https://x", Protocol: httptarget.H2C},
			[]string{"want protocol h2"}},
		{"TLS without TLS", httptarget.Options{URL: "http://x", TLS: httptarget.TLS{Insecure: true}},
			[]string{"tls is set, and url is http://"}},
		{"two bodies", httptarget.Options{URL: "http://x",
			Requests: []httptarget.Request{{Body: httptarget.Body{Text: "x", File: "y"}}}},
			[]string{"a text and a file"}},
		{"no file", httptarget.Options{URL: "http://x",
			Requests: []httptarget.Request{{Body: httptarget.Body{File: "/nosuch"}}}},
			[]string{"requests[0].body: open /nosuch"}},
		{"templates", httptarget.Options{URL: "http://x", Data: map[string]httptarget.Data{"users": {CSV: csv}},
			Headers: map[string]string{"X": "{{env \"NO_SUCH_VARIABLE\"}}"},
			Requests: []httptarget.Request{
				{Name: "a", Path: "/{{row.nosuch}}"}, {Name: "b", Body: httptarget.Body{Text: "x\nyy{{foo}}"}}}},
			[]string{"headers.X:1:1: the environment variable NO_SUCH_VARIABLE is not set"}},
		{"checks", httptarget.Options{URL: "http://x", Requests: []httptarget.Request{{Expect: httptarget.Expect{
			Status: []int{99}, BodyMatches: "(", JSON: map[string]any{"x": 1, "": 2}, MaxLatency: -1}}}},
			[]string{"requests[0].expect.status has 99", "bodyMatches", `json has the path "x"`,
				`json has the path ""`, "maxLatency is -1ns"}},
		{"data", httptarget.Options{URL: "http://x", Data: map[string]httptarget.Data{"a": {}, "b": {CSV: "/nosuch"},
			"c": {CSV: file(t, "one.csv", "id\n")}, "d": {CSV: file(t, "bad.csv", "id,b\n1\n")},
			"e": {CSV: file(t, "twice.csv", "id,id\n1,2\n")}}},
			[]string{"data.a: csv is empty", "data.b: open /nosuch", "data.c:", "has 1 rows", "data.d:",
				"record on line 2", `data.e:`, `two columns have the name "id"`}},
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
		})
	}
}

func TestAnEnvironmentVariableAndAFileInATemplate(t *testing.T) {
	t.Setenv("LOADGEN_TEST_TOKEN", "secret")
	name := file(t, "body", "from a file")
	target, err := httptarget.New(httptarget.Options{URL: "http://x",
		Headers:  map[string]string{"Authorization": `Bearer {{env "LOADGEN_TEST_TOKEN"}}`},
		Requests: []httptarget.Request{{Body: httptarget.Body{Text: `{{file "` + name + `"}}`}}}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := target.Request("", 0)
	if want := "Authorization: Bearer secret"; err != nil || !strings.Contains(string(got), want) ||
		!strings.HasSuffix(string(got), "\r\n\r\nfrom a file") {
		t.Errorf("%v:\n%s\nwant %s and the file", err, got, want)
	}
	if _, err := os.Stat(name); err != nil {
		t.Error(err)
	}
}
