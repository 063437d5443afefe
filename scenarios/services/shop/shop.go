// Package shop is a small web service to put under load: a catalogue and its orders, over net/http and an
// observable.Map, with OpenTelemetry's spans made in one of three ways. It is what the arms of loadgen's scenarios
// about services compare, and it can be run by hand:
//
//	go run ./scenarios/services/shop/cmd/shop --listen 127.0.0.1:8080
//
// The data is in memory and the same in every process. A request costs some microseconds: lookups, JSON, a hash.
// No handler waits. However many orders come, the shop keeps a fixed number of them.
//
// The README lists the routes and the environment.
package shop

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/loadgen-go/loadgen/internal/spelling"
	"github.com/loadgen-go/loadgen/observable/lifecycle"
)

const (
	// closing is the time that requests have to end after the context of Main has ended, and flushing is the time
	// after that in which spans are exported. Together they are shorter than the 10 s after which loadgen and others
	// kill a service.
	closing, flushing = 3 * time.Second, 5 * time.Second
	// headerTime is how long a client may take to send the headers of a request.
	headerTime = 10 * time.Second
)

// A Front is a service with the shop's data, steps and environment, and a handler of its own for requests: Main has
// that of net/http, and programs with web frameworks have others.
type Front struct {
	// Name is that of the program and of the service.
	Name string
	// Ways are the values of SPANS, the default first. With none telemetry is nil, with pooled it makes pooled spans,
	// and with others those of the SDK.
	Ways []string
	// Handler makes the handler of the routes, with spans made in one of Ways.
	Handler func(way string, telemetry *lifecycle.Lifecycle, routes []Route) (http.Handler, error)
}

// options say how the service runs.
type options struct {
	front  *Front
	listen string // the address, HOST:PORT
	spans  string // one of the ways of the front
	slow   slow
}

// Main runs the service until ctx ends, with the arguments and the environment that the README describes. Then it
// lets requests end, exports the spans that are left, and returns nil. It returns an error if the arguments or the
// environment are wrong, or if it cannot serve.
//
// Main reads the environment of the process, as package lifecycle does, and handles the errors that OpenTelemetry
// reports to package otel. It prints help to stdout, and what happens to stderr.
func Main(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	return netHTTP.Main(ctx, args, stdout, stderr)
}

// Main runs the service as the function Main does.
func (f *Front) Main(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := f.parse(args, stdout)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	return o.serve(ctx, log.New(stderr, f.Name+": ", log.Lmsgprefix))
}

// usage is a template of the name and the ways of a front.
const usage = `Usage: %s [--listen HOST:PORT]

A small web service to put under load. It logs "listening on HOST:PORT" when it
is ready, and ends at an interrupt or TERM.

  --listen HOST:PORT   where to listen (default 127.0.0.1:$PORT, or
                       127.0.0.1:8080 if PORT is not set)

Environment:
  PORT    the port to listen on; --listen wins
  SPANS   how spans are made: %s
  SLOW    a step and how much longer it takes, such as "place order=5ms"
  OTEL_*  where spans are exported, and more, as in every service with
          OpenTelemetry; OTEL_EXPORTER_OTLP_ENDPOINT is http://localhost:4318
          unless set
`

// parse returns the options, or an error with everything that is wrong with the arguments and the environment. If
// help is asked for, parse prints it and returns flag.ErrHelp.
func (f *Front) parse(args []string, stdout io.Writer) (*options, error) {
	o := &options{front: f}
	flags := flag.NewFlagSet(f.Name, flag.ContinueOnError)
	flags.SetOutput(io.Discard) // the error says it all
	flags.StringVar(&o.listen, "listen", "", "")
	err := flags.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		last := len(f.Ways) - 1
		ways := strings.Join(f.Ways[1:last], ", ") + " or " + f.Ways[last]
		_, err := fmt.Fprintf(stdout, usage, f.Name, f.Ways[0]+" (the default), "+ways)
		return nil, cmp.Or(err, flag.ErrHelp)
	}
	errs := []error{err}
	if err == nil && flags.NArg() > 0 {
		errs = append(errs, fmt.Errorf("unexpected argument %q: want flags only", flags.Arg(0)))
	}
	port, err := portOf(os.Getenv("PORT"))
	errs = append(errs, err)
	if o.listen == "" {
		o.listen = net.JoinHostPort("127.0.0.1", port)
	} else if _, _, err := net.SplitHostPort(o.listen); err != nil {
		errs = append(errs, fmt.Errorf("--listen is %q: want HOST:PORT, such as 127.0.0.1:8080", o.listen))
	}
	o.slow, err = parseSlow(os.Getenv("SLOW"))
	errs = append(errs, err)
	o.spans = cmp.Or(strings.TrimSpace(os.Getenv("SPANS")), f.Ways[0])
	if !slices.Contains(f.Ways, o.spans) {
		errs = append(errs, fmt.Errorf("SPANS is %q: want one of %s%s", o.spans, strings.Join(f.Ways, ", "),
			spelling.Meant(o.spans, f.Ways)))
	}
	return o, errors.Join(errs...)
}

