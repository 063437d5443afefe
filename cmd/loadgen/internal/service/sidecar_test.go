//go:build linux

package service_test

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"testing"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/service"
)

func TestSidecarsAreStartedBeforeAndStoppedAfter(t *testing.T) {
	db, o := options(t, "polite"), options(t, "argued")
	db.Name = "db"
	db.Env["PORT"] = new("{{port db}}")
	db.Ready.HTTP = "http://127.0.0.1:{{port db}}/healthz"
	o.Args = []string{"{{port}}", "{{port db}}"}
	o.Sidecars = []*service.Options{db}
	s := start(t, o)
	sidecar := s.Sidecars()[0]
	if sidecar.Name() != "db" || sidecar.Ports()["db"] != s.Ports()["db"] || s.Ports()["db"] == 0 {
		t.Errorf("%s, %v, %v: want both to know the port", sidecar.Name(), sidecar.Ports(), s.Ports())
	}
	if err := errors.Join(s.Begin(t.Context()), s.End(t.Context())); err != nil {
		t.Error(err)
	}
	for _, x := range []*service.Service{s, sidecar} {
		if cost := x.Cost(); cost.CPU == nil || cost.Startup == 0 {
			t.Errorf("%s: %+v: want a cost of its own", x.Name(), cost)
		}
	}
	// A service for the whole run is started by itself; a later one gets its ports.
	later := options(t, "argued")
	later.Args = []string{"{{port}}", "{{port db}}"}
	later.Ports = s.Ports()
	if got := start(t, later).Ports()["db"]; got != s.Ports()["db"] {
		t.Errorf("port %d: want %d", got, s.Ports()["db"])
	}
}

// The port of a sidecar is the one that the others know by its name, so that it is ready when that port answers.
func TestThePortOfASidecarHasItsName(t *testing.T) {
	for name, listens := range map[string]string{"its own": "", "by name": "{{port db}}"} {
		t.Run(name, func(t *testing.T) {
			db, o := options(t, "polite"), options(t, "argued")
			db.Name, db.Ready = "db", service.Ready{}
			if listens != "" {
				db.Env["PORT"] = new(listens)
			}
			o.Args = []string{"{{port}}", "{{port db}}"}
			o.Sidecars = []*service.Options{db}
			s := start(t, o)
			if sidecar := s.Sidecars()[0]; sidecar.Port() == 0 || sidecar.Port() != s.Ports()["db"] ||
				s.Port() == sidecar.Port() {
				t.Errorf("the sidecar has the port %d, the service knows %v and has %d", sidecar.Port(), s.Ports(),
					s.Port())
			}
		})
	}
}

func TestASidecarThatEndsByItselfEndsTheVisit(t *testing.T) {
	db, o := options(t, "polite"), options(t, "polite")
	db.Name, db.Env["PORT"] = "db", new("{{port db}}")
	db.Ready.HTTP = "http://127.0.0.1:{{port db}}/healthz"
	o.Sidecars = []*service.Options{db}
	s := start(t, o)
	if _, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/exit", s.Ports()["db"])); err == nil {
		t.Error("it answered")
	}
	<-s.Gone()
	wants(t, s.Err(), "sidecar db: it ended by itself: exit status 7", "giving up")
}

func TestNothingIsStartedAfterASidecarThatFails(t *testing.T) {
	db, o := options(t, "exiting"), options(t, "polite")
	db.Name, db.Ready = "db", service.Ready{}
	o.Sidecars = []*service.Options{options(t, "slow"), db}
	o.Sidecars[0].Ready = service.Ready{LogLine: regexp.MustCompile("thinking")}
	wants(t, refused(t, t.Context(), o), "service polite: sidecar db: it ended by itself: exit status 3")
}
