package otlphttp

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel"
	"google.golang.org/protobuf/encoding/protowire"
)

// run sends the requests in the queue, one at a time, until the exporter is shut down and the queue
// is empty.
func (e *Exporter) run() {
	defer close(e.done)
	delay := e.opts.MinBackoff
	for {
		body, k := e.next()
		if k == 0 {
			return
		}
		a := e.attempt(body)
		if !a.retry {
			e.answered(k, a)
			delay = e.opts.MinBackoff
			continue
		}
		e.failed(a.err)
		e.pause(delay, a.after)
		if delay > e.opts.MaxBackoff/2 {
			delay = e.opts.MaxBackoff
		} else {
			delay *= 2
		}
	}
}

// next waits until there is work, and returns the k oldest requests merged into one. It leaves them
// in the queue. k is 0 if the exporter is shut down and the queue is empty.
//
// By the rules of Protocol Buffers, the concatenation of encoded messages is their merger, which
// contains the resource_spans of all of them.
func (e *Exporter) next() (body []byte, k int) {
	for {
		e.mu.Lock()
		if len(e.queue) > 0 {
			defer e.mu.Unlock()
			break
		}
		closed := e.closed
		e.mu.Unlock()
		if closed {
			return nil, 0
		}
		<-e.wake
	}
	size := len(e.queue[0].body)
	for k = 1; k < len(e.queue) && e.alone == 0; k++ {
		if size += len(e.queue[k].body); size > e.opts.RequestBytes {
			break
		}
	}
	if k == 1 {
		return e.queue[0].body, 1
	}
	for _, r := range e.queue[:k] {
		body = append(body, r.body...)
	}
	return body, k
}

// leave removes the k oldest requests from the queue and returns the number of their spans.
func (e *Exporter) leave(k int) (spans int) {
	for _, r := range e.queue[:k] {
		spans += r.spans
		e.bytes -= len(r.body)
	}
	e.queue = slices.Delete(e.queue, 0, k)
	e.counts.Waiting -= uint64(spans)
	e.out += uint64(k)
	if e.out >= e.urgent { // later requests must not skip their backoff
		select {
		case <-e.hurry:
		default:
		}
	}
	e.alone = max(0, e.alone-k)
	e.announce()
	return spans
}

// answered counts the k oldest requests, which the endpoint accepted or refused. If it refused
// several at once, a single one may be the cause, so each is sent again, alone.
func (e *Exporter) answered(k int, a answer) {
	e.mu.Lock()
	e.last = nil
	if len(e.queue) == 0 { // Shutdown gave up and has counted them
		e.mu.Unlock()
		return
	}
	if a.err != nil && a.whole && k > 1 && !a.unread {
		e.alone = k
		e.mu.Unlock()
		return
	}
	spans := e.leave(k)
	refused := int(min(a.rejected, uint64(spans)))
	if a.whole {
		refused = spans
	}
	e.counts.Refused += uint64(refused)
	e.counts.Sent += uint64(spans - refused)
	var err error
	if a.err != nil {
		err = fmt.Errorf("otlphttp: %d of %d spans were refused: %w", refused, spans, a.err)
	}
	if refused > 0 {
		e.lost = err
	}
	e.mu.Unlock()
	if err != nil {
		otel.Handle(err)
	}
}

// failed records that an attempt failed, and drops the requests that exceed MaxAge. It reports the
// first failure of an outage.
func (e *Exporter) failed(err error) {
	if e.ctx.Err() != nil {
		return
	}
	e.mu.Lock()
	var report []error
	if e.last == nil {
		report = append(report, fmt.Errorf("otlphttp: sending failed and is retried, %d spans wait: %w",
			e.counts.Waiting, err))
	}
	e.last = err
	e.announce()
	k := 0
	for e.opts.MaxAge > 0 && k < len(e.queue) && time.Since(e.queue[k].since) >= e.opts.MaxAge {
		k++
	}
	if k > 0 {
		report = append(report, e.drop(e.leave(k),
			fmt.Errorf("they waited longer than MaxAge, %v: %w", e.opts.MaxAge, err)))
	}
	e.mu.Unlock()
	for _, err := range report {
		otel.Handle(err)
	}
}

