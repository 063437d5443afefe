package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
)

// A prometheusServer is a Prometheus that scrapes the services.
type prometheusServer struct {
	process *process
	url     string
	targets string // path of the file with what it scrapes
}

// errNoPrometheus says how to install Prometheus.
var errNoPrometheus = errors.New("prometheus is not in PATH: install it, on Debian with apt-get install prometheus")

// startPrometheus starts a Prometheus, which scrapes nothing yet.
func startPrometheus(ctx context.Context, dir string) (*prometheusServer, error) {
	program, err := exec.LookPath("prometheus")
	if err != nil {
		return nil, errNoPrometheus
	}
	address, err := freeAddresses(1)
	if err != nil {
		return nil, err
	}
	p := &prometheusServer{url: "http://" + address[0], targets: filepath.Join(dir, "targets.json")}
	config := filepath.Join(dir, "prometheus.yml")
	text := fmt.Sprintf("global: {scrape_interval: 1s}\nscrape_configs:\n"+
		"- {job_name: gin, file_sd_configs: [{files: [%q], refresh_interval: 1s}]}\n", p.targets)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return nil, fmt.Errorf("starting prometheus: %w", err)
	}
	if err := p.scrape(nil); err != nil {
		return nil, err
	}
	p.process, err = start(dir, "prometheus", nil, program, "--config.file="+config, "--log.level=warn",
		"--storage.tsdb.path="+filepath.Join(dir, "prometheus"), "--web.listen-address="+address[0])
	if err != nil {
		return nil, err
	}
	if err := p.process.await(ctx, answers(p.url+"/-/ready")); err != nil {
		return nil, errors.Join(err, p.process.stop())
	}
	return p, nil
}

// scrape makes Prometheus scrape services, by arm, and nothing else.
func (p *prometheusServer) scrape(services map[string]string) error {
	type group struct {
		Targets []string          `json:"targets"`
		Labels  map[string]string `json:"labels"`
	}
	groups := []group{}
	for arm, address := range services {
		groups = append(groups, group{[]string{address}, map[string]string{"arm": arm}})
	}
	text, err := json.Marshal(groups)
	if err != nil {
		return fmt.Errorf("telling prometheus what to scrape: %w", err)
	}
	// Prometheus must not read half a file.
	if err := os.WriteFile(p.targets+".new", text, 0o600); err != nil {
		return fmt.Errorf("telling prometheus what to scrape: %w", err)
	}
	return os.Rename(p.targets+".new", p.targets)
}

// A sample is a value with its labels.
type sample struct {
	labels map[string]string
	value  float64
}

// ask returns the answer to a query.
func (p *prometheusServer) ask(ctx context.Context, query string) (list []sample, err error) {
	body, err := get(ctx, p.url+"/api/v1/query?query="+url.QueryEscape(query))
	if err != nil {
		return nil, err
	}
	var answer struct {
		Data struct {
			Result []struct {
				Metric map[string]string
				Value  [2]any
			}
		}
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, fmt.Errorf("asking prometheus: %w", err)
	}
	for _, r := range answer.Data.Result {
		x, err := strconv.ParseFloat(fmt.Sprint(r.Value[1]), 64)
		if err != nil {
			return nil, fmt.Errorf("asking prometheus for %s: %w", query, err)
		}
		list = append(list, sample{r.Metric, x})
	}
	return list, nil
}

// counted returns the requests that Prometheus has of an arm, by route and status, and the calls of handlers that
// ended, by route and outcome.
func (p *prometheusServer) counted(ctx context.Context, arm string) (map[answerKey]int, map[outcomeKey]int, error) {
	requests, err := p.ask(ctx, fmt.Sprintf("http_server_request_duration_seconds_count{arm=%q}", arm))
	if err != nil {
		return nil, nil, err
	}
	calls, err := p.ask(ctx, fmt.Sprintf("handler_calls_total{arm=%q}", arm))
	if err != nil {
		return nil, nil, err
	}
	answers, outcomes := map[answerKey]int{}, map[outcomeKey]int{}
	for _, s := range requests {
		status, err := strconv.Atoi(s.labels["http_response_status_code"])
		if err != nil {
			return nil, nil, fmt.Errorf("a metric of requests has no status: %v", s.labels)
		}
		answers[answerKey{s.labels["http_request_method"], s.labels["http_route"], status}] += int(s.value)
	}
	for _, s := range calls {
		if s.value > 0 {
			outcomes[outcomeKey{s.labels["key"], s.labels["outcome"]}] += int(s.value)
		}
	}
	return answers, outcomes, nil
}

// An outcomeKey is the calls of a route that ended in one way.
type outcomeKey struct{ key, outcome string }

// outcomes returns what the map of handlers must have counted: a status below 500 is no error of a handler.
func outcomes(counts map[answerKey]int) map[outcomeKey]int {
	all := map[outcomeKey]int{}
	for k, n := range counts {
		key := "unmatched"
		if k.route != "" {
			key = k.method + " " + k.route
		}
		all[outcomeKey{key, "ok"}] += n
	}
	return all
}
