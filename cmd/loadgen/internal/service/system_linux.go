package service

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/child"
)

// setAttributes gives a child a session of its own, and makes the kernel kill it when the thread that starts it ends.
func setAttributes(cmd *child.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
}

// setGuardAttributes gives a child a session of its own. It outlives this process.
func setGuardAttributes(cmd *child.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }

// executable returns the path of this program, also if its file has been replaced since it was started.
func executable() (string, error) { return "/proc/self/exe", nil }

// adoptOrphans makes this process the parent of descendants whose own parents have ended.
func adoptOrphans() error { return unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) }

// tick is the unit of times in /proc/PID/stat: USER_HZ is 100 on amd64 and arm64.
const tick = 10 * time.Millisecond

// processes returns all processes that there are.
func processes() ([]kin, error) {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	var table []kin
	for _, name := range names {
		if name[0] < '0' || name[0] > '9' {
			continue
		}
		data, err := os.ReadFile("/proc/" + name + "/stat")
		if err != nil {
			continue // it has ended
		}
		k, err := parseStat(data)
		if err != nil {
			return nil, fmt.Errorf("/proc/%s/stat: %w", name, err)
		}
		table = append(table, k)
	}
	return table, nil
}

// parseStat parses /proc/PID/stat; see proc_pid_stat(5). The name of the program, in parentheses, may hold anything.
func parseStat(data []byte) (kin, error) {
	begin, end := bytes.IndexByte(data, '('), bytes.LastIndexByte(data, ')')
	if begin < 1 || end < begin {
		return kin{}, fmt.Errorf("%q has no name in parentheses", data)
	}
	const state, parent, session, childUser, childSystem, started = 0, 1, 3, 13, 14, 19
	fields := strings.Fields(string(data[end+1:]))
	if len(fields) <= started {
		return kin{}, fmt.Errorf("it has %d fields: want more than %d", len(fields), started)
	}
	k := kin{name: string(data[begin+1 : end]), zombie: strings.Contains("ZX", fields[state])}
	var user, system int64
	for _, f := range []struct {
		text string
		into *int64
	}{{fields[childUser], &user}, {fields[childSystem], &system}} {
		n, err := strconv.ParseInt(f.text, 10, 64)
		if err != nil {
			return kin{}, err
		}
		*f.into = n
	}
	k.children = time.Duration(user+system) * tick
	var errs [4]error
	k.pid, errs[0] = strconv.Atoi(strings.TrimSpace(string(data[:begin])))
	k.parent, errs[1] = strconv.Atoi(fields[parent])
	k.session, errs[2] = strconv.Atoi(fields[session])
	k.started, errs[3] = strconv.ParseUint(fields[started], 10, 64)
	for _, err := range errs {
		if err != nil {
			return kin{}, err
		}
	}
	return k, nil
}

// processClock returns the CPU time of all threads of a process, also of those that have ended. It needs no rights;
// see CLOCK_PROCESS_CPUTIME_ID and clock_getcpuclockid(3): 2 is CPUCLOCK_SCHED.
func processClock(pid int) (time.Duration, error) {
	var t unix.Timespec
	if err := unix.ClockGettime(int32(^pid)<<3|2, &t); err != nil {
		return 0, fmt.Errorf("reading the CPU time of process %d: %w", pid, err)
	}
	return time.Duration(t.Nano()), nil
}

// resetPeak makes the kernel forget the peak of a process's memory; see clear_refs in proc_pid_clear_refs(5).
func resetPeak(pid int) error {
	return os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0)
}

// peakRSS returns the largest resident memory of a process since resetPeak, in bytes.
func peakRSS(pid int) (uint64, error) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if value, ok := strings.CutPrefix(s.Text(), "VmHWM:"); ok {
			kb, err := strconv.ParseUint(strings.TrimSpace(strings.TrimSuffix(value, "kB")), 10, 64)
			return kb << 10, err
		}
	}
	return 0, fmt.Errorf("/proc/%d/status has no VmHWM: %w", pid, os.ErrNotExist) // it has no memory any more
}

// marked reports whether the environment that a process was started with has a variable that begins with mark.
func marked(pid int, mark string) bool {
	environ, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	if err != nil {
		return false // it has ended, or belongs to another user, and so not to a service
	}
	return bytes.HasPrefix(environ, []byte(mark)) || bytes.Contains(environ, []byte("\x00"+mark))
}

// adopted returns the children of the first thread of this process. The kernel gives it the orphans; what this program
// starts itself are usually children of other threads. It returns none if the kernel does not tell.
func adopted() (pids []int) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/self/task/%d/children", os.Getpid()))
	if err != nil {
		return nil
	}
	for _, field := range strings.Fields(string(data)) {
		if pid, err := strconv.Atoi(field); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// bury takes note of the end of an adopted process, and returns the CPU time of it and of its children. It returns
// false if the process has not ended.
func bury(pid int) (time.Duration, bool) {
	var usage unix.Rusage
	if got, err := unix.Wait4(pid, nil, unix.WNOHANG, &usage); err != nil || got != pid {
		return 0, false
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()), true
}

// A socket listens for TCP connections.
type socket struct {
	address netip.AddrPort
	inode   string
}

// listening returns the sockets that listen in the network namespace of a process.
func listening(pid int) (sockets []socket, err error) {
	for _, table := range []string{"tcp", "tcp6"} {
		data, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/%s", pid, table))
		if os.IsNotExist(err) && table == "tcp6" {
			continue // a system without IPv6
		} else if err != nil {
			return nil, err
		}
		sockets = append(sockets, parseSockets(data)...)
	}
	return sockets, nil
}

// parseSockets returns the listening sockets in /proc/net/tcp or /proc/net/tcp6; see proc_net_tcp(5).
func parseSockets(data []byte) (sockets []socket) {
	const local, state, inode, listens = 1, 3, 9, "0A"
	for line := range strings.Lines(string(data)) {
		fields := strings.Fields(line)
		if len(fields) <= inode || fields[state] != listens {
			continue
		}
		if address, ok := parseAddress(fields[local]); ok {
			sockets = append(sockets, socket{address, fields[inode]})
		}
	}
	return sockets
}

// parseAddress parses an address of /proc/net/tcp: words of 32 bits in the order of a little-endian machine, and a
// port.
func parseAddress(text string) (netip.AddrPort, bool) {
	host, port, _ := strings.Cut(text, ":")
	raw, err := hex.DecodeString(host)
	n, failed := strconv.ParseUint(port, 16, 16)
	if err != nil || failed != nil || len(raw)%4 != 0 {
		return netip.AddrPort{}, false
	}
	for word := raw; len(word) > 0; word = word[4:] {
		binary.BigEndian.PutUint32(word, binary.LittleEndian.Uint32(word))
	}
	address, ok := netip.AddrFromSlice(raw)
	return netip.AddrPortFrom(address.Unmap(), uint16(n)), ok
}

// socketsOf returns the inodes of the sockets that a process has open.
func socketsOf(pid int) (map[string]bool, error) {
	dir := fmt.Sprintf("/proc/%d/fd/", pid)
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	inodes := map[string]bool{}
	for _, file := range files {
		target, err := os.Readlink(dir + file.Name())
		if err != nil {
			continue // it has been closed
		}
		if inode, ok := strings.CutPrefix(target, "socket:["); ok {
			inodes[strings.TrimSuffix(inode, "]")] = true
		}
	}
	return inodes, nil
}
