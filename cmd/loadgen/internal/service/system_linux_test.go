package service

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestTheProcessTableHasThisProcess(t *testing.T) {
	table, err := processes()
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(table, func(k kin) bool { return k.pid == os.Getpid() })
	if i < 0 || table[i].parent != os.Getppid() || table[i].zombie || table[i].started == 0 {
		t.Errorf("%d of %+v", i, table)
	}
}

func TestStatIsParsedWhateverTheNameIs(t *testing.T) {
	const rest = " S 7 8 9 0 -1 4 0 0 0 0 11 12 130 14 20 0 3 0 99 5 6"
	want := kin{pid: 12, parent: 7, session: 9, started: 99, children: 1440 * time.Millisecond}
	for _, name := range []string{"shop", "", "a b", ") S 1 (", "(", ")"} {
		want.name = name
		if got, err := parseStat([]byte("12 (" + name + ")" + rest)); err != nil || got != want {
			t.Errorf("%q: %+v, %v: want %+v", name, got, err, want)
		}
	}
	ended, err := parseStat([]byte("12 (x)" + strings.Replace(rest, " S ", " Z ", 1)))
	if err != nil || !ended.zombie {
		t.Errorf("%+v, %v: want a process that has ended", ended, err)
	}
}

func FuzzParseStat(f *testing.F) {
	for _, seed := range []string{"", "12 (x) S 1", "1 (x) Z 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20",
		")(", "1 (x) S a b c d e f g h i j k l m n o p q r s t"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if k, err := parseStat(data); err == nil && !strings.Contains(string(data), "("+k.name+")") {
			t.Errorf("%q: name %q", data, k.name)
		}
	})
}

func TestASocketOfThisProcessIsFound(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "[::1]:0", ":0"} {
		t.Run(address, func(t *testing.T) {
			l, err := net.Listen("tcp", address)
			if err != nil {
				t.Skip(err)
			}
			defer l.Close()
			own, err := socketsOf(os.Getpid())
			if err != nil {
				t.Fatal(err)
			}
			all, err := listening(os.Getpid())
			if err != nil {
				t.Fatal(err)
			}
			found := slices.ContainsFunc(all, func(s socket) bool {
				return own[s.inode] && s.address.String() == l.Addr().String()
			})
			if !found {
				t.Errorf("%v is not among %v", l.Addr(), all)
			}
		})
	}
}

func TestOnlyListeningSocketsAreParsed(t *testing.T) {
	const table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt uid timeout inode\n" +
		"   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 123 1 0 100\n" +
		"   1: 0100007F:1F91 0100007F:1F90 01 00000000:00000000 00:00000000 00000000  1000        0 124 1 0 100\n" +
		"   2: 00000000000000000000000001000000:0050 0:0 0A 0:0 0:0 0 0 0 125 1\n" +
		"   3: 0000000000000000FFFF00000100007F:0051 0:0 0A 0:0 0:0 0 0 0 126 1\n" +
		"   4: 0100:0050 0:0 0A 0:0 0:0 0 0 0 127 1\n"
	var got []string
	for _, s := range parseSockets([]byte(table)) {
		got = append(got, fmt.Sprint(s.address, " ", s.inode))
	}
	if want := []string{"127.0.0.1:8080 123", "[::1]:80 125", "127.0.0.1:81 126"}; !slices.Equal(got, want) {
		t.Errorf("%q: want %q", got, want)
	}
}

func FuzzParseSockets(f *testing.F) {
	f.Add([]byte("0: 0100007F:1F90 0:0 0A 0 0 0 0 0 123"))
	f.Add([]byte("0: 0100007:1F90 0:0 0A 0 0 0 0 0 123\n0: :x 0 0A 0 0 0 0 0 1"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, s := range parseSockets(data) {
			if !s.address.IsValid() || s.inode == "" {
				t.Errorf("%+v", s)
			}
		}
	})
}

