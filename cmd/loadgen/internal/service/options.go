package service

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Options describe a service: how to start it, when it is ready, and how to stop it.
//
// Command, Args, the values of Env, Dir, Ready.HTTP, Inspect and Web may have placeholders: {{port}} (or $(PORT)) for
// a free port of the service's own, {{port NAME}} for one that a sidecar knows by the same name, and {{NAME}} for
// Values[NAME].
type Options struct {
	Name     string             // Name is used in messages. The default is the name of the program.
	Sidecar  bool               // Sidecar: others know its port as {{port NAME}}.
	Command  []string           // Command is the program and its arguments. A path is relative to Dir.
	Args     []string           // Args follow Command, such as the arguments of an arm.
	Env      map[string]*string // Env changes this process's environment: nil unsets. PORT is {{port}} by default.
	Dir      string             // Dir is the working directory. The default is that of this process.
	Values   map[string]string  // Values are what placeholders stand for, such as the address of a sink by "otlp".
	Ports    map[string]int     // Ports are ports in use by name, such as those of a sidecar that runs already.
	Ready    Ready              // Ready tells when the service can be called.
	Stop     Stop               // Stop tells how it is stopped.
	CPUs     CPUSet             // CPUs are the processors that it may use. The default is all of this process's.
	Inspect  string             // Inspect is "auto" (the default), "none", or the URL of an endpoint; see Begin.
	Web      string             // Web is the root of a URL of the service, where "auto" looks. The default is Ready's.
	LogFile  string             // LogFile gets the output, without the middle of a long one. "" is none.
	Sidecars []*Options         // Sidecars are started before, in this order, and stopped after, in reverse.

	freePort func() (int, error) // freePort returns a port that nobody uses. The default asks the system.
}

// Ready tells when a service is ready. At most one of HTTP, TCP, GRPC and LogLine is set. The default is TCP.
type Ready struct {
	HTTP    string         // HTTP is a path, or a URL, that answers a GET with a status from 200 to 399.
	TCP     bool           // TCP asks for a connection on the port.
	GRPC    *string        // GRPC is the name by which the gRPC health service knows the service; "" is all of it.
	LogLine *regexp.Regexp // LogLine matches a line of the output.
	Timeout time.Duration  // Timeout is how long the service may take to get ready. The default is 30s.
}

// Stop tells how a service is stopped: Signal is sent to its process, and KILL to what is left after Grace.
type Stop struct {
	Signal syscall.Signal // Signal is TERM by default.
	Grace  time.Duration  // Grace is 10s by default.
}

const (
	defaultTimeout = 30 * time.Second
	defaultGrace   = 10 * time.Second
)

// name returns the name of the service in messages.
func (o *Options) name() string {
	if o.Name != "" || len(o.Command) == 0 {
		return o.Name
	}
	return filepath.Base(o.Command[0])
}

// title returns what messages call the service: service NAME, or sidecar NAME.
func (o *Options) title() string {
	if o.Sidecar {
		return "sidecar " + o.name()
	}
	return "service " + o.name()
}

// timeout returns how long the service may take to get ready.
func (o *Options) timeout() time.Duration {
	if o.Ready.Timeout == 0 {
		return defaultTimeout
	}
	return o.Ready.Timeout
}

// grace returns how long the service may take to end.
func (o *Options) grace() time.Duration {
	if o.Stop.Grace == 0 {
		return defaultGrace
	}
	return o.Stop.Grace
}

// signal returns the signal that stops the service.
func (o *Options) signal() syscall.Signal {
	if o.Stop.Signal == 0 {
		return syscall.SIGTERM
	}
	return o.Stop.Signal
}

// Check returns an error with every field that is wrong: its name, its value, and what is wanted.
func (o *Options) Check() error {
	var wrong problems
	o.checkCommand(&wrong)
	o.checkReady(&wrong)
	for _, name := range sortedKeys(o.Env) {
		if name == "" || strings.ContainsAny(name, "=\x00") {
			wrong.add("Env", "%q is no name of a variable: want one without = and NUL", name)
		}
		if value := o.Env[name]; value != nil && strings.Contains(*value, "\x00") {
			wrong.add("Env", "the value of %s has a NUL: want a text without one", name)
		}
	}
	for _, name := range sortedKeys(o.Ports) {
		if port := o.Ports[name]; port < 1 || port > 65535 {
			wrong.add("Ports", "%s is %d: want 1 to 65535", name, port)
		}
	}
	if o.Stop.Grace < 0 {
		wrong.add("Stop.Grace", "%v: want 0 for %v, or more", o.Stop.Grace, defaultGrace)
	}
	if o.Stop.Signal < 0 {
		wrong.add("Stop.Signal", "%d: want 0 for TERM, or a signal", int(o.Stop.Signal))
	}
	if err := o.CPUs.check(); err != nil {
		wrong.add("CPUs", "%v", err)
	}
	if !slices.Contains([]string{"", auto, none}, o.Inspect) && !isURL(o.Inspect) {
		wrong.add("Inspect", "%q: want auto, none, or a URL that begins with http:// or https://", o.Inspect)
	}
	known := o.names()
	for _, t := range o.texts() {
		if _, err := known.expand(t.text); err != nil {
			wrong.add(t.field, "%v", err)
		}
	}
	o.checkSidecars(&wrong)
	return wrong.err(o.name())
}