// pause waits before the next attempt: for as long as the endpoint requested, if asked is not 0, or
// else for about delay. The jitter is the "equal jitter" of Brooker, "Exponential Backoff And
// Jitter", AWS Architecture Blog, 2015.
func (e *Exporter) pause(delay, asked time.Duration) {
	hurry := e.hurry
	if asked > 0 {
		delay, hurry = asked, nil
	} else {
		delay -= rand.N(delay/2 + 1)
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-hurry:
	case <-e.ctx.Done():
	}
}

// An answer is the outcome of one attempt.
type answer struct {
	err      error         // why spans were not accepted, or a warning of the endpoint
	retry    bool          // a later attempt may succeed
	whole    bool          // all spans were refused
	unread   bool          // the endpoint accepted the request, but its response cannot be read
	rejected uint64        // number of spans refused in a request that was accepted
	after    time.Duration // wait requested by the endpoint; 0 if none
}

const (
	maxReply = 4 << 20 // limit for the size of a response in bytes, as in the SDK
	maxAfter = 5 * time.Minute
)

// attempt sends body once.
func (e *Exporter) attempt(body []byte) answer {
	ctx, cancel := context.WithTimeout(e.ctx, e.opts.Timeout)
	defer cancel()
	req, err := e.newRequest(ctx, body)
	if err != nil {
		return answer{err: err, whole: true}
	}
	resp, err := e.client.Do(req)
	if err != nil {
		return answer{err: err, retry: true}
	}
	defer resp.Body.Close()
	reply, unread := io.ReadAll(io.LimitReader(resp.Body, maxReply+1))
	if len(reply) > maxReply {
		unread = fmt.Errorf("it is larger than %d bytes", maxReply)
	}
	if resp.StatusCode/100 == 2 {
		return success(resp.Header.Get("Content-Type"), reply, unread)
	} // in an error, the body is only a message
	err = fmt.Errorf("POST %s: %s", e.url.Redacted(), resp.Status)
	isProto := isType(resp.Header.Get("Content-Type"), protobuf)
	if text := strings.TrimSpace(decodeStatus(reply, isProto)); text != "" {
		err = fmt.Errorf("%w: %.200q", err, text)
	}
	switch resp.StatusCode {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return answer{err: err, retry: true, after: retryAfter(resp.Header.Get("Retry-After"))}
	}
	return answer{err: err, whole: true}
}

const protobuf = "application/x-protobuf"

// isType reports whether the media type of contentType is want, ignoring parameters.
func isType(contentType, want string) bool {
	mediaType, _, _ := strings.Cut(contentType, ";")
	return strings.EqualFold(strings.TrimSpace(mediaType), want)
}

// success returns the answer in the response to an accepted request. unread is why the response could
// not be read, if it could not. The response must have the type of the request. Some endpoints
// respond in JSON all the same; it is decoded too, so that the spans it rejects are not counted as
// sent. Other types carry no information about spans.
func success(contentType string, reply []byte, unread error) answer {
	decode := decodeResponse
	switch {
	case isType(contentType, protobuf):
	case isType(contentType, "application/json"):
		decode = decodeJSON
	default:
		return answer{}
	}
	if unread != nil {
		return unreadable(unread)
	}
	return decode(reply)
}

