package scenarios

import (
	"maps"
	"regexp"
	"slices"
	"time"
)

// The fields that describe a service to start. ServiceArms is also the field that declares the arms of the dimension
// [ServiceArm].
const (
	ServiceKey  = "service"
	ServiceArms = "arms"
)

// A Service says how to start the service that a scenario calls. Each visit starts it anew and stops it.
//
// Build, Command, Args, the values of Env, Dir, HTTPGet and Inspect may have placeholders: {{port}} for a free port of
// the service's own, {{port NAME}} for another one, and {{otlp}} for the URL at which loadgen counts what the service
// exports with OpenTelemetry. {{loadgen}} is the path of this program.
type Service struct {
	Build    string             `json:"build,omitempty"`   // Go package whose program is started instead of Command
	Command  []string           `json:"command,omitempty"` // program and its arguments
	Args     []string           `json:"args,omitempty"`    // follow Command, or the program of Build
	Env      map[string]*string `json:"env,omitempty"`     // changes the environment; null unsets
	Dir      string             `json:"dir,omitempty"`     // working directory
	Ready    Ready              `json:"ready,omitzero"`
	Stop     Stop               `json:"stop,omitzero"`
	CPUs     CPUs               `json:"cpus,omitzero"`
	Inspect  string             `json:"inspect,omitempty"` // auto, none, or where a Go service tells its allocations
	Idle     *time.Duration     `json:"idle,omitempty"`    // how long it is measured without load; nil is a second
	Sidecars []Sidecar          `json:"sidecars,omitempty"`
}

// Ready says when a service can be called. Without any of its ways, a TCP connection to {{port}} is tried.
type Ready struct {
	HTTPGet string         `json:"httpGet,omitempty"` // path or URL that answers with a status from 200 to 399
	TCP     bool           `json:"tcp,omitempty"`
	GRPC    *string        `json:"grpc,omitempty"`    // name for the gRPC health service; "" is all of it
	LogLine string         `json:"logLine,omitempty"` // regular expression that matches a line of the output
	Timeout *time.Duration `json:"timeout,omitempty"` // nil is 30s
}

// Stop says how a service is stopped: by a signal, and after the grace by KILL.
type Stop struct {
	Signal string         `json:"signal,omitempty"` // by default TERM
	Grace  *time.Duration `json:"grace,omitempty"`  // nil is 10s
}

// CPUs say which processors the service and the load generator may use.
type CPUs struct {
	Choice    string `json:"choice,omitempty"`    // auto, which divides them, or none, the default
	Service   string `json:"service,omitempty"`   // numbers and ranges, such as 1-3
	Generator string `json:"generator,omitempty"` // the same
}

// A Sidecar is a process that the service needs, such as a database. It is started before the service.
type Sidecar struct {
	Name    string             `json:"name"`
	Command []string           `json:"command"`
	Args    []string           `json:"args,omitempty"`
	Env     map[string]*string `json:"env,omitempty"`
	Dir     string             `json:"dir,omitempty"`
	Ready   Ready              `json:"ready,omitzero"`
	Stop    Stop               `json:"stop,omitzero"`
	Per     string             `json:"per,omitempty"` // visit, the default, or run
}

// An Arm is a variant of the service. Its fields replace those of [Service]; Args are added to them, and so is Env.
type Arm struct {
	Name    string             `json:"name"`
	Build   string             `json:"build,omitempty"`
	Command []string           `json:"command,omitempty"`
	Args    []string           `json:"args,omitempty"`
	Env     map[string]*string `json:"env,omitempty"`
	Dir     string             `json:"dir,omitempty"`
	// Revision is the git revision that Build is built at; "" is the working tree.
	Revision string `json:"revision,omitempty"`
	// OTLP is what is to arrive at {{otlp}}: none, some, or "" for anything.
	OTLP string `json:"otlp,omitempty"`
}

// What an arm may say is to arrive at {{otlp}}.
const (
	ExportsNone = "none"
	ExportsSome = "some"
)

// How long sidecars live.
const (
	PerVisit = "visit"
	PerRun   = "run"
)

// ArmOf returns the arm of the service that a cell has, or one that changes nothing if the scenario declares none.
func (s *Scenario) ArmOf(c Cell) Arm {
	if i := slices.IndexFunc(s.ServiceArms, func(a Arm) bool { return a.Name == c.Value(ServiceArm) }); i >= 0 {
		return s.ServiceArms[i]
	}
	return Arm{}
}

// ServiceOf returns the service with what an arm changes.
func (s *Scenario) ServiceOf(a Arm) Service {
	with := *s.Service
	switch {
	case a.Build != "":
		with.Build, with.Command = a.Build, nil
	case a.Command != nil:
		with.Build, with.Command = "", a.Command
	}
	with.Args = slices.Concat(with.Args, a.Args)
	with.Env = maps.Clone(with.Env)
	if with.Env == nil {
		with.Env = map[string]*string{}
	}
	maps.Copy(with.Env, a.Env)
	if a.Dir != "" {
		with.Dir = a.Dir
	}
	return with
}

// IdleTime returns how long the service is measured without load before each visit.
func (s *Service) IdleTime() time.Duration {
	if s.Idle == nil {
		return time.Second
	}
	return *s.Idle
}

// structures are the fields that are mappings, or lists of mappings, with the value that each of them fills.
var structures = map[string]func(*Scenario) any{
	HTTPTarget:  func(s *Scenario) any { return &s.HTTP },
	GRPCTarget:  func(s *Scenario) any { return &s.GRPC },
	ServiceKey:  func(s *Scenario) any { return &s.Service },
	ServiceArms: func(s *Scenario) any { return &s.ServiceArms },
	FullKey:     func(s *Scenario) any { return &s.Full },
}

