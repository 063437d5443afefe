//go:build linux

package service_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/service"
)

// markVariable is in the environment of all processes of a test.
const markVariable = "SERVICE_TEST_MARK"

// options returns the options of a personality. When the test ends, none of its processes may be left.
func options(t *testing.T, as string) *service.Options {
	t.Helper()
	mark := newMark(t)
	return &service.Options{
		Name: as,
		// The arguments of the test binary are none of a service's.
		Command: []string{os.Args[0]},
		Env:     map[string]*string{asVariable: new(as), markVariable: new(mark)},
		Ready:   service.Ready{HTTP: "/healthz", Timeout: time.Minute},
		Inspect: "none",
	}
}

// marks counts the marks of this process.
var marks atomic.Int64

// newMark returns a mark that no process may have when the test ends.
func newMark(t *testing.T) string {
	mark := fmt.Sprintf("%s-%d-%d.", t.Name(), os.Getpid(), marks.Add(1))
	t.Cleanup(func() { nothingLeft(t, mark) })
	return mark
}

// nothingLeft waits until no process has a mark in its environment. Long after they should have ended, it gives up and
// kills them.
func nothingLeft(t *testing.T, mark string) {
	t.Helper()
	for giveUp := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		left := withVariable(markVariable + "=" + mark)
		if len(left) == 0 {
			return
		}
		if time.Now().After(giveUp) {
			t.Errorf("processes %v are left", left)
			for _, pid := range left {
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
		}
	}
}

// withVariable returns the processes with a variable in their environment that begins so.
func withVariable(begin string) (pids []int) {
	files, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		panic(err)
	}
	for _, file := range files {
		environ, err := os.ReadFile(file)
		if err == nil && bytes.Contains(append([]byte{0}, environ...), []byte("\x00"+begin)) {
			pid, _ := strconv.Atoi(strings.Split(file, "/")[2])
			pids = append(pids, pid)
		}
	}
	return pids
}

// killGuards kills the guards of this process, which have the mark of its test.
func killGuards() {
	for _, pid := range withVariable("LOADGEN_SERVICE_GUARD=") {
		environ, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
		if err == nil && bytes.Contains(environ, []byte(markVariable+"="+os.Getenv(markVariable))) {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

// start starts a service, and stops it when the test ends.
func start(t *testing.T, o *service.Options) *service.Service {
	t.Helper()
	s, err := service.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, s) })
	return s
}

func stop(t *testing.T, s *service.Service) service.Exit {
	t.Helper()
	exit, err := s.Stop(context.Background())
	if err != nil {
		t.Error(err)
	}
	return exit
}

// refused returns the error of a start that must fail.
func refused(t *testing.T, ctx context.Context, o *service.Options) error {
	t.Helper()
	s, err := service.Start(ctx, o)
	if err == nil {
		stop(t, s)
		t.Fatal("the service was started: want an error")
	}
	return err
}

// ask returns the answer of a service.
func ask(t *testing.T, s *service.Service, path string) string {
	t.Helper()
	response, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d%s", s.Port(), path))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %v, %v", path, response.Status, err)
	}
	return string(body)
}

// provoke sends a request that ends the service.
func provoke(t *testing.T, s *service.Service, path string) {
	t.Helper()
	if response, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d%s", s.Port(), path)); err == nil {
		t.Errorf("%s was answered with %s", path, response.Status)
	}
	<-s.Gone()
}

// wants checks that an error says all of some things.
func wants(t *testing.T, err error, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("error %v: want %q in it", err, text)
		}
	}
}

func TestAServiceIsReadyWhenItAnswers(t *testing.T) {
	for name, row := range map[string]struct {
		as    string
		ready service.Ready
	}{
		"a path":                    {"polite", service.Ready{HTTP: "/healthz"}},
		"a URL":                     {"polite", service.Ready{HTTP: "http://localhost:{{port}}/healthz"}},
		"a URL, of no authority":    {"secure", service.Ready{HTTP: "https://127.0.0.1:{{port}}/"}},
		"a connection":              {"polite", service.Ready{TCP: true}},
		"a connection, by default":  {"polite", service.Ready{}},
		"a line of output":          {"polite", service.Ready{LogLine: regexp.MustCompile(`^listening on 127`)}},
		"a line, without listening": {"slow", service.Ready{LogLine: regexp.MustCompile(`^thinking$`)}},
		"the health of all of gRPC": {"grpc", service.Ready{GRPC: new("")}},
	} {
		t.Run(name, func(t *testing.T) {
			o := options(t, row.as)
			o.Ready = row.ready
			s := start(t, o)
			if startup := s.Cost().Startup; startup <= 0 {
				t.Errorf("a start-up time of %v", startup)
			}
			exit := stop(t, s)
			if exit.Status != "signal: terminated" || exit.Killed || exit.ByItself || exit.Code != -1 {
				t.Errorf("%+v: want it to end by TERM", exit)
			}
			if s.Err() != nil {
				t.Errorf("%v: a service that was stopped did not end by itself", s.Err())
			}
		})
	}
}

