package sockets

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestTheSettingsOfPortsAreRead(t *testing.T) {
	for name, c := range map[string]struct {
		settings map[string]string
		want     Limits
	}{
		"usual": {map[string]string{"ip_local_port_range": "32768\t60999\n", "tcp_tw_reuse": "2\n",
			"tcp_timestamps":     "1",
			"tcp_tw_reuse_delay": "500"}, Limits{Ports: 28_232, Held: time.Minute,
			HeldLoopback: 500 * time.Millisecond}},
		"an older kernel": {map[string]string{"ip_local_port_range": "1024 65535", "tcp_tw_reuse": "1"},
			Limits{Ports: 64_512, Held: time.Second, HeldLoopback: time.Second}},
		"no reuse": {map[string]string{"ip_local_port_range": "1 10", "tcp_tw_reuse": "0"},
			Limits{Ports: 10, Held: time.Minute, HeldLoopback: time.Minute}},
		"no timestamps": {map[string]string{"ip_local_port_range": "1 10", "tcp_tw_reuse": "2", "tcp_timestamps": "0"},
			Limits{Ports: 10, Held: time.Minute, HeldLoopback: time.Minute}},
		"reserved": {map[string]string{"ip_local_port_range": "100 199",
			"ip_local_reserved_ports": "5,90-109,150,190-300"},
			Limits{Ports: 79, Held: time.Minute, HeldLoopback: time.Minute}},
		"nothing":    {nil, Limits{}},
		"nonsense":   {map[string]string{"ip_local_port_range": "9 1"}, Limits{}},
		"no numbers": {map[string]string{"ip_local_port_range": "a b"}, Limits{}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for file, text := range c.settings {
				if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if got := portLimits(dir); got != c.want {
				t.Errorf("%+v, want %+v", got, c.want)
			}
		})
	}
	if l := Machine(); l.Descriptors == 0 {
		t.Errorf("this machine: %+v", l)
	}
}
