package sockets

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Machine returns the limits of this machine.
func Machine() Limits {
	l := portLimits("/proc/sys/net/ipv4")
	l.Descriptors = descriptors()
	return l
}

// timeWait is how long Linux keeps the port of a connection that it closed first (TCP_TIMEWAIT_LEN).
const timeWait = 60 * time.Second

// portLimits reads the settings of ports from a directory like /proc/sys/net/ipv4.
func portLimits(dir string) Limits {
	bounds := strings.Fields(setting(dir, "ip_local_port_range"))
	if len(bounds) != 2 {
		return Limits{}
	}
	first, err := strconv.ParseUint(bounds[0], 10, 16)
	last, errLast := strconv.ParseUint(bounds[1], 10, 16)
	if err != nil || errLast != nil || last < first {
		return Limits{}
	}
	l := Limits{Ports: last - first + 1 - reserved(setting(dir, "ip_local_reserved_ports"), first, last),
		Held: timeWait, HeldLoopback: timeWait}
	if setting(dir, "tcp_timestamps") == "0" { // they tell the packets of two connections apart
		return l
	}
	// With tcp_tw_reuse, a new connection may take such a port after a delay, by default one second.
	delay := time.Second
	if ms, err := strconv.ParseUint(setting(dir, "tcp_tw_reuse_delay"), 10, 31); err == nil {
		delay = max(time.Duration(ms)*time.Millisecond, time.Millisecond)
	}
	switch setting(dir, "tcp_tw_reuse") {
	case "1":
		l.Held, l.HeldLoopback = delay, delay
	case "2": // the default
		l.HeldLoopback = delay
	}
	return l
}

// setting returns the text of a file of a setting, or "" if it cannot be read.
func setting(dir, name string) string {
	text, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return "" // an older kernel, or one that does not let this process read it
	}
	return strings.TrimSpace(string(text))
}

// reserved returns how many ports from first to last a list such as 8080,9000-9010 holds.
func reserved(list string, first, last uint64) (n uint64) {
	for part := range strings.SplitSeq(list, ",") {
		from, to, ranged := strings.Cut(part, "-")
		if !ranged {
			to = from
		}
		low, errLow := strconv.ParseUint(from, 10, 16)
		high, errHigh := strconv.ParseUint(to, 10, 16)
		low, high = max(low, first), min(high, last)
		if errLow == nil && errHigh == nil && low <= high {
			n += high - low + 1
		}
	}
	return n
}
