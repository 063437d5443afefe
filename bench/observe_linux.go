package bench

import (
	"bytes"
	"math"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// pressureFiles are the open files /proc/pressure/cpu, memory and io; none if the kernel does not have
// them or does not allow reading them. They are read with system calls, because an os.File would be
// registered with the poller.
type pressureFiles struct {
	fds  []int
	data [512]byte // one file: two lines of some 60 bytes
}

func openPressure() (p pressureFiles) {
	for _, name := range [...]string{"cpu", "memory", "io"} {
		fd, err := unix.Open("/proc/pressure/"+name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			p.close()
			return pressureFiles{} // not known is what Pressure says then
		}
		p.fds = append(p.fds, fd)
	}
	return p
}

func (p *pressureFiles) close() {
	for _, fd := range p.fds {
		_ = unix.Close(fd) // was only read
	}
	p.fds = nil
}

func (p *pressureFiles) read() (s stalls) {
	if len(p.fds) == 0 {
		return stalls{}
	}
	for i, into := range [...]*time.Duration{&s.cpu, &s.memory, &s.io} {
		n, err := unix.Pread(p.fds[i], p.data[:], 0)
		if err != nil {
			return stalls{}
		}
		var ok bool
		if *into, ok = parsePressure(p.data[:n]); !ok {
			return stalls{}
		}
	}
	s.known = true
	return s
}

// parsePressure returns the total, in microseconds, of the line "some" of a file of /proc/pressure:
//
//	some avg10=0.09 avg60=0.05 avg300=0.06 total=1651776
//	full avg10=0.00 avg60=0.00 avg300=0.02 total=1139541
func parsePressure(data []byte) (some time.Duration, ok bool) {
	for len(data) > 0 {
		var line []byte
		line, data, _ = bytes.Cut(data, []byte("\n"))
		fields, found := bytes.CutPrefix(line, []byte("some "))
		if !found {
			continue
		}
		_, total, found := bytes.Cut(fields, []byte("total="))
		if !found {
			return 0, false
		}
		us, err := strconv.ParseUint(string(total), 10, 64)
		if err != nil || us > math.MaxInt64/uint64(time.Microsecond) {
			return 0, false
		}
		return time.Duration(us) * time.Microsecond, true
	}
	return 0, false
}
