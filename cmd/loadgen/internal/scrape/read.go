package scrape

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// Limits of what is read from others.
const (
	longest = 64 << 20 // bytes of a scrape
	slowest = 30 * time.Second
)

// client is what services and servers are asked with.
var client = &http.Client{Timeout: slowest}

// isURL reports whether a place is a URL rather than a path.
func isURL(place string) bool {
	return strings.HasPrefix(place, "http://") || strings.HasPrefix(place, "https://")
}

// Read reads the histogram from the text exposition format: a file, a URL, or - for stdin.
func (s *Source) Read(ctx context.Context, place string, stdin io.Reader) (*Histogram, error) {
	text, err := open(ctx, place, stdin)
	if err != nil {
		return nil, err
	}
	defer text.Close()
	h, err := s.Parse(io.LimitReader(text, longest))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", place, err)
	}
	h.From = place
	return h, nil
}

// Parse parses the text exposition format.
func (s *Source) Parse(text io.Reader) (*Histogram, error) {
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(text)
	if err != nil {
		return nil, fmt.Errorf("%w: want the text format of Prometheus", err)
	}
	return s.sum(families)
}

// open opens a file, a URL, or standard input.
func open(ctx context.Context, place string, stdin io.Reader) (io.ReadCloser, error) {
	switch {
	case place == "-":
		return io.NopCloser(stdin), nil
	case !isURL(place):
		return os.Open(place)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, place, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", string(expfmt.NewFormat(expfmt.TypeTextPlain)))
	response, err := do(request)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", place, err)
	}
	if response.StatusCode != http.StatusOK {
		response.Body.Close()
		return nil, fmt.Errorf("%s answered %s: want metrics", place, response.Status)
	}
	return response.Body, nil
}

// do sends a request. Its error does not repeat the URL.
func do(request *http.Request) (*http.Response, error) {
	response, err := client.Do(request)
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = fmt.Errorf("%w: want the URL of a server that answers", wrapped.Err)
	}
	return response, err
}

// Query asks a Prometheus server for the histogram. If since is not 0, it counts the values since then; otherwise it
// counts all values that the counters hold. A classic histogram is preferred to a native one of the same name.
func (s *Source) Query(ctx context.Context, server string, since time.Duration) (*Histogram, error) {
	if !isURL(server) {
		return nil, fmt.Errorf("%q is no URL: want one such as http://127.0.0.1:9090", server)
	}
	counted := func(metric string) string {
		if since == 0 {
			return metric + s.selector()
		}
		return fmt.Sprintf("increase(%s%s[%dms])", metric, s.selector(), since.Milliseconds())
	}
	for _, query := range []string{"sum by (le) (" + counted(s.Metric+"_bucket") + ")",
		"sum(" + counted(s.Metric) + ")"} {
		vector, err := ask(ctx, server, query)
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", server, query, err)
		}
		if len(vector) == 0 {
			continue
		}
		h, err := s.answer(vector)
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", server, query, err)
		}
		h.From = server
		return h, nil
	}
	within := ""
	if since > 0 {
		within = fmt.Sprintf(" scraped twice in the last %v", since)
	}
	return nil, fmt.Errorf("%s: no histogram %s%s%s: want the name of one, without _bucket", server, s.Metric,
		s.selector(), within)
}

// ask sends a query to the HTTP API of a server, whose client library would add a JSON library to this module.
func ask(ctx context.Context, server, query string) (model.Vector, error) {
	at := strings.TrimRight(server, "/") + "/api/v1/query?query=" + url.QueryEscape(query)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return nil, err
	}
	response, err := do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, longest))
	if err != nil {
		return nil, err
	}
	vector, err := parseAnswer(text)
	if err != nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("it answered %s: %w", response.Status, err)
	}
	return vector, err
}

// parseAnswer parses an answer of the HTTP API to a query for one moment.
func parseAnswer(text []byte) (model.Vector, error) {
	var answer struct {
		Status, Error string
		Data          struct {
			ResultType string
			Result     json.RawMessage
		}
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return nil, fmt.Errorf("%w: want the URL of a Prometheus server", err)
	}
	if answer.Status != "success" {
		return nil, fmt.Errorf("%s: want an expression that it accepts", cmp.Or(answer.Error, "no answer"))
	}
	if answer.Data.ResultType != "vector" {
		return nil, fmt.Errorf("the result is a %q: want a vector", answer.Data.ResultType)
	}
	var vector model.Vector
	if err := json.Unmarshal(answer.Data.Result, &vector); err != nil {
		return nil, err
	}
	return vector, nil
}

// answer returns the histogram in the answer of a server.
func (s *Source) answer(vector model.Vector) (*Histogram, error) {
	h := &Histogram{Metric: s.Metric}
	if native := vector[0].Histogram; native != nil {
		h.Native = true
		for _, b := range native.Buckets {
			low, high := max(0, float64(b.Lower)), float64(b.Upper)
			if !(high > low) || !(b.Count >= 0) {
				return nil, fmt.Errorf("a bucket from %v to %v with the count %v: want latencies", low, high, b.Count)
			}
			h.Buckets = append(h.Buckets, Bucket{low * float64(s.Unit), high * float64(s.Unit), float64(b.Count)})
		}
		return h, h.check()
	}
	if _, ok := vector[0].Metric["le"]; !ok {
		return nil, errors.New("it has no buckets: want the name of a histogram, without _bucket")
	}
	var bounds []bound
	for _, sample := range vector {
		at, err := strconv.ParseFloat(string(sample.Metric["le"]), 64)
		if err != nil {
			return nil, fmt.Errorf("le=%q is no bound", sample.Metric["le"])
		}
		bounds = append(bounds, bound{at, float64(sample.Value)})
	}
	slices.SortFunc(bounds, func(a, b bound) int {
		return cmp.Compare(a.at, b.at)
	})
	for i := range bounds { // rates may be off in their last digits, which Prometheus forgives, too
		if i > 0 && bounds[i].upTo < bounds[i-1].upTo && bounds[i].upTo > bounds[i-1].upTo*(1-1e-9) {
			bounds[i].upTo = bounds[i-1].upTo
		}
	}
	if len(bounds) == 0 || !math.IsInf(bounds[len(bounds)-1].at, 1) {
		return nil, errors.New("there is no bucket le=\"+Inf\": want all buckets")
	}
	buckets, err := s.between(bounds)
	if err != nil {
		return nil, err
	}
	h.Buckets = buckets
	return h, h.check()
}
