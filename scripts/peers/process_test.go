package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// The tests start this program as the command does.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == childArgument {
		os.Exit(child(os.Args[2:], os.Stdin, os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

func TestAServerIsAnotherProcessThatCountsRequestsAndConnections(t *testing.T) {
	s, err := startServer(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer s.kill()
	const requests, connections = 5, 2
	for range connections {
		transport := &http.Transport{}
		for range requests {
			r, err := http.NewRequest(http.MethodGet, s.url, nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := readAnswer(transport.RoundTrip(r)); err != nil {
				t.Fatal(err)
			}
		}
		transport.CloseIdleConnections()
	}
	seen, err := s.seen()
	if want := (counts{requests * connections, connections}); err != nil || seen != want {
		t.Errorf("the server saw %+v, %v: want %+v", seen, err, want)
	}
	used, err := s.end()
	if err != nil || used.cpu() <= 0 || s.command.Process.Pid == os.Getpid() {
		t.Errorf("process %d has used %v, %v: want another process, with some CPU time", s.command.Process.Pid,
			used.cpu(), err)
	}
	s.kill() // does nothing
}

func TestAnAnswerThatTheServerDoesNotGiveIsAnError(t *testing.T) {
	for _, c := range []struct {
		name         string
		status, size int
		ok           bool
	}{
		{"the server's", 200, answerSize, true},
		{"another status", 503, answerSize, false},
		{"another size", 200, answerSize - 1, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			body := strings.NewReader(strings.Repeat("x", c.size))
			r := &http.Response{StatusCode: c.status, Body: io.NopCloser(body)}
			if err := readAnswer(r, nil); (err == nil) != c.ok {
				t.Errorf("the error is %v: want ok %t", err, c.ok)
			}
		})
	}
	if err := readAnswer(nil, io.EOF); !errors.Is(err, io.EOF) {
		t.Errorf("the error is %v: want %v", err, io.EOF)
	}
}

func TestABadJobIsAnErrorThatSaysWhatIsWrong(t *testing.T) {
	for _, c := range []struct {
		name string
		args []string
		want string
	}{
		{"none", nil, "0 jobs"},
		{"no JSON", []string{"server"}, "invalid character"},
		{"an unknown task", []string{`{"task":"dance"}`}, `unknown task "dance"`},
		{"an unknown client", []string{`{"task":"client","client":"curl"}`}, `client: unknown client "curl"`},
		{"an unknown client of stall", []string{`{"task":"stall","client":"curl"}`}, `stall: unknown client "curl"`},
		{"an unknown client of pool", []string{`{"task":"pool","client":"curl"}`}, `pool: unknown client "curl"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out, errs strings.Builder
			if code := child(c.args, strings.NewReader(""), &out, &errs); code != 2 || out.Len() > 0 ||
				!strings.Contains(errs.String(), c.want) {
				t.Errorf("exits with %d, prints %q and %q: want 2, and %q", code, out.String(), errs.String(), c.want)
			}
		})
	}
}

// Nothing listens at port 1.
func TestAClientWithoutAServerIsAnErrorWithItsReason(t *testing.T) {
	for name := range clients {
		t.Run(name, func(t *testing.T) {
			_, _, err := childLoader(name)(t.Context(), "http://127.0.0.1:1/", 1, 50*time.Millisecond)
			if err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("the error is %v: want one with the name of the client", err)
			}
			if refused := "refused"; name != fortioClient && err != nil && !strings.Contains(err.Error(), refused) {
				t.Errorf("the error is %v: want %q in it", err, refused)
			}
		})
	}
}

func TestTheEndOfTheContextKillsAChild(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s, err := startServer(ctx, 0)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	var more any // it gives none, unless its input ends
	if err := s.hear(&more); err == nil || !strings.Contains(err.Error(), "the server: ") {
		t.Errorf("the error is %v: want one with its name", err)
	}
}

func TestTheServerIsTheWitnessOfTheRequests(t *testing.T) {
	for _, c := range []struct {
		reported, extra, seen uint64
		want                  string
	}{
		{100, 0, 100, ""},
		{100, 0, 101, "reports 100 requests, and the server saw 101"},
		{100, 0, 99, "and the server saw 99"},
		{100, 32, 132, ""},
		{100, 32, 133, "up to 32 more"},
		{100, 32, 99, "and the server saw 99"},
		{0, 0, 0, "made no requests"},
	} {
		t.Run(fmt.Sprintf("%d+%d of %d", c.reported, c.extra, c.seen), func(t *testing.T) {
			err := witnessed("wrk", c.reported, c.extra, c.seen)
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("the error is %v: want %q", err, c.want)
			}
		})
	}
}

// A client that reports other requests than the server saw must not get a row.
func TestAClientThatMiscountsIsAnError(t *testing.T) {
	liar := func(ctx context.Context, url string, connections int, d time.Duration) (answer, usage, error) {
		a, u, err := childLoader(transportClient)(ctx, url, connections, d)
		a.Requests++
		return a, u, err
	}
	_, err := clientCost(t.Context(), "a liar", liar, 1, 10*time.Millisecond)
	if err == nil || !strings.Contains(err.Error(), "a liar reports") {
		t.Errorf("the error is %v: want one about the requests", err)
	}
}

func TestTheArithmeticOfAStallIsThatOfTheOracle(t *testing.T) {
	o, err := parse(nil, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := o.stall.arithmetic(), []float64{501, 901, 991, 1001}; !slices.Equal(got, want) {
		t.Errorf("percentiles are %v: want %v", got, want)
	}
	s := stallSection(o)
	if len(s.bars) != 8 {
		t.Fatalf("%d bars: want 4 for each of 2 rows of loadgen", len(s.bars))
	}
	least := 901.0
	if b := s.bars[1]; b.name != "loadgen, 64 connections, p99 ms" || b.least != least || b.most != 1.06*least {
		t.Errorf("a bar is %+v: want p99 from 901 to 6 %% above", b)
	}
}

// On a machine that is short of processors, a client may take longer to start than its load is to last.
func TestTheTimeOfAClientStartsWithItsFirstRequest(t *testing.T) {
	for _, name := range slices.Sorted(maps.Keys(clients)) {
		t.Run(name, func(t *testing.T) {
			s, err := startServer(t.Context(), 0)
			if err != nil {
				t.Fatal(err)
			}
			defer s.kill()
			a, _, err := childLoader(name)(t.Context(), s.url, 2, time.Nanosecond)
			if err != nil {
				t.Fatal(err)
			}
			seen, err := s.seen()
			if err == nil {
				err = witnessed(name, a.Requests, 0, seen.Requests)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
}