// checkCommand checks the program, and refuses programs that start the service as a child of their own.
func (o *Options) checkCommand(wrong *problems) {
	if len(o.Command) == 0 || o.Command[0] == "" {
		wrong.add("Command", "it is missing: want a program and its arguments")
		return
	}
	for _, arg := range slices.Concat(o.Command, o.Args) {
		if strings.Contains(arg, "\x00") {
			wrong.add("Command", "%q has a NUL: want a text without one", arg)
		}
	}
	words := slices.Concat(o.Command, o.Args)
	program := strings.TrimSuffix(filepath.Base(words[0]), ".exe")
	if program == "go" && len(words) > 1 && words[1] == "run" {
		wrong.add("Command", "go run starts the service as a child, which is not accounted for exactly: "+
			"build it with go build, and run what that makes")
	}
	shells := []string{"sh", "bash", "dash", "ash", "ksh", "zsh"}
	if i := slices.Index(words, "-c"); slices.Contains(shells, program) && i > 0 && i+1 < len(words) {
		if script := strings.TrimSpace(words[i+1]); !strings.Contains(script, "exec ") {
			wrong.add("Command", "%s -c starts the service as a child, which gets no signals: "+
				"write exec before the last command of the script, or run the program itself", program)
		}
	}
}

// checkReady checks that there is one way to find out that the service is ready.
func (o *Options) checkReady(wrong *problems) {
	r := o.Ready
	ways := 0
	for _, set := range []bool{r.HTTP != "", r.TCP, r.GRPC != nil, r.LogLine != nil} {
		if set {
			ways++
		}
	}
	if ways > 1 {
		wrong.add("Ready", "%d of HTTP, TCP, GRPC and LogLine are set: want one", ways)
	}
	if r.HTTP != "" && !strings.HasPrefix(r.HTTP, "/") && !isURL(r.HTTP) {
		wrong.add("Ready.HTTP", "%q: want a path that begins with /, or a URL", r.HTTP)
	}
	if r.Timeout < 0 {
		wrong.add("Ready.Timeout", "%v: want 0 for %v, or more", r.Timeout, defaultTimeout)
	}
}

// checkSidecars checks the sidecars, and that their names differ.
func (o *Options) checkSidecars(wrong *problems) {
	seen := map[string]bool{}
	for i, sidecar := range o.Sidecars {
		field := fmt.Sprintf("Sidecars[%d]", i)
		if sidecar == nil {
			wrong.add(field, "it is missing: want options")
			continue
		}
		if name := sidecar.name(); seen[name] {
			wrong.add(field, "there are two sidecars %s: want a Name for each", name)
		}
		seen[sidecar.name()] = true
		if err := sidecar.with(o.Values, nil).Check(); err != nil {
			wrong.add(field, "%v", err)
		}
	}
}

// with returns the options of a sidecar, which also has the values and the ports of its service.
func (o *Options) with(values map[string]string, ports map[string]int) *Options {
	sidecar := *o
	sidecar.Sidecar = true
	sidecar.Values = merged(values, o.Values)
	sidecar.Ports = merged(ports, o.Ports)
	return &sidecar
}

// isURL reports whether a text is an address for HTTP. Placeholders may stand for parts of it.
func isURL(text string) bool {
	u, err := url.Parse(placeholder.ReplaceAllString(text, "1"))
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}

// problems are what is wrong with options.
type problems []error

// add adds what is wrong with a field.
func (p *problems) add(field, format string, args ...any) {
	*p = append(*p, fmt.Errorf("%s: %w", field, fmt.Errorf(format, args...)))
}

// err returns all problems as one error, or nil if there are none.
func (p problems) err(name string) error {
	if len(p) == 0 {
		return nil
	}
	return fmt.Errorf("the options of service %q: %w", name, errors.Join(p...))
}
