package otlpsink

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
)

// mostBytes is the largest message that is read, after decompression: the default of the OpenTelemetry Collector.
const mostBytes = 20 << 20

// A refusal is an error with the status of its answer.
type refusal struct {
	status int
	err    error
}

// Error returns the message of the error.
func (r *refusal) Error() string { return r.err.Error() }

// serveHTTP counts a request over HTTP.
func (s *Sink) serveHTTP(w http.ResponseWriter, r *http.Request) {
	syntax, err := s.receive(r)
	if err == nil {
		w.Header().Set("Content-Type", syntax.name)
		// The client has gone if this fails; what it sent has been counted.
		_, _ = io.WriteString(w, syntax.answer)
		return
	}
	s.reject(fmt.Errorf("%s %s: %w", r.Method, r.URL.Path, err))
	status := http.StatusBadRequest
	if refused, ok := errors.AsType[*refusal](err); ok {
		status = refused.status
	}
	http.Error(w, err.Error(), status)
}

// A syntax is how a message is written.
type syntax struct {
	name   string
	count  func(kind, []byte) (uint64, error)
	answer string // an empty message
}

// syntaxes are the encodings of OTLP over HTTP.
var syntaxes = map[string]syntax{
	"application/x-protobuf": {"application/x-protobuf", countProtobuf, ""},
	"application/json":       {"application/json", countJSON, "{}"},
}

// receive reads a request and counts what is in it.
func (s *Sink) receive(r *http.Request) (syntax, error) {
	k, ok := kindOfPath[r.URL.Path]
	if !ok {
		return syntax{}, &refusal{http.StatusNotFound, errors.New("want /v1/traces, /v1/metrics or /v1/logs")}
	}
	if r.Method != http.MethodPost {
		return syntax{}, &refusal{http.StatusMethodNotAllowed, errors.New("want POST")}
	}
	name, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return syntax{}, &refusal{http.StatusUnsupportedMediaType, fmt.Errorf("its Content-Type: %w", err)}
	}
	e, ok := syntaxes[name]
	if !ok {
		return syntax{}, &refusal{http.StatusUnsupportedMediaType,
			fmt.Errorf("Content-Type %q: want application/x-protobuf or application/json", name)}
	}
	data, err := message(r)
	if err != nil {
		return syntax{}, err
	}
	items, err := e.count(k, data)
	if err != nil {
		return syntax{}, err
	}
	s.add(k, items, len(data))
	return e, nil
}

// message returns the body of a request, decompressed.
func message(r *http.Request) ([]byte, error) {
	body := io.Reader(r.Body)
	switch compression := r.Header.Get("Content-Encoding"); compression {
	case "", "identity":
	case "gzip":
		unzipped, err := gzip.NewReader(r.Body)
		if err != nil {
			return nil, err
		}
		body = unzipped
	default:
		return nil, &refusal{http.StatusUnsupportedMediaType,
			fmt.Errorf("Content-Encoding %q: want gzip or none", compression)}
	}
	data, err := io.ReadAll(io.LimitReader(body, mostBytes+1))
	if err != nil {
		return nil, err
	}
	if len(data) > mostBytes {
		return nil, &refusal{http.StatusRequestEntityTooLarge,
			fmt.Errorf("it has more than %d bytes, decompressed: want smaller exports", mostBytes)}
	}
	return data, nil
}
