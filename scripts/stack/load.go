package main

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/bench/pace"
	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/bench/schedule"
)

// A step is a span that the service makes within that of a request.
type step struct {
	name  string
	fails bool
}

// A kind is a kind of request, and what the service does with it.
type kind struct {
	name   string
	weight float64
	method string
	path   func(*rand.Rand) string
	body   func(*rand.Rand) string // nil: none
	status int
	route  string // as Gin has it; "" if none matches
	steps  []step
}

// always returns a function that returns a text.
func always(text string) func(*rand.Rand) string {
	return func(*rand.Rand) string { return text }
}

// number returns a function that returns a text with a number from least to most.
func number(format string, least, most int) func(*rand.Rand) string {
	return func(r *rand.Rand) string { return fmt.Sprintf(format, least+r.IntN(most-least+1)) }
}

// kinds are the requests of the load. One in eight fails, in each way that a client can make the service fail.
var kinds = []kind{
	{"list", 6, "GET", number("/items?after=%d&limit=20", 0, 900), nil, 200, "/items",
		[]step{{"select items", false}, {"encode items", false}}},
	{"item", 16, "GET", number("/items/%d", 1, 1000), nil, 200, "/items/:id", []step{{"find item", false}}},
	{"order", 6, "POST", always("/orders"),
		number(`{"customer": "ada", "lines": [{"item": %d, "quantity": 1}]}`, 1, 1000), 201, "/orders",
		[]step{{"read order", false}, {"place order", false}}},
	{"read", 6, "GET", number("/orders/%d", 1, 1000), nil, 200, "/orders/:id", []step{{"find order", false}}},
	{"no page", 1, "GET", number("/items?limit=%d", 101, 999), nil, 400, "/items", []step{{"select items", true}}},
	{"no item", 2, "GET", number("/items/%d", 1001, 9999), nil, 404, "/items/:id", []step{{"find item", true}}},
	{"no order", 1, "POST", always("/orders"), always("{}"), 400, "/orders", []step{{"read order", true}}},
	{"no route", 1, "GET", always("/customers"), nil, 404, "", nil},
}

// spans returns the number of spans of a request.
func (k *kind) spans() int { return 1 + len(k.steps) }

// spansPerRequest returns the mean number of spans of a request.
func spansPerRequest() float64 {
	var spans, weights float64
	for _, k := range kinds {
		spans += k.weight * float64(k.spans())
		weights += k.weight
	}
	return spans / weights
}

// A call is what the generator knows of a request.
type call struct {
	kind         int
	path         string
	trace, span  string // in hex
	status       int    // 0: no answer
	err          error
	begun, ended time.Time
	latency      time.Duration // since it was due
}

// A load sends requests to a service, each in a trace of its own, whose id follows from the seed.
type load struct {
	url    string
	seed   uint64
	stream string // distinguishes the ids of loads with one seed
	length time.Duration
	run    bench.Run
	client *http.Client
	calls  []call // by number
}

var _ bench.Timed = (*load)(nil)

// workers is the number of calls of a load that may wait for the service at once.
const workers = 64

// newLoad returns a load with a rate in spans per second. Loads with the same seed send the same requests.
func newLoad(url, stream string, seed uint64, spansPerSecond float64, length time.Duration) (*load, error) {
	arrivals, err := schedule.At(spansPerSecond / spansPerRequest()).Arrivals(seed)
	if err != nil {
		return nil, err
	}
	l := &load{url: url, seed: seed, stream: stream, length: length}
	n := uint64(0)
	for instants := arrivals.From(0); ; n++ {
		if due, ok := instants.Next(); !ok || due >= length {
			break
		}
	}
	var names []string
	var weights []float64
	for i, k := range kinds {
		names, weights = append(names, strconv.Itoa(i)), append(weights, k.weight)
	}
	keys, err := schedule.Weighted(names, weights, seed)
	if err != nil {
		return nil, err
	}
	l.calls = make([]call, n)
	l.client = &http.Client{Timeout: 10 * time.Second,
		Transport: &http.Transport{MaxIdleConnsPerHost: workers, DisableCompression: true}}
	// Two loads run at once in this process. With another pace their waiting workers can occupy both processors of a
	// small machine, and answers are then read up to 10 ms late, when the runtime looks for them by itself.
	l.run = bench.Run{Arrivals: schedule.First(arrivals, n), Keys: keys, Target: l, Workers: workers, Pace: pace.Sleep}
	return l, nil
}

// do sends the requests, and returns when all are answered.
func (l *load) do(ctx context.Context) (*record.Record, error) {
	defer l.client.CloseIdleConnections()
	return l.run.Do(ctx)
}

// Call is not called, because a load is timed.
func (l *load) Call(ctx context.Context, key string) error {
	return l.CallTimed(ctx, key, &bench.Instants{Begun: time.Now()})
}