// Structured reports whether a field is a mapping, or a list of mappings, which no flag can set.
func Structured(key string) bool { return structures[key] != nil }

// checkService checks the service that a scenario starts, and its arms.
func (d *decoder) checkService(s *Scenario) {
	service, arms := d.values[ServiceKey], d.values[ServiceArms]
	switch {
	case d.unread[ServiceKey] || d.unread[ServiceArms]:
		return
	case s.Service == nil && len(s.ServiceArms) > 0:
		d.wrong(arms.where, arms.line, "arms are variants of a service that is started: want a field service beside "+
			"them")
		return
	case s.Service == nil:
		return
	case !s.CallsService():
		d.wrong(service.where, service.line, "service is started and not called: want target: http, and a field http "+
			"whose url has {{port}}, or target: grpc, and a field grpc whose address has it")
	}
	wrong := func(format string, args ...any) { d.wrong(service.where, service.line, "service"+format, args...) }
	checkReady(s.Service.Ready, wrong)
	checkStop(s.Service.Stop, wrong)
	if c := s.Service.CPUs; c.Choice != "" && (c.Choice != "auto" && c.Choice != None || c.Service+c.Generator != "") {
		wrong(".cpus: %q: want auto or none, or service and generator with their processors", c.Choice)
	}
	if d := s.Service.Idle; d != nil && (*d < 0 || *d > MaxDuration) {
		wrong(".idle: %v: want 0 for no time without load, or more, up to %v", *d, MaxDuration)
	}
	checkSidecars(s.Service.Sidecars, wrong)
	d.checkServiceArms(s)
}

// checkSidecars checks each process that the service needs.
func checkSidecars(sidecars []Sidecar, wrong func(format string, args ...any)) {
	seen := map[string]bool{}
	for _, sidecar := range sidecars {
		named := func(format string, args ...any) {
			wrong(".sidecars %s"+format, append([]any{sidecar.Name}, args...)...)
		}
		checkReady(sidecar.Ready, named)
		checkStop(sidecar.Stop, named)
		if sidecar.Name == "" {
			wrong(".sidecars: one has no name: want a name for each")
		} else if seen[sidecar.Name] {
			named(": two have this name: want a name for each")
		}
		seen[sidecar.Name] = true
		if len(sidecar.Command) == 0 {
			named(".command is missing: want a program and its arguments")
		}
		if !slices.Contains([]string{"", PerVisit, PerRun}, sidecar.Per) {
			named(".per: %q: want visit or run", sidecar.Per)
		}
	}
}

// checkServiceArms checks each arm of the service.
func (d *decoder) checkServiceArms(s *Scenario) {
	at := d.values[ServiceKey]
	if v, ok := d.values[ServiceArms]; ok {
		at = v
	}
	arms := s.ServiceArms
	if len(arms) == 0 {
		arms = []Arm{{}}
	}
	seen := map[string]bool{}
	for i, a := range arms {
		wrong := func(format string, args ...any) {
			name := ""
			if a.Name != "" {
				name = "arm " + a.Name + ": "
			}
			d.wrong(at.where, at.line, name+format, args...)
		}
		switch {
		case len(s.ServiceArms) > 0 && !ValidName(a.Name):
			wrong("arms[%d]: its name is %q: want letters, digits, . _ and -", i, a.Name)
		case seen[a.Name]:
			wrong("it is given twice: want a name for each arm")
		}
		seen[a.Name] = true
		if a.Build != "" && a.Command != nil {
			wrong("it has both build and command: want one of them")
		}
		with := s.ServiceOf(a)
		switch {
		case with.Build == "" && len(with.Command) == 0:
			wrong("nothing says how to start the service: want command, or build with a Go package")
		case with.Build != "" && len(with.Command) > 0:
			wrong("it has both build and command: want one of them")
		case a.Revision != "" && with.Build == "":
			wrong("revision %s needs a program that is built: want build with a Go package instead of command",
				a.Revision)
		}
		if !slices.Contains([]string{"", ExportsNone, ExportsSome}, a.OTLP) {
			wrong("otlp: %q: want none or some", a.OTLP)
		}
	}
}

// checkReady checks that there is one way to find out that a service is ready.
func checkReady(r Ready, wrong func(format string, args ...any)) {
	ways := 0
	for _, set := range []bool{r.HTTPGet != "", r.TCP, r.GRPC != nil, r.LogLine != ""} {
		if set {
			ways++
		}
	}
	if ways > 1 {
		wrong(".ready has %d of httpGet, tcp, grpc and logLine: want one", ways)
	}
	if _, err := regexp.Compile(r.LogLine); err != nil {
		wrong(".ready.logLine: %v: want a regular expression", err)
	}
	if d := r.Timeout; d != nil && (*d <= 0 || *d > MaxDuration) {
		wrong(".ready.timeout: %v: want more than 0, up to %v", *d, MaxDuration)
	}
}

// signals are the signals that may stop a service.
var signals = []string{"TERM", "INT", "QUIT", "HUP", "KILL"}

// checkStop checks how a service is stopped.
func checkStop(s Stop, wrong func(format string, args ...any)) {
	if s.Signal != "" && !slices.Contains(signals, s.Signal) {
		wrong(".stop.signal: %q: want one of %v", s.Signal, signals)
	}
	if d := s.Grace; d != nil && (*d <= 0 || *d > MaxDuration) {
		wrong(".stop.grace: %v: want more than 0, up to %v; without a grace, want signal: KILL", *d, MaxDuration)
	}
}
