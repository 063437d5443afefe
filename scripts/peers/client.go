package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// clientConnections are the numbers of connections in the client section.
var clientConnections = []int{1, 32}

// Columns of the client section.
const (
	clientCPU = iota
	clientSystem
	clientToTransport
	clientOfOurs
	clientAllocs
	clientRequests
)

// client measures the CPU time of HTTP clients, each in a process of its own.
func client(o options) section {
	length := o.duration * 3 / 2 // the start of a process counts, and should not count for much
	s := section{
		name: "client",
		title: fmt.Sprintf("the CPU time of a client per HTTP/1.1 request, closed loop of %v, GOMAXPROCS=1, answers "+
			"of %d B", length, answerSize),
		head:    []string{"connections", "who"},
		columns: []string{"CPU us", "sys %", "CPU / Transport's", "loadgen's CPU / its", "allocs", "requests"},
		notes: []string{
			"CPU: all that the process of the client used (wait4), its start included. Server and client have a",
			"processor each, if there are two. Ratios are of the same round. Allocs: per request, in the middle half",
			"of the time. Requests: the server saw as many; of wrk and h2load it may see one more per connection.",
		},
	}
	names := []string{transportClient, clientConnClient, loadgenClient, fasthttpClient, fortioClient, vegetaClient,
		heyClient}
	for _, connections := range clientConnections {
		add := func(name string, load loader) {
			s.cells = append(s.cells, cell{[]string{fmt.Sprint(connections), name},
				func(ctx context.Context) (figures, error) {
					return clientCost(ctx, name, load, connections, length)
				}})
		}
		for _, name := range names {
			add(name, childLoader(name))
		}
		for _, p := range programs {
			add(p.name, p.load)
		}
	}
	rows := len(s.cells) / len(clientConnections)
	s.finish = func(round []figures) {
		for group := range slices.Chunk(round, rows) {
			clientRatios(group, slices.Index(names, transportClient), slices.Index(names, loadgenClient))
		}
	}
	s.bars = clientBars(&s)
	return s
}

// clientRatios fills in the ratios of clients that were measured in one round with the same number of connections.
func clientRatios(group []figures, transport, ours int) {
	for _, f := range group {
		f.values[clientToTransport] = f.values[clientCPU] / group[transport].values[clientCPU]
		f.values[clientOfOurs] = group[ours].values[clientCPU] / f.values[clientCPU]
	}
}

// clientBars returns what loadgen's client promises.
func clientBars(s *section) (bars []bar) {
	add := func(connections, column int, who, what string, most float64) {
		row := s.row(fmt.Sprint(connections), who)
		bars = append(bars, bar{
			name:   fmt.Sprintf("%s, %d connection%s", what, connections, plural(connections)),
			values: func(round []figures) float64 { return round[row].values[column] },
			most:   most,
		})
	}
	add(1, clientOfOurs, transportClient, "CPU of loadgen / Transport's", 0.65)
	add(32, clientOfOurs, transportClient, "CPU of loadgen / Transport's", 0.48)
	add(32, clientOfOurs, "wrk", "CPU of loadgen / wrk's", 1.6)
	add(32, clientOfOurs, vegetaClient, "CPU of loadgen / vegeta's", 0.38)
	// What the runtime and the engine allocate now and then is not per request.
	for _, connections := range clientConnections {
		add(connections, clientAllocs, loadgenClient, "allocations of loadgen per request", 0.01)
	}
	return bars
}

// A loader makes requests to a URL for d, in a process of its own.
type loader func(ctx context.Context, url string, connections int, d time.Duration) (answer, usage, error)

// childLoader returns the loader of a client in this program.
func childLoader(name string) loader {
	return func(ctx context.Context, url string, connections int, d time.Duration) (a answer, u usage, err error) {
		p, err := startChild(ctx, clientSide,
			job{Task: clientTask, Client: name, URL: url, Connections: connections, Duration: d})
		if err != nil {
			return a, u, err
		}
		defer p.kill()
		if err := p.hear(&a); err != nil {
			return a, u, err
		}
		u, err = p.end()
		return a, u, err
	}
}

// patience is how much longer than its load a process may take.
const patience = 30 * time.Second

// clientCost measures a client. It leaves room for two ratios.
func clientCost(ctx context.Context, name string, load loader, connections int, d time.Duration) (figures, error) {
	ctx, cancel := context.WithTimeout(ctx, d+patience)
	defer cancel()
	f := figures{values: slices.Repeat([]float64{missing}, clientRequests+1)}
	s, err := startServer(ctx, 0)
	if err != nil {
		return f, err
	}
	defer s.kill()
	a, used, err := load(ctx, s.url, connections, d)
	if errors.Is(err, errNotInstalled) {
		f.note = err.Error()
		return f, nil
	} else if err != nil {
		return f, err
	}
	seen, err := s.seen()
	if err != nil {
		return f, err
	}
	extra := 0
	if slices.ContainsFunc(programs, func(p program) bool { return p.name == name }) {
		extra = connections
	}
	if err := witnessed(name, a.Requests, uint64(extra), seen.Requests); err != nil {
		return f, err
	}
	f.values[clientCPU] = micros(used.cpu()) / float64(seen.Requests)
	f.values[clientSystem] = 100 * float64(used.system) / float64(used.cpu())
	if a.Allocs != nil {
		f.values[clientAllocs] = *a.Allocs
	}
	f.values[clientRequests] = float64(a.Requests)
	_, err = s.end()
	return f, err
}
