package shop_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/loadgen-go/loadgen/scenarios/services/shop"
)

// An output is what a service has written so far.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
	line chan struct{} // gets a value after each write, if there is room
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	defer func() {
		select {
		case o.line <- struct{}{}:
		default:
		}
	}()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// A running is a service that runs.
type running struct {
	url    string
	log    *output
	cancel context.CancelFunc
	ended  chan error
}

var listening = regexp.MustCompile(`listening on (\S+)\n`)

// start runs a service on a free port, with spans made in one way.
func start(t *testing.T, spans string) *running {
	t.Helper()
	t.Setenv("SPANS", spans)
	ctx, cancel := context.WithCancel(t.Context())
	s := &running{log: &output{line: make(chan struct{}, 1)}, cancel: cancel, ended: make(chan error, 1)}
	go func() { s.ended <- shop.Main(ctx, []string{"--listen", "127.0.0.1:0"}, io.Discard, s.log) }()
	for s.url == "" {
		select {
		case err := <-s.ended:
			t.Fatalf("it ended before it listened: %v\n%s", err, s.log)
		case <-s.log.line:
		}
		if found := listening.FindStringSubmatch(s.log.String()); found != nil {
			s.url = "http://" + found[1]
		}
	}
	return s
}

// stop ends the service, and returns what Main does.
func (s *running) stop() error {
	s.cancel()
	return <-s.ended
}

// A request is what a test sends.
type request struct{ method, path, body string }

// send sends a request with a header, and returns the status, the header and the body of the answer.
func (s *running) send(t *testing.T, r request, header http.Header) (int, http.Header, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), r.method, s.url+r.path, strings.NewReader(r.body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header = header
	response, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, response.Header, string(body)
}

func TestEveryWrongSettingIsReported(t *testing.T) {
	for name, row := range map[string]struct {
		args []string
		env  map[string]string
		want []string
	}{
		"unknown spans": {nil, map[string]string{"SPANS": "pool"}, []string{
			`SPANS is "pool": want one of none, sdk, pooled (did you mean pooled?)`}},
		"no port": {nil, map[string]string{"PORT": "http"}, []string{
			`PORT is "http": want a number from 0 to 65535`}},
		"port too large": {nil, map[string]string{"PORT": "65536"}, []string{`PORT is "65536"`}},
		"no address":     {[]string{"--listen", "8080"}, nil, []string{`--listen is "8080": want HOST:PORT`}},
		"unknown flag":   {[]string{"--lisen=:1"}, nil, []string{"flag provided but not defined: -lisen"}},
		"argument":       {[]string{"serve"}, nil, []string{`unexpected argument "serve"`}},
		"unknown step": {nil, map[string]string{"SLOW": "pay=5ms"}, []string{
			`SLOW is "pay=5ms": want a step, which is one of select items, encode items, find item,`}},
		"no time": {nil, map[string]string{"SLOW": "find item"}, []string{`and up to 3s, such as "place order=5ms"`}},
		"several": {[]string{"x"}, map[string]string{"PORT": "-1", "SPANS": "SDK"}, []string{`argument "x"`,
			`PORT is "-1"`, `SPANS is "SDK": want one of none, sdk, pooled (did you mean sdk?)`}},
		"variable of OpenTelemetry, sdk": {nil, map[string]string{"SPANS": "sdk", "OTEL_BSP_SCHEDULE_DELAY": "soon"},
			[]string{`OTEL_BSP_SCHEDULE_DELAY is "soon": want a whole number`}},
		"variable of OpenTelemetry, pooled": {nil, map[string]string{"SPANS": "pooled",
			"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, []string{
			`OTEL_EXPORTER_OTLP_PROTOCOL is "grpc": want http/protobuf`}},
	} {
		t.Run(name, func(t *testing.T) {
			for name, value := range row.env {
				t.Setenv(name, value)
			}
			err := shop.Main(t.Context(), row.args, io.Discard, io.Discard)
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range row.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q is not in\n%v", want, err)
				}
			}
		})
	}
}

func TestAnAddressInUseIsAnErrorWithAdvice(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	err = shop.Main(t.Context(), []string{"--listen", l.Addr().String()}, io.Discard, io.Discard)
	var op *net.OpError
	if !errors.As(err, &op) || !strings.HasSuffix(err.Error(), "want an address that is free, in --listen or PORT") {
		t.Errorf("%v", err)
	}
}

func TestHelpIsPrintedAndServesNothing(t *testing.T) {
	var stdout bytes.Buffer
	if err := shop.Main(t.Context(), []string{"--help"}, &stdout, io.Discard); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"--listen", "PORT", "SPANS", "none (the default), sdk or pooled", "OTEL_"} {
		if !strings.Contains(stdout.String(), want) {
			t.Errorf("%q is not in\n%s", want, &stdout)
		}
	}
}

func TestPortIsWhereItListensWithoutAFlag(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() // keeps the port, so that the error names it
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("PORT", port)
	if err := shop.Main(t.Context(), nil, io.Discard, io.Discard); err == nil ||
		!strings.Contains(err.Error(), "127.0.0.1:"+port) {
		t.Errorf("%v, want an error about 127.0.0.1:%s", err, port)
	}
}

// A request that has begun is answered after the end was asked for.
func TestRequestsThatHaveBegunAreServedToTheEnd(t *testing.T) {
	s := start(t, "none")
	body, more := io.Pipe()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/orders", body)
	if err != nil {
		t.Fatal(err)
	}
	// The client sends the body when the handler reads it.
	req.Header.Set("Expect", "100-continue")
	client := &http.Client{Transport: &http.Transport{ExpectContinueTimeout: time.Hour}}
	answer := make(chan int, 1)
	go func() {
		response, err := client.Do(req)
		if err != nil {
			t.Error(err)
			answer <- 0
			return
		}
		response.Body.Close()
		answer <- response.StatusCode
	}()
	const order = `{"customer": "ada", "lines": [{"item": 17, "quantity": 2}]}`
	if _, err := io.WriteString(more, order[:20]); err != nil { // returns when the client has taken it
		t.Fatal(err)
	}
	s.cancel()
	if _, err := io.WriteString(more, order[20:]); err != nil {
		t.Fatal(err)
	}
	more.Close()
	if status := <-answer; status != http.StatusCreated {
		t.Errorf("status %d", status)
	}
	if err := <-s.ended; err != nil {
		t.Errorf("%v\n%s", err, s.log)
	}
}
