package service_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/service"
)

func TestCheckReportsEveryWrongField(t *testing.T) {
	port := "{{prot}}"
	o := &service.Options{
		Name:    "shop",
		Args:    []string{"a\x00", port},
		Env:     map[string]*string{"A=B": nil, "C": new("\x00"), "D": &port},
		Ports:   map[string]int{"db": 70_000},
		Ready:   service.Ready{HTTP: "healthz", TCP: true, Timeout: -1},
		Stop:    service.Stop{Signal: -1, Grace: -1},
		Inspect: "pprof",
		Values:  map[string]string{"otlp": ""},
		Sidecars: []*service.Options{nil, {Name: "db"}, {Name: "db", Command: []string{"db"}},
			{Name: "x", Command: []string{"x", "{{otlp}} {{port db}} {{x}}"}}},
	}
	err := o.Check()
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{
		`the options of service "shop": `,
		"Command: it is missing: want a program and its arguments",
		`Args[1]: "{{prot}}": unknown placeholder {{prot}}: want one of port, port NAME, otlp (did you mean port?)`,
		`Env: "A=B" is no name of a variable`,
		"Env: the value of C has a NUL",
		`Env[D]: "{{prot}}": unknown placeholder`,
		"Ports: db is 70000: want 1 to 65535",
		"Ready: 2 of HTTP, TCP, GRPC and LogLine are set: want one",
		`Ready.HTTP: "healthz": want a path that begins with /, or a URL`,
		"Ready.Timeout: -1ns: want 0 for 30s, or more",
		"Stop.Signal: -1",
		"Stop.Grace: -1ns: want 0 for 10s, or more",
		`Inspect: "pprof": want auto, none, or a URL`,
		"Sidecars[0]: it is missing",
		`Sidecars[1]: the options of service "db": Command: it is missing`,
		"Sidecars[2]: there are two sidecars db: want a Name for each",
		`Sidecars[3]: the options of service "x": Command[1]: "{{otlp}} {{port db}} {{x}}": unknown placeholder {{x}}`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error lacks %q", want)
		}
	}
	if t.Failed() {
		t.Log(err)
	}
	if _, failed := service.Start(t.Context(), o); failed == nil || failed.Error() != err.Error() {
		t.Errorf("Start: %v: want the same", failed)
	}
}

// A program that starts the service as a child gets the signals and the account of the service.
func TestWrappersAreRefused(t *testing.T) {
	for name, row := range map[string]struct {
		command []string
		want    string // "": it is right
	}{
		"go run":              {[]string{"go", "run", "./shop"}, "build it with go build"},
		"a shell":             {[]string{"/bin/sh", "-c", "./shop | cat"}, "write exec before the last command"},
		"a shell with exec":   {[]string{"bash", "-c", "ulimit -n 99; exec ./shop"}, ""},
		"a script":            {[]string{"sh", "shop.sh"}, ""},
		"a program of go":     {[]string{"./go", "runner"}, ""},
		"an option -c":        {[]string{"shop", "-c", "shop.conf"}, ""},
		"JSON in an argument": {[]string{"shop", `{"a": {"b": {"c": 1}}}`}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			err := (&service.Options{Command: row.command}).Check()
			if (err == nil) != (row.want == "") || err != nil && !strings.Contains(err.Error(), row.want) {
				t.Errorf("%v: want %q", err, row.want)
			}
		})
	}
}

func TestOptionsThatAreRightPass(t *testing.T) {
	for name, o := range map[string]service.Options{
		"little": {Command: []string{"shop"}},
		"all": {
			Name: "shop", Command: []string{"shop", "{{port}}"}, Args: []string{"$(PORT)", "{{ port admin }}"},
			Env: map[string]*string{"A": new("{{otlp}}"), "B": nil}, Dir: os.TempDir(),
			Values: map[string]string{"otlp": "x"}, Ports: map[string]int{"db": 1},
			Ready:    service.Ready{HTTP: "https://localhost:{{port}}/", Timeout: time.Second},
			Inspect:  "http://127.0.0.1:{{port 2}}/debug/pprof",
			Sidecars: []*service.Options{{Command: []string{"db", "{{port db}}"}}},
		},
		"gRPC":          {Command: []string{"shop"}, Ready: service.Ready{GRPC: new("")}},
		"a line of log": {Command: []string{"shop"}, Ready: service.Ready{LogLine: regexp.MustCompile("x")}},
	} {
		if err := o.Check(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
