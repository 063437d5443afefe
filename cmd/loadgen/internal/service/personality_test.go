//go:build linux

package service_test

import (
	"context"
	_ "expvar" // /debug/vars
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	_ "net/http/pprof" // /debug/pprof
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/service"
)

// asVariable makes the test binary a service. It names one of the personalities.
const asVariable = "SERVICE_TEST_AS"

// personalities are services with manners that a service may have.
var personalities = map[string]func(){
	"polite":    func() { serve(os.Getenv("PORT")) },
	"deaf":      func() { signal.Ignore(syscall.SIGTERM); serve(os.Getenv("PORT")) },
	"slow":      func() { fmt.Println("thinking"); select {} },
	"exiting":   func() { fmt.Println("reading config\nno \x1b[31mdatabase"); os.Exit(3) },
	"done":      func() {},
	"elsewhere": func() { serve("0") },
	"chatty":    func() { chat(); serve(os.Getenv("PORT")) },
	"child":     func() { burn(flagged("BURN")) },
	"daemon":    daemon,
	"spawner":   func() { spawn("daemon", true) },
	"passer":    func() { spawn("passing", true) },
	"passing":   func() { burn(flagged("BURN")); report() },
	"secure":    func() { serveTLS("127.0.0.1:" + os.Getenv("PORT")) },
	"only six":  func() { serveTLS("[::1]:" + os.Getenv("PORT")) },
	"grpc":      func() { serveGRPC(true) },
	"sick":      func() { serveGRPC(false) },
	"unhealthy": func() { listenGRPC(grpc.NewServer()) },
	"loadgen":   func() { loadgen(false) },
	"unguarded": func() { loadgen(true) },
	"argued":    func() { fmt.Println(strings.Join(os.Args[1:], " "), "A="+os.Getenv("A")); serve(os.Args[1]) },
}

func TestMain(m *testing.M) {
	if as := os.Getenv(asVariable); as != "" {
		personalities[as]()
		os.Exit(0)
	}
	if err := os.Setenv("GORACE", "atexit_sleep_ms=0"); err != nil { // services need not wait for reports of races
		panic(err)
	}
	os.Exit(m.Run())
}

// serve serves requests of the tests, until it is killed.
func serve(port string) {
	http.HandleFunc("/healthz", func(http.ResponseWriter, *http.Request) {})
	http.HandleFunc("/sick", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) })
	http.HandleFunc("/cpus", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, runtime.NumCPU()) })
	http.HandleFunc("/burn", func(_ http.ResponseWriter, r *http.Request) { burn(duration(r.FormValue("d"))) })
	http.HandleFunc("/cpu", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, int64(cpu())) })
	http.HandleFunc("/exit", func(http.ResponseWriter, *http.Request) { fmt.Println("giving up"); os.Exit(7) })
	http.HandleFunc("/kill", func(http.ResponseWriter, *http.Request) { _ = syscall.Kill(os.Getpid(), 9) })
	http.HandleFunc("/fork", func(http.ResponseWriter, *http.Request) { spawn("child", false) })
	http.HandleFunc("/orphan", func(http.ResponseWriter, *http.Request) { spawn("spawner", false) })
	http.HandleFunc("/passing", func(http.ResponseWriter, *http.Request) { spawn("passer", false) })
	http.HandleFunc("/stay", func(http.ResponseWriter, *http.Request) { spawn("daemon", true) })
	http.HandleFunc("/alloc", allocate)
	http.HandleFunc("/grow", grow)
	http.Handle("/metrics", promhttp.Handler())
	var muted atomic.Bool
	http.HandleFunc("/mute", func(http.ResponseWriter, *http.Request) { muted.Store(true) })
	l, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("listening on", l.Addr())
	fmt.Println(http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if muted.Load() {
			w.WriteHeader(503)
			return
		}
		http.DefaultServeMux.ServeHTTP(w, r)
	})))
	os.Exit(1)
}

// serveTLS serves with a certificate that no authority has signed.
func serveTLS(address string) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		panic(err)
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	server.Listener.Close()
	server.Listener = l
	server.StartTLS()
	select {}
}

var kept []byte

// allocate allocates n objects of 1 KiB.
func allocate(_ http.ResponseWriter, r *http.Request) {
	n, _ := strconv.Atoi(r.FormValue("n"))
	for range n {
		kept = make([]byte, 1024)
	}
}

// grow touches 64 MiB, and gives them back.
func grow(http.ResponseWriter, *http.Request) {
	kept = make([]byte, 64<<20)
	for i := range kept {
		kept[i] = 1
	}
	kept = nil
	debug.FreeOSMemory()
}

// chat prints 5 MiB.
func chat() {
	fmt.Println("the first line")
	for range 5 << 14 {
		fmt.Println(strings.Repeat("x", 63))
	}
	fmt.Println("the last line")
}

// cpu returns the CPU time of this process and of its children that have ended.
func cpu() (total time.Duration) {
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var usage syscall.Rusage
		if err := syscall.Getrusage(who, &usage); err != nil {
			panic(err)
		}
		total += time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
	}
	return total
}

// burn takes d of CPU time.
func burn(d time.Duration) {
	for end := cpu() + d; cpu() < end; {
	}
}

// daemon takes CPU time, says in a file how much, and stays.
func daemon() {
	burn(flagged("BURN"))
	report()
	select {}
}

// report writes the CPU time of this process to a file.
func report() {
	if err := os.WriteFile(os.Getenv("DONE"), fmt.Appendf(nil, "%d", int64(cpu())), 0o600); err != nil {
		panic(err)
	}
}

// spawn starts another personality. It waits for its end unless it stays, which is in a session of its own.
func spawn(as string, stays bool) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), asVariable+"="+as)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: stays}
	if err := cmd.Start(); err != nil {
		panic(err)
	}
	if !stays {
		_ = cmd.Wait()
	}
}

// flagged returns the duration in a variable.
func flagged(name string) time.Duration { return duration(os.Getenv(name)) }

func duration(text string) time.Duration {
	d, err := time.ParseDuration(text)
	if err != nil {
		panic(err)
	}
	return d
}

// serveGRPC serves the gRPC health service.
func serveGRPC(well bool) {
	s, h := grpc.NewServer(), health.NewServer()
	if !well {
		h.SetServingStatus("shop", grpc_health_v1.HealthCheckResponse_NOT_SERVING)
	}
	grpc_health_v1.RegisterHealthServer(s, h)
	listenGRPC(s)
}

func listenGRPC(s *grpc.Server) {
	l, err := net.Listen("tcp", "127.0.0.1:"+os.Getenv("PORT"))
	if err != nil {
		panic(err)
	}
	panic(s.Serve(l))
}

// loadgen starts a service with descendants, as loadgen does, and waits to be killed.
func loadgen(unguarded bool) {
	o := &service.Options{Command: []string{os.Args[0]}, Env: map[string]*string{asVariable: new("polite")}}
	s, err := service.Start(context.Background(), o)
	if err != nil {
		panic(err)
	}
	if unguarded {
		killGuards()
	} else {
		for _, path := range []string{"/orphan", "/stay"} {
			if _, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d%s", s.Port(), path)); err != nil {
				panic(err)
			}
		}
	}
	fmt.Println("started")
	select {}
}
