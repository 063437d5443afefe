package shop

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/pprof"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/loadgen-go/loadgen/internal/spelling"
	"github.com/loadgen-go/loadgen/observable"
)

// mostBody is the size of the largest body of a request, in bytes.
const mostBody = 64 << 10

// A route is a kind of request, and the steps that its handler calls in the map, one after the other. Each step has a
// span.
type route struct {
	pattern string
	status  int // of the answer if no step fails
	steps   []string
}

// routes are the requests that the shop serves. Each makes two or three spans.
var routes = []route{
	{"GET /items", http.StatusOK, []string{"select items", "encode items"}},
	{"GET /items/{id}", http.StatusOK, []string{"find item"}},
	{"POST /orders", http.StatusCreated, []string{"read order", "place order"}},
	{"GET /orders/{id}", http.StatusOK, []string{"find order"}},
}

// A Route is a kind of request to a service.
type Route struct {
	Method string
	// Path is the path as net/http has it: /items/{id} has a parameter, whose value Serve gets from
	// http.Request.PathValue, and a path with a slash at its end is that of everything below it.
	Path string
	// Traced reports whether the requests have spans: those for the state of the service have none.
	Traced bool
	// Serve answers a request, and returns the status.
	Serve func(http.ResponseWriter, *http.Request) int
}

// A handler has what serves requests.
type handler struct {
	store *store
	steps *observable.Map
	log   *log.Logger
}

// newHandler returns the handler of all requests. Without a provider, the steps of requests have no spans.
func newHandler(provider trace.TracerProvider, late slow, l *log.Logger) (*handler, error) {
	h := &handler{log: l}
	var err error
	if h.store, err = newStore(); err != nil {
		return nil, err
	}
	h.steps, err = h.newSteps(provider, late)
	return h, err
}

// routes returns all routes.
func (h *handler) routes() (list []Route) {
	for _, r := range routes {
		method, path, _ := strings.Cut(r.pattern, " ")
		list = append(list, Route{method, path, true, func(w http.ResponseWriter, req *http.Request) int {
			return h.serve(&r, w, req)
		}})
	}
	state := func(path string, serve http.HandlerFunc) {
		list = append(list, Route{http.MethodGet, path, false, func(w http.ResponseWriter, r *http.Request) int {
			serve(w, r)
			return http.StatusOK
		}})
	}
	state("/healthz", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("ok\n")) // a client that has gone needs no answer
	})
	state(profiles, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, profiles+"profile") {
			pprof.Profile(w, r)
			return
		}
		pprof.Index(w, r)
	})
	return list
}

// profiles is the path of the profiles of net/http/pprof.
const profiles = "/debug/pprof/"

// newSteps returns the map of all steps.
func (h *handler) newSteps(provider trace.TracerProvider, late slow) (*observable.Map, error) {
	m, err := observable.New(observable.Options{TracerProvider: provider})
	if err != nil {
		return nil, err
	}
	for name, step := range map[string]func(*work) error{
		"select items": h.selectItems,
		"encode items": encodeItems,
		"find item":    h.findItem,
		"read order":   readOrder,
		"place order":  h.placeOrder,
		"find order":   h.findOrder,
	} {
		run := func(ctx context.Context) error { return step(ctx.Value(workKey{}).(*work)) }
		if name == late.step {
			run = late.delay(run)
		}
		if err := m.RegisterContext(name, run); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// delay returns a function that waits before it runs a step. It does not wait for a client that has gone.
func (s slow) delay(run func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		select {
		case <-time.After(s.by):
		case <-ctx.Done():
		}
		return run(ctx)
	}
}

// work is what the steps of one request share.
type work struct {
	request  *http.Request
	location string // of what was made, or ""
	page     page
	order    *order
	answer   any    // to encode, unless encoded is set
	encoded  []byte // the body of the answer
}

// A page is the answer to GET /items.
type page struct {
	Items []item `json:"items"`
	After int    `json:"after,omitempty"` // where the next page begins; 0 if this is the last
}

// workKey is the key of the work in the context of a request.
type workKey struct{}

// serve runs the steps of a route, answers the request, and returns the status.
func (h *handler) serve(r *route, w http.ResponseWriter, req *http.Request) int {
	req.Body = http.MaxBytesReader(w, req.Body, mostBody)
	work := &work{request: req}
	ctx := context.WithValue(req.Context(), workKey{}, work)
	var err error
	for _, step := range r.steps {
		if err = h.steps.Call(ctx, step); err != nil {
			break
		}
	}
	if err == nil && work.encoded == nil {
		work.encoded, err = json.Marshal(work.answer)
	}
	status := r.status
	if err != nil {
		status = h.refuse(work, err)
	}
	if work.location != "" && err == nil {
		w.Header().Set("Location", work.location)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(work.encoded)+1))
	w.WriteHeader(status)
	_, _ = w.Write(append(work.encoded, '\n')) // a client that has gone needs no answer
	return status
}

