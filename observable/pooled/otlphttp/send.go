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

// run sends what is in the queue, one request at a time, until the exporter is
// shut down and the queue empty.
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

// next waits for work and returns the k oldest requests as one, without taking
// them out of the queue. k is 0 when there is nothing more to come.
//
// Encoded messages that stand one after the other are their merger, by the rules
// of Protocol Buffers: here the resource_spans of all of them.
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

// leave takes the k oldest requests out of the queue and returns their spans.
func (e *Exporter) leave(k int) (spans int) {
	for _, r := range e.queue[:k] {
		spans += r.spans
		e.bytes -= len(r.body)
	}
	e.queue = slices.Delete(e.queue, 0, k)
	e.counts.Waiting -= uint64(spans)
	e.out += uint64(k)
	if e.out >= e.urgent { // what comes later has its backoff
		select {
		case <-e.hurry:
		default:
		}
	}
	e.alone = max(0, e.alone-k)
	e.announce()
	return spans
}

// answered notes that the endpoint took or refused the k oldest requests. If it
// refused several at once, one may have spoilt the others: each is sent again, for
// itself.
func (e *Exporter) answered(k int, a answer) {
	e.mu.Lock()
	e.last = nil
	if len(e.queue) == 0 { // Shutdown gave up, and counted them
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

// failed notes that an attempt failed, and drops what has become too old. The
// first failure of an outage is reported.
func (e *Exporter) failed(err error) {
	if e.ctx.Err() != nil {
		return
	}
	e.mu.Lock()
	var report []error
	if e.last == nil {
		report = append(report, fmt.Errorf("otlphttp: %d spans wait until the endpoint takes them: %w",
			e.counts.Waiting, err))
	}
	e.last = err
	e.announce()
	k := 0
	for e.opts.MaxAge > 0 && k < len(e.queue) && time.Since(e.queue[k].since) >= e.opts.MaxAge {
		k++
	}
	if k > 0 {
		report = append(report, e.drop(e.leave(k), fmt.Errorf("they waited for %v: %w", e.opts.MaxAge, err)))
	}
	e.mu.Unlock()
	for _, err := range report {
		otel.Handle(err)
	}
}

// pause waits before the next attempt: as long as the endpoint asked, or else
// about delay. The jitter is the "equal jitter" of Brooker, "Exponential Backoff
// And Jitter", AWS Architecture Blog 2015.
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
	err      error         // why spans were not taken, or a warning of the endpoint
	retry    bool          // it may pass
	whole    bool          // all spans were refused
	unread   bool          // the endpoint took the request, and said something that cannot be read
	rejected uint64        // spans refused of a request that was taken otherwise
	after    time.Duration // the endpoint asked to wait so long
}

const (
	maxReply = 4 << 20 // bytes read of a reply, as by the SDK
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
	} // else the status alone decides
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

// isType reports whether a Content-Type is want, whatever its parameters.
func isType(contentType, want string) bool {
	mediaType, _, _ := strings.Cut(contentType, ";")
	return strings.EqualFold(strings.TrimSpace(mediaType), want)
}

// success reads what an endpoint says of spans that it took; unread is why it could not be
// read. It is to answer in the type of the request. Some answer in JSON all the same, and
// rejected spans are not to be counted as sent for that. Other types say nothing of spans.
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
		w, _ := gzip.NewWriterLevel(&buf, gzip.BestSpeed) // spans repeat themselves: it suffices
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

// retryAfter reads seconds or a date (RFC 9110, section 10.2.3). What it cannot
// read, or has passed, is 0. A slip in a header shall not silence the exporter
// for days.
func retryAfter(v string) time.Duration {
	if s, err := strconv.ParseUint(v, 10, 31); err == nil {
		return min(time.Duration(s)*time.Second, maxAfter)
	}
	if at, err := http.ParseTime(v); err == nil {
		return min(max(0, time.Until(at)), maxAfter)
	}
	return 0
}

// decodeResponse reads an ExportTraceServiceResponse: field 1 is partial_success,
// of which 1 is rejected_spans and 2 error_message.
func decodeResponse(b []byte) answer {
	_, partial, ok := field(b, 1)
	rejected, _, okRejected := field(partial, 1)
	_, message, okMessage := field(partial, 2)
	if !ok || !okRejected || !okMessage {
		return unreadable(errors.New("it is not an ExportTraceServiceResponse"))
	}
	return partialSuccess(int64(rejected), string(message))
}

// decodeJSON reads an ExportTraceServiceResponse in the JSON of Protocol Buffers, where an
// int64 is a string or a number. Nothing at all is an empty one.
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

// unreadable is an answer of success that cannot be read: how many spans it rejects is
// not known, so none is counted as sent. They are not sent again, as the SDK's are not.
func unreadable(why error) answer {
	return answer{whole: true, unread: true, err: fmt.Errorf("the endpoint's answer cannot be read: %w", why)}
}

// decodeStatus returns what the body of an error says: field 2, message, of a
// google.rpc.Status, or plain text.
func decodeStatus(b []byte, isProto bool) string {
	if isProto {
		_, b, _ = field(b, 2)
	}
	return string(b)
}

// field returns field num of an encoded message, as a number and as bytes, and reports
// whether the message can be read. What is not there is zero.
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