func TestAServiceThatDoesNotGetReadyIsAnErrorThatSaysWhy(t *testing.T) {
	const short, long = time.Second, 3 * time.Second
	for name, row := range map[string]struct {
		as    string
		ready service.Ready
		wants []string
	}{
		"never ready":   {"slow", service.Ready{HTTP: "/", Timeout: short}, []string{"refused", "\tthinking"}},
		"never healthy": {"polite", service.Ready{HTTP: "/sick", Timeout: long}, []string{"status 503"}},
		"no line":       {"slow", service.Ready{LogLine: regexp.MustCompile("x"), Timeout: short}, []string{`"x"`}},
		"exits at once": {"exiting", service.Ready{},
			[]string{"exit status 3", "\treading config\n\tno ?[31mdatabase"}},
		"ends without fail": {"done", service.Ready{}, []string{"exit status 0", "foreground", "printed nothing"}},
		"another port": {"elsewhere", service.Ready{HTTP: "/healthz", Timeout: long},
			[]string{"it listens on 127.0.0.1:", "let it listen on 127.0.0.1, port {{port}} or $PORT"}},
		"another address": {"only six", service.Ready{Timeout: long}, []string{"it listens on [::1]:"}},
		"sick in gRPC":    {"sick", service.Ready{GRPC: new("shop"), Timeout: long}, []string{"NOT_SERVING"}},
		"no health": {"unhealthy", service.Ready{GRPC: new("")},
			[]string{"it has no gRPC health service", "want another way"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if l, err := net.Listen("tcp", "[::1]:0"); err == nil {
				l.Close()
			} else if row.as == "only six" {
				t.Skip(err)
			}
			o := options(t, row.as)
			o.Ready = row.ready
			err := refused(t, t.Context(), o)
			wants(t, err, append(row.wants, "service "+row.as)...)
		})
	}
}

// A service that listens where it was asked to is not told to.
func TestAServiceThatListensIsNotAskedTo(t *testing.T) {
	for name, ready := range map[string]service.Ready{
		"no line": {LogLine: regexp.MustCompile("no such line"), Timeout: time.Second},
		"sick":    {HTTP: "/sick", Timeout: time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := options(t, "polite")
			o.Ready = ready
			err := refused(t, t.Context(), o)
			wants(t, err, "it is not ready after 1s")
			if strings.Contains(err.Error(), "let it listen") {
				t.Error(err)
			}
		})
	}
}

func TestAProgramThatCannotBeStartedIsAnError(t *testing.T) {
	o := &service.Options{Command: []string{"/no/such/program"}}
	wants(t, refused(t, t.Context(), o), "service program: ", "/no/such/program", "no such file")
}

// A directory that does not exist is not mistaken for a program that does not.
func TestADirectoryThatDoesNotExistIsAnError(t *testing.T) {
	o := options(t, "polite")
	o.Dir = "/no/such/directory"
	wants(t, refused(t, t.Context(), o), "service polite: its working directory: stat /no/such/directory: no such")
}