func (e *Exporter) newRequest(ctx context.Context, body []byte) (*http.Request, error) {
	if e.opts.Compression == "gzip" {
		var buf bytes.Buffer
		w, _ := gzip.NewWriterLevel(&buf, gzip.BestSpeed) // spans are repetitive, so the fastest level suffices
		if _, err := w.Write(body); err != nil {
			return nil, err
		}
		if err := w.Close(); err != nil {
			return nil, err
		}
		body = buf.Bytes()
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.url.String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", userAgent())
	for name, value := range e.opts.Headers {
		req.Header.Set(name, value)
	}
	if host := req.Header.Get("Host"); host != "" {
		req.Host = host
	}
	req.Header.Set("Content-Type", protobuf)
	if e.opts.Compression == "gzip" {
		req.Header.Set("Content-Encoding", "gzip")
	}
	return req, nil
}

// retryAfter parses seconds or a date (RFC 9110, section 10.2.3). It returns 0 for a value that is
// invalid or in the past, and at most maxAfter, so that a wrong header does not stop the exporter
// for days.
func retryAfter(v string) time.Duration {
	if s, err := strconv.ParseUint(v, 10, 31); err == nil {
		return min(time.Duration(s)*time.Second, maxAfter)
	}
	if date, err := http.ParseTime(v); err == nil {
		return min(max(0, time.Until(date)), maxAfter)
	}
	return 0
}

// decodeResponse decodes an ExportTraceServiceResponse. Its field 1 is partial_success, a message with
// the fields 1, rejected_spans, and 2, error_message.
func decodeResponse(b []byte) answer {
	_, partial, ok := field(b, 1)
	rejected, _, okRejected := field(partial, 1)
	_, message, okMessage := field(partial, 2)
	if !ok || !okRejected || !okMessage {
		return unreadable(errors.New("it is not an ExportTraceServiceResponse"))
	}
	return partialSuccess(int64(rejected), string(message))
}

// decodeJSON decodes an ExportTraceServiceResponse in the JSON format of Protocol Buffers, where an
// int64 is a string or a number. An empty text is an empty response.
func decodeJSON(b []byte) answer {
	var m struct {
		PartialSuccess struct {
			RejectedSpans json.Number
			ErrorMessage  string
		}
	}
	if len(bytes.TrimSpace(b)) == 0 {
		return answer{}
	}
	if err := json.Unmarshal(b, &m); err != nil {
		return unreadable(err)
	}
	rejected, err := strconv.ParseInt(cmp.Or(m.PartialSuccess.RejectedSpans.String(), "0"), 10, 64)
	if err != nil {
		return unreadable(err)
	}
	return partialSuccess(rejected, m.PartialSuccess.ErrorMessage)
}

func partialSuccess(rejected int64, message string) answer {
	rejected = max(rejected, 0)
	if rejected == 0 && message == "" {
		return answer{}
	}
	return answer{rejected: uint64(rejected), err: fmt.Errorf("the endpoint says %.200q", message)}
}

// unreadable returns the answer for a success whose response cannot be read. Because it is unknown how
// many spans the endpoint rejected, none is counted as sent. They are not sent again, as in the SDK.
func unreadable(why error) answer {
	return answer{whole: true, unread: true, err: fmt.Errorf("the response of the endpoint cannot be read: %w", why)}
}

// decodeStatus returns the message in the body of an error response: field 2, message, of a
// google.rpc.Status, or plain text.
func decodeStatus(b []byte, isProto bool) string {
	if isProto {
		_, b, _ = field(b, 2)
	}
	return string(b)
}

// field returns field num of an encoded message, as a number and as bytes, and reports whether the
// message is valid. If the field is missing, both are zero.
func field(b []byte, num protowire.Number) (number uint64, content []byte, ok bool) {
	for len(b) > 0 {
		n, typ, size := protowire.ConsumeTag(b)
		if size < 0 {
			return 0, nil, false
		}
		b = b[size:]
		if size = protowire.ConsumeFieldValue(n, typ, b); size < 0 {
			return 0, nil, false
		}
		if n == num {
			switch typ {
			case protowire.VarintType:
				number, _ = protowire.ConsumeVarint(b)
			case protowire.BytesType:
				content, _ = protowire.ConsumeBytes(b)
			}
		}
		b = b[size:]
	}
	return number, content, true
}
