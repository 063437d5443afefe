package address_test

import (
	"strings"
	"testing"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/address"
	"github.com/loadgen-go/loadgen/scenarios"
)

func TestAURLIsAScenario(t *testing.T) {
	for _, c := range []struct{ url, called, name string }{
		{"http://127.0.0.1:80/items?a=b", "http://127.0.0.1:80/items?a=b", "127.0.0.1-80-items"},
		{"https://me@shop.test/", "https://shop.test/", "shop.test"},
		{"http://a/x/{{uuid}}", "http://a", "a-x-uuid"},
		{"grpc://127.0.0.1:90/shop.Orders/Create", "grpc://127.0.0.1:90/shop.Orders/Create",
			"127.0.0.1-90-shop.Orders-Create"},
		{"GRPCS://[::1]:90/shop.Orders/Create", "grpcs://[::1]:90/shop.Orders/Create", "1-90-shop.Orders-Create"},
		{"grpc://a:90/shop.Orders.Create", "grpc://a:90/shop.Orders.Create", "a-90-shop.Orders.Create"},
		{"unix:///run/shop.sock/shop.Orders/Create", "unix:///run/shop.sock/shop.Orders/Create",
			"run-shop.sock-shop.Orders-Create"},
		{"unix:/run/s/shop.Orders/Create", "unix:///run/s/shop.Orders/Create", "run-s-shop.Orders-Create"},
		{"unix:s/a.B/C", "unix://s/a.B/C", "s-a.B-C"},
	} {
		t.Run(c.url, func(t *testing.T) {
			s, err := address.Scenario(c.url, nil)
			if err != nil {
				t.Fatal(err)
			}
			if got := s.Called().URL(); !address.IsURL(c.url) || got != c.called || s.Name != c.name {
				t.Errorf("%s, called %s: want %s and %s", got, s.Name, c.called, c.name)
			}
		})
	}
}

// A service that is started has its port in its address, and a name that does not depend on it.
func TestAURLMayHaveThePortOfAServiceThatIsStarted(t *testing.T) {
	start := scenarios.Setting{Key: scenarios.ServiceKey, Where: "--service",
		Apply: func(s *scenarios.Scenario) error {
			s.Service = &scenarios.Service{Command: []string{"shop"}}
			return nil
		}}
	for url, name := range map[string]string{"http://127.0.0.1:{{port}}/items": "service-items",
		"grpc://127.0.0.1:{{port}}/a.B/C": "service-a.B-C"} {
		s, err := address.Scenario(url, []scenarios.Setting{start})
		if err != nil || s.Name != name || s.Called().URL() != url {
			t.Errorf("%s: %+v, %v", url, s, err)
		}
		if _, err := address.Scenario(url, nil); err == nil || !strings.Contains(err.Error(), "want --service") {
			t.Errorf("%s without a service: %v", url, err)
		}
	}
}

// Any URL is a scenario or an error.
func FuzzScenario(f *testing.F) {
	for _, url := range []string{"http://a/{{n}}", "https://me:p@a:1/", "grpc://a:1/b.C/D", "grpcs://a/", "unix://",
		"unix:/", "unix:a/b/c", "grpc:", "grpc:/a:1/b.C/D", "ftp://a", "grpc://me@a:1/b.C/D",
		`grpc://{{env "HOME"}}:1/b.C/D`} {
		f.Add(url)
	}
	f.Fuzz(func(t *testing.T, url string) {
		if s, err := address.Scenario(url, nil); (s == nil) == (err == nil) {
			t.Errorf("%q: scenario %v, error %v", url, s, err)
		}
	})
}

// Arms are compared, which needs more rounds than the answer of one service.
func TestArmsHaveMoreRounds(t *testing.T) {
	start := scenarios.Setting{Key: scenarios.ServiceKey, Where: "--service"}
	start.Apply = func(s *scenarios.Scenario) error {
		s.Service = &scenarios.Service{Command: []string{"./shop"}}
		return nil
	}
	arms := scenarios.Setting{Key: scenarios.ServiceArms, Where: "--arm", Apply: func(s *scenarios.Scenario) error {
		s.ServiceArms = []scenarios.Arm{{Name: "a"}, {Name: "b"}}
		return nil
	}}
	for name, c := range map[string]struct {
		settings []scenarios.Setting
		want     int
	}{"a service": {nil, 6}, "one that is started": {[]scenarios.Setting{start}, 6},
		"arms": {[]scenarios.Setting{start, arms}, 12}} {
		t.Run(name, func(t *testing.T) {
			s, err := address.Scenario("http://127.0.0.1:80/", c.settings)
			if err != nil || s.Rounds != c.want {
				t.Errorf("%+v, %v: want %d rounds", s, err, c.want)
			}
		})
	}
}