func TestAnInterruptEndsAStart(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	o := options(t, "slow")
	o.LogFile = filepath.Join(t.TempDir(), "logs", "slow.log")
	go func() {
		for data := []byte(nil); len(data) == 0; time.Sleep(time.Millisecond) {
			data, _ = os.ReadFile(o.LogFile)
		}
		cancel()
	}()
	if err := refused(t, ctx, o); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// A process that an earlier run left behind would answer for the service.
func TestAPortOfAnotherProcessIsRefused(t *testing.T) {
	leftover := start(t, options(t, "polite"))
	o := options(t, "elsewhere")
	o.Ready.HTTP = fmt.Sprintf("http://127.0.0.1:%d/healthz", leftover.Port())
	wants(t, refused(t, t.Context(), o), fmt.Sprintf("port %d belongs to process ", leftover.Port()),
		"(service.test), not to the service")
}

func TestAServiceThatEndsByItselfIsGoneAndSaysHow(t *testing.T) {
	for path, row := range map[string]struct {
		status string
		wants  []string
	}{
		"/exit": {"exit status 7", []string{"it ended by itself: exit status 7", "\tgiving up"}},
		"/kill": {"signal: killed", []string{"signal: killed", "when memory runs out"}},
	} {
		t.Run(path, func(t *testing.T) {
			s := start(t, options(t, "polite"))
			if err := s.Begin(t.Context()); err != nil {
				t.Fatal(err)
			}
			if s.Err() != nil {
				t.Errorf("%v before it ended", s.Err())
			}
			provoke(t, s, path)
			wants(t, s.Err(), append(row.wants, "service polite: ")...)
			wants(t, s.End(t.Context()), row.wants...)
			if cost := s.Cost(); cost.CPU == nil || *cost.CPU <= 0 || cost.PeakRSS != nil {
				t.Errorf("%+v: want the CPU time, and no peak of memory", cost)
			}
			if exit := stop(t, s); !exit.ByItself || exit.Killed || exit.Status != row.status {
				t.Errorf("%+v", exit)
			}
			// The next visit has a service of its own.
			ask(t, start(t, options(t, "polite")), "/healthz")
		})
	}
}

func TestAServiceThatIgnoresItsSignalIsKilled(t *testing.T) {
	o := options(t, "deaf")
	o.Stop.Grace = time.Millisecond
	s := start(t, o)
	if exit := stop(t, s); !exit.Killed || exit.Status != "signal: killed" || exit.ByItself {
		t.Errorf("%+v", exit)
	}
}

func TestTheSignalOfTheOptionsStopsAService(t *testing.T) {
	o := options(t, "deaf")
	o.Stop = service.Stop{Signal: syscall.SIGINT, Grace: time.Hour}
	if exit := stop(t, start(t, o)); exit.Killed || exit.Status != "signal: interrupt" {
		t.Errorf("%+v", exit)
	}
}

func TestStopKillsAtOnceWhenItsContextEnds(t *testing.T) {
	o := options(t, "deaf")
	o.Stop.Grace = time.Hour
	s := start(t, o)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	first, err := s.Stop(ctx)
	if err != nil || !first.Killed {
		t.Errorf("%+v, %v", first, err)
	}
	if again, err := s.Stop(t.Context()); err != nil || again != first {
		t.Errorf("%+v, %v: want the same as the first time", again, err)
	}
}

func TestNoDescendantOutlivesAService(t *testing.T) {
	for _, path := range []string{"/stay", "/orphan"} {
		t.Run(path, func(t *testing.T) {
			o := options(t, "polite")
			done := filepath.Join(t.TempDir(), "done")
			o.Env["BURN"], o.Env["DONE"] = new("0s"), &done
			s := start(t, o)
			ask(t, s, path)
			waitForFile(t, done)
			if exit := stop(t, s); exit.Left != 1 || exit.Killed {
				t.Errorf("%+v: want one descendant that was left", exit)
			}
			if !s.Cost().HasChildren {
				t.Error("the cost does not say that there were children")
			}
		})
	}
}

// waitForFile returns what is in a file, as soon as there is something.
func waitForFile(t *testing.T, name string) string {
	t.Helper()
	for {
		if data, err := os.ReadFile(name); err == nil && len(data) > 0 {
			return string(data)
		}
		time.Sleep(time.Millisecond)
	}
}

// The guard kills descendants that left the session; the kernel kills the service, with or without a guard.
func TestNothingIsLeftWhenLoadgenIsKilled(t *testing.T) {
	for _, as := range []string{"loadgen", "unguarded"} {
		t.Run(as, func(t *testing.T) {
			mark := newMark(t)
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), asVariable+"="+as, markVariable+"="+mark, "BURN=0s",
				"DONE="+filepath.Join(t.TempDir(), "done"))
			cmd.Stderr = os.Stderr
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			if line, err := bufio.NewReader(out).ReadString('\n'); line != "started\n" {
				t.Errorf("%q, %v", line, err)
			}
			if n := len(withVariable(markVariable + "=" + mark)); n < 2 {
				t.Errorf("%d processes: want loadgen and its service at least", n)
			}
			if err := cmd.Process.Kill(); err != nil {
				t.Error(err)
			}
			_ = cmd.Wait()
		})
	}
}

func TestPlaceholdersAndTheEnvironmentAreThoseOfTheArm(t *testing.T) {
	t.Setenv("A", "unset by the arm")
	o := options(t, "argued")
	o.Args = []string{"{{port}}", "$(PORT)", "{{ otlp }}", "{{port admin}}"}
	o.Values = map[string]string{"otlp": "http://127.0.0.1:4318"}
	o.Env["A"] = nil
	o.LogFile = filepath.Join(t.TempDir(), "argued.log")
	s := start(t, o)
	stop(t, s)
	got, err := os.ReadFile(o.LogFile)
	want := fmt.Sprintf("%d %[1]d http://127.0.0.1:4318 %d A=\n", s.Port(), s.Ports()["admin"])
	if err != nil || !strings.HasPrefix(string(got), want) || s.Ports()["admin"] == 0 {
		t.Errorf("%q, %v: want %q", got, err, want)
	}
	url, err := s.Expand("http://127.0.0.1:{{port}}/")
	if err != nil || url != fmt.Sprintf("http://127.0.0.1:%d/", s.Port()) {
		t.Errorf("%q, %v", url, err)
	}
}

func TestALongLogKeepsItsBeginningAndItsEnd(t *testing.T) {
	o := options(t, "chatty")
	o.LogFile = filepath.Join(t.TempDir(), "chatty.log")
	s := start(t, o)
	provoke(t, s, "/exit")
	wants(t, s.Err(), "the last line\n\tlistening on 127.0.0.1:", "\tgiving up", o.LogFile)
	if len(s.Err().Error()) > 5<<10 {
		t.Errorf("the error has %d bytes: want a quote of 4 KiB", len(s.Err().Error()))
	}
	stop(t, s)
	data, err := os.ReadFile(o.LogFile)
	text := string(data)
	if err != nil || !strings.HasPrefix(text, "the first line\n") || !strings.HasSuffix(text, "giving up\n") ||
		!strings.Contains(text, "bytes of the output are left out here]") || len(text) > 2<<20+100 {
		t.Errorf("%d bytes, %v", len(text), err)
	}
}