// A refusal is an error that the client made.
type refusal struct {
	status int
	text   string
}

func (r *refusal) Error() string { return r.text }

// problem returns a refusal.
func problem(status int, format string, args ...any) error {
	return &refusal{status, fmt.Sprintf(format, args...)}
}

// refuse sets the answer to an error, and returns its status. Errors that are not the client's are logged.
func (h *handler) refuse(w *work, err error) int {
	status, text := http.StatusInternalServerError, "the shop failed: see its log"
	if r := (*refusal)(nil); errors.As(err, &r) {
		status, text = r.status, r.text
	} else {
		h.log.Printf("%s %s: %v", w.request.Method, w.request.URL.Path, err)
	}
	// A text is always encoded.
	w.encoded, _ = json.Marshal(struct {
		Error string `json:"error"`
	}{text})
	return status
}

// selectItems sets the page that the query asks for.
func (h *handler) selectItems(w *work) error {
	query := w.request.URL.Query()
	category := query.Get("category")
	var wrong []string
	if category != "" && !knownCategory(category) {
		wrong = append(wrong, fmt.Sprintf("category is %q: want one of %s%s", category,
			strings.Join(categories, ", "), spelling.Meant(category, categories)))
	}
	number := func(name string, otherwise, least, most int) int {
		text := query.Get(name)
		if text == "" {
			return otherwise
		}
		n, err := strconv.Atoi(text)
		if err != nil || n < least || n > most {
			wrong = append(wrong, fmt.Sprintf("%s is %q: want a number from %d to %d", name, text, least, most))
		}
		return n
	}
	after, limit := number("after", 0, 0, itemCount), number("limit", 20, 1, 100)
	if len(wrong) > 0 {
		return problem(http.StatusBadRequest, "%s", strings.Join(wrong, "; "))
	}
	var more bool
	if w.page.Items, more = h.store.page(category, after, limit); more {
		w.page.After = w.page.Items[limit-1].ID
	}
	return nil
}

// encodeItems encodes the page.
func encodeItems(w *work) (err error) {
	w.encoded, err = json.Marshal(w.page)
	return err
}

// findItem finds the item of the path.
func (h *handler) findItem(w *work) error {
	text := w.request.PathValue("id")
	id, err := strconv.Atoi(text)
	if err != nil {
		return problem(http.StatusBadRequest, "the item is %q: want its number, 1 to %d", text, itemCount)
	}
	w.answer, err = h.store.item(id)
	return err
}

// placeOrder places the order that was read.
func (h *handler) placeOrder(w *work) error {
	if err := h.store.place(w.order); err != nil {
		return err
	}
	w.answer, w.location = w.order, fmt.Sprintf("/orders/%d", w.order.ID)
	return nil
}

// findOrder finds the order of the path.
func (h *handler) findOrder(w *work) error {
	text := w.request.PathValue("id")
	id, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return problem(http.StatusBadRequest, "the order is %q: want its number", text)
	}
	w.answer, err = h.store.order(id)
	return err
}