// portOf returns the port of the variable PORT.
func portOf(text string) (string, error) {
	if text == "" {
		return "8080", nil
	}
	if n, err := strconv.Atoi(text); err != nil || n < 0 || n > 65535 {
		return "", fmt.Errorf("PORT is %q: want a number from 0 to 65535", text)
	}
	return text, nil
}

// A slow is a step that takes longer, as if it had to wait for a database. The zero value is none.
type slow struct {
	step string
	by   time.Duration
}

// parseSlow returns the slow step of the variable SLOW.
func parseSlow(text string) (s slow, err error) {
	if text == "" {
		return s, nil
	}
	var steps []string
	for _, r := range routes {
		steps = append(steps, r.steps...)
	}
	step, by, _ := strings.Cut(text, "=")
	if s.by, err = time.ParseDuration(by); err != nil || s.by <= 0 || s.by > closing || !slices.Contains(steps, step) {
		return slow{}, fmt.Errorf("SLOW is %q: want a step, which is one of %s, and up to %v, such as %q", text,
			strings.Join(steps, ", "), closing, "place order=5ms")
	}
	s.step = step
	return s, nil
}

// serve serves until ctx ends.
func (o *options) serve(ctx context.Context, l *log.Logger) error {
	telemetry, err := o.front.startTelemetry(ctx, o.spans, l)
	if err != nil {
		return err
	}
	served := o.listenAndServe(ctx, l, telemetry)
	if telemetry == nil {
		return served
	}
	flush, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushing)
	defer cancel()
	if err := telemetry.Shutdown(flush); err != nil {
		l.Print(err) // the requests were served
	}
	logAccount(l, telemetry.Counts())
	return served
}

// logAccount logs what became of the spans, so that who runs the service can compare it with what a collector got.
func logAccount(l *log.Logger, c lifecycle.Counts) {
	l.Printf("spans: %d started, %d ended, %d exported, %d failed, %d dropped", c.Started, c.Ended, c.Exported,
		c.Failed, c.Dropped+c.Waiting)
}

// newHandler returns the handler of all requests, with spans if telemetry is not nil.
func (o *options) newHandler(l *log.Logger, telemetry *lifecycle.Lifecycle) (http.Handler, error) {
	var provider trace.TracerProvider
	if telemetry != nil {
		provider = telemetry.TracerProvider
	}
	h, err := newHandler(provider, o.slow, l)
	if err != nil {
		return nil, err
	}
	return o.front.Handler(o.spans, telemetry, h.routes())
}

// listenAndServe serves until ctx ends, and returns when the last request has ended.
func (o *options) listenAndServe(ctx context.Context, l *log.Logger, telemetry *lifecycle.Lifecycle) error {
	handler, err := o.newHandler(l, telemetry)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", o.listen)
	if err != nil {
		return fmt.Errorf("%w: want an address that is free, in --listen or PORT", err)
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	server := &http.Server{Handler: handler, Protocols: protocols, ReadHeaderTimeout: headerTime, ErrorLog: l}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	l.Printf("SPANS=%s, listening on %s", o.spans, listener.Addr())
	select {
	case err := <-failed:
		return fmt.Errorf("serving: %w", err)
	case <-ctx.Done():
	}
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), closing)
	defer cancel()
	if err := server.Shutdown(limit); err != nil {
		l.Printf("requests that had not ended after %v were cut off: %v", closing, errors.Join(err, server.Close()))
	}
	return nil
}