// CallTimed sends one request.
func (l *load) CallTimed(ctx context.Context, key string, at *bench.Instants) error {
	k, err := strconv.Atoi(key)
	if err != nil {
		return err
	}
	c := &l.calls[at.N]
	*c = call{kind: k, begun: at.Begun}
	request, err := l.request(ctx, c, at.N)
	if err != nil {
		c.err = err
		return err
	}
	c.begun = time.Now()
	response, err := l.client.Do(request)
	if err == nil {
		c.status = response.StatusCode
		_, err = io.Copy(io.Discard, response.Body)
		response.Body.Close()
	}
	c.ended = time.Now()
	c.latency = at.Lag + c.ended.Sub(at.Begun)
	if err == nil && c.status != kinds[k].status {
		err = fmt.Errorf("%s %s: status %d, want %d", request.Method, request.URL, c.status, kinds[k].status)
	}
	c.err = err
	return err
}

// request returns a request, whose number and seed decide what is in it and its ids.
func (l *load) request(ctx context.Context, c *call, n uint64) (*http.Request, error) {
	k, random := &kinds[c.kind], rand.New(rand.NewPCG(l.seed, n))
	path, body := k.path(random), ""
	if k.body != nil {
		body = k.body(random)
	}
	c.path, _, _ = strings.Cut(path, "?")
	c.trace, c.span = l.ids(n)
	request, err := http.NewRequestWithContext(ctx, k.method, l.url+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header = http.Header{"Traceparent": {"00-" + c.trace + "-" + c.span + "-01"},
		"Tracestate": {"stack=1"}, "User-Agent": {"stack"}}
	return request, nil
}

// ids returns the ids of the trace and of the caller's span of call n, which are not zero.
func (l *load) ids(n uint64) (trace, span string) {
	h := sha256.New()
	_ = binary.Write(h, binary.LittleEndian, []uint64{l.seed, n}) // a hash takes everything
	h.Write([]byte(l.stream))
	sum := h.Sum(nil)
	sum[0] |= 0x10 // no leading zero, which Jaeger does not print
	sum[16] |= 0x10
	return hex.EncodeToString(sum[:16]), hex.EncodeToString(sum[16:24])
}

// A key counts requests by kind of answer.
type answerKey struct {
	method, route string
	status        int
}

// counts returns the number of answers by route and status, and the problems of calls.
func (l *load) counts() (map[answerKey]int, []string) {
	counts, wrong := map[answerKey]int{}, map[string]int{}
	for i := range l.calls {
		c := &l.calls[i]
		switch {
		case c.err != nil:
			wrong[fmt.Sprintf("%s: %v", kinds[c.kind].name, c.err)]++
		case c.status == 0:
			wrong["a call was not made"]++
		}
		if c.status != 0 {
			counts[answerKey{kinds[c.kind].method, kinds[c.kind].route, c.status}]++
		}
	}
	var problems []string
	for text, n := range wrong {
		problems = append(problems, fmt.Sprintf("%d requests: %s", n, text))
	}
	slices.Sort(problems)
	return counts, problems[:min(len(problems), 5)]
}

// spans returns the number of spans that the service must have started.
func (l *load) spans() (n int) {
	for i := range l.calls {
		if l.calls[i].status != 0 {
			n += kinds[l.calls[i].kind].spans()
		}
	}
	return n
}

// check returns what is wrong with the trace of a call in the visit that is read back.
func (c *call) check(t *tree) (problems []string) {
	k := &kinds[c.kind]
	wrong := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	expect := func(what, got, want string) {
		if got != want {
			wrong("%s is %q: want %q", what, got, want)
		}
	}
	if len(t.spans) != k.spans() {
		wrong("it has %d spans: want %d", len(t.spans), k.spans())
		return problems
	}
	root := t.root
	expect("the name", root.name, strings.TrimSpace(k.method+" "+k.route))
	expect("the kind", root.kind, "server")
	expect("the status", root.status, "") // of a status below 500, by the semantic conventions
	expect("the tracestate", root.state, "stack=1")
	route := ""
	if k.route != "" {
		route = "string:" + k.route
	}
	for _, row := range [][2]string{
		{"http.request.method", "string:" + k.method},
		{"http.route", route},
		{"http.response.status_code", fmt.Sprintf("int64:%d", k.status)},
		{"url.path", "string:" + c.path},
		{"url.scheme", "string:http"},
		{"user_agent.original", "string:stack"},
	} {
		expect(row[0], root.attributes[row[0]], row[1])
	}
	if !root.within(c.begun, c.ended) {
		wrong("it lasts from %v to %v after the call began: want within the call, which took %v",
			root.start.Sub(c.begun), root.end.Sub(c.begun), c.ended.Sub(c.begun))
	}
	for i, s := range k.steps {
		got := t.spans[i+1]
		expect("the name of a step", got.name, s.name)
		expect("the kind of a step", got.kind, "internal")
		expect("observable.key", got.attributes["observable.key"], "string:"+s.name)
		status := ""
		if s.fails {
			status = "Error"
		}
		expect("the status of "+s.name, got.status, status)
		if s.name == slowStep && got.took() < slowBy-rounding {
			wrong("%s took %v: want at least %v", s.name, got.took(), slowBy)
		}
		if s.fails && got.message == "" {
			wrong("%s failed without a message", s.name)
		}
	}
	return problems
}
