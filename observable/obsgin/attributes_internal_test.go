package obsgin

import (
	"net"
	"strconv"
	"testing"
)

// Where package net finds a host and a number of a port, so does newAddress.
func FuzzAddress(f *testing.F) {
	for _, text := range []string{"", "shop", "shop:80", "shop:", ":80", "shop:http", "shop:99999", "[::1]:80",
		"[::1]", "[::1", "::1", "a:b:c", "[fe80::1%eth0]:4000", "@", "[]:1", "[a]b:1", "shop:+1", "shop:-1"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := newAddress(text)
		if got.port < -1 || got.port > 65535 {
			t.Errorf("%q has the port %d", text, got.port)
		}
		host, port, err := net.SplitHostPort(text)
		if err != nil {
			return
		}
		want := address{host, -1}
		if n, err := strconv.ParseUint(port, 10, 16); err == nil {
			want.port = int(n)
		}
		if got != want {
			t.Errorf("%q is %+v, want %+v", text, got, want)
		}
	})
}