// A service gets a port of its own when another program takes the one it was given.
func TestATakenPortIsReplaced(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	port := taken.Addr().(*net.TCPAddr).Port
	for name, row := range map[string]struct {
		takes int // how many of the ports that are given are taken
		fails bool
	}{"once": {1, false}, "twice": {2, false}, "always": {9, true}} {
		t.Run(name, func(t *testing.T) {
			given := 0
			o := &Options{
				Command: []string{os.Args[0]},
				Env:     map[string]*string{"SERVICE_TEST_AS": new("polite")},
				Ready:   Ready{LogLine: listensLine, Timeout: time.Minute},
				freePort: func() (int, error) {
					if given++; given <= row.takes {
						return port, nil
					}
					return freePort()
				},
			}
			s, err := Start(t.Context(), o)
			if row.fails {
				if err == nil || !strings.Contains(err.Error(), "address already in use") || given != portTries {
					t.Errorf("%v after %d tries: want %d", err, given, portTries)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if s.Port() == port || given != row.takes+1 {
				t.Errorf("port %d after %d tries", s.Port(), given)
			}
			if _, err := s.Stop(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestNoTwoPortsAreTheSame(t *testing.T) {
	given := []int{10, 10, 20, 10, 20, 30}
	o := &Options{Command: []string{"shop", "{{port a}}", "{{port b}}", "{{port a}}"}, Ports: map[string]int{"b": 20},
		freePort: func() (port int, err error) {
			port, given = given[0], given[1:]
			return port, nil
		}}
	n := o.names()
	if err := o.assign(n); err != nil || n.port != 10 || n.ports["a"] != 30 || n.ports["b"] != 20 {
		t.Errorf("%+v, %v: want 10, 30 and 20", n, err)
	}
	if len(o.Ports) != 1 {
		t.Errorf("the options have the ports %v: want them unchanged", o.Ports)
	}
	o.freePort = func() (int, error) { return 20, nil }
	if err := o.assign(o.names()); err == nil {
		t.Error("no error, and no port")
	}
}

// The guard kills the groups that it was told of and not told to forget.
func TestTheGuardKillsWhatIsLeft(t *testing.T) {
	o := &Options{Command: []string{os.Args[0]}, Env: map[string]*string{"SERVICE_TEST_AS": new("polite")}}
	var services [2]*Service
	for i := range services {
		s, err := Start(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		services[i] = s
	}
	left, forgotten := services[0], services[1]
	keepGuard("nobody", strings.NewReader(fmt.Sprintf("%d\nx\n%d\n%d\n", left.process.family.main,
		forgotten.process.family.main, -forgotten.process.family.main)))
	<-left.Gone()
	if forgotten.process.hasEnded() {
		t.Error("a group was killed that had ended")
	}
	for _, s := range services {
		if _, err := s.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

// Somebody who lists the processes of a machine may end one that looks idle.
func TestAGuardThatWasKilledIsReplacedByOneThatKnowsTheGroups(t *testing.T) {
	var g guardian
	if _, err := g.mark(); err != nil {
		t.Fatal(err)
	}
	unmarked := exec.Command(os.Args[0])
	unmarked.Env = append(os.Environ(), "SERVICE_TEST_AS=slow")
	unmarked.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := unmarked.Start(); err != nil {
		t.Fatal(err)
	}
	if err := g.watch(unmarked.Process.Pid); err != nil {
		t.Error(err)
	}
	for _, k := range strays(guardVariable+"="+g.owner, nil) {
		killProcess(k.pid)
	}
	<-g.ended
	if _, err := g.mark(); err != nil {
		t.Error(err)
	}
	g.orders.Close() // as at the end of this process
	if err := unmarked.Wait(); err == nil || err.Error() != "signal: killed" {
		t.Errorf("%v: want it killed", err)
	}
	<-g.ended
}

// The generator keeps to its processors, and so do its later threads.
func TestConfineHoldsForAllThreads(t *testing.T) {
	procs := runtime.GOMAXPROCS(0)
	defer func() {
		if err := given.Confine(); err != nil {
			t.Error(err)
		}
		runtime.GOMAXPROCS(procs)
	}()
	one := given[:1]
	if err := one.Confine(); err != nil {
		t.Fatal(err)
	}
	var threads, all sync.WaitGroup
	threads.Add(20)
	for range 20 {
		all.Go(func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			threads.Done()
			threads.Wait() // so that each has a thread of its own
			if got := threadCPUs(); !slices.Equal(got, one) {
				t.Errorf("%v: want %v", got, one)
			}
		})
	}
	all.Wait()
	if runtime.GOMAXPROCS(0) != 1 {
		t.Errorf("GOMAXPROCS is %d: want 1", runtime.GOMAXPROCS(0))
	}
	// A service gets all processors, unless its options say otherwise.
	s, err := Start(t.Context(), &Options{Command: []string{os.Args[0]},
		Env: map[string]*string{"SERVICE_TEST_AS": new("polite")}, Ready: Ready{HTTP: "/healthz"}})
	if err != nil {
		t.Fatal(err)
	}
	var mask unix.CPUSet
	if err := unix.SchedGetaffinity(s.process.family.main, &mask); err != nil || mask.Count() != len(given) {
		t.Errorf("the service has %d processors, %v: want %d", mask.Count(), err, len(given))
	}
	if _, err := s.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	if err := (CPUSet{1000}).Confine(); err == nil || !strings.Contains(err.Error(), "processor 1000: want some of ") {
		t.Errorf("%v: want an error", err)
	}
}
