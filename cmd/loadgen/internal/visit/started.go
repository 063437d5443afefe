package visit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/loadgen-go/loadgen/bench/httptarget"
	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/otlpsink"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/service"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/scenarios"
)

// Provided is what a run prepares once for the services that its visits start.
type Provided struct {
	Programs map[string]string `json:"programs,omitempty"` // paths of the programs that were built, by arm
	Ports    map[string]int    `json:"ports,omitempty"`    // ports of the sidecars that live as long as the run
	// Sidecars are the sidecars that live as long as the run. The processes of visits do not know them.
	Sidecars []*service.Service `json:"-"`
}

// Lost returns how a sidecar that is to live as long as the run ended by itself, or nil if all of them run. What is
// measured without it is not the service.
func (p Provided) Lost() error {
	for _, x := range p.Sidecars {
		if err := x.Err(); err != nil {
			return fmt.Errorf("service-gone: %w", err)
		}
	}
	return nil
}

// A started service is one that the visit has started, with the sink that it exports to.
type started struct {
	*service.Service
	arm       scenarios.Arm
	cpus      int            // processors that the service is confined to; 0 for all
	generator service.CPUSet // processors that this process is confined to
	sink      *otlpsink.Sink // nil if the service is not given its URL
	err       error          // of the beginning and the end of the load
}

// startService starts the service of a cell, and returns when it can be called. The caller must stop it.
func startService(ctx context.Context, s *scenarios.Scenario, c scenarios.Cell, p Provided, log string) (
	_ *started, err error) {
	up := &started{arm: s.ArmOf(c)}
	options, err := ServiceOptions(s, up.arm, p)
	if err != nil {
		return nil, err
	}
	logTo(options, log)
	if up.generator, err = processors(s.Service.CPUs, options); err != nil {
		return nil, err
	}
	up.cpus = len(options.CPUs)
	if options.Uses("otlp") {
		if up.sink, err = otlpsink.Start(); err != nil {
			return nil, err
		}
		options.Values["otlp"] = up.sink.URL()
	}
	if up.Service, err = service.Start(ctx, options); err != nil {
		return nil, errors.Join(err, up.closeSink(ctx))
	}
	return up, nil
}

// Values returns the values of placeholders, but for {{otlp}}: each visit has a sink of its own.
func Values() (map[string]string, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("finding this program, for {{loadgen}}: %w", err)
	}
	return map[string]string{"loadgen": self}, nil
}

// logTo keeps the output of a service in a file, and that of each of its sidecars in a file beside it; "" is nowhere.
func logTo(o *service.Options, file string) {
	if o.LogFile = file; file == "" {
		return
	}
	for _, x := range o.Sidecars {
		ext := filepath.Ext(file)
		x.LogFile = strings.TrimSuffix(file, ext) + "_" + notInFiles.ReplaceAllString(x.Name, "-") + ext
	}
}

// notInFiles matches what the name of a sidecar may have and the name of a file may not.
var notInFiles = regexp.MustCompile(`[^A-Za-z0-9._-]+`)

// ServiceOptions returns how to start an arm of the service of a scenario. The value of {{otlp}} is not a URL yet.
func ServiceOptions(s *scenarios.Scenario, a scenarios.Arm, p Provided) (*service.Options, error) {
	values, err := Values()
	if err != nil {
		return nil, err
	}
	values["otlp"] = "http://127.0.0.1:4318"
	with := s.ServiceOf(a)
	command := with.Command
	if with.Build != "" {
		command = []string{cmp.Or(p.Programs[a.Name], with.Build)}
	}
	o := &service.Options{Name: a.Name, Command: command, Args: with.Args, Env: with.Env, Dir: with.Dir,
		Inspect: with.Inspect, Web: webOf(s.HTTP), Ports: maps.Clone(p.Ports),
		Values: values}
	o.Ready, o.Stop = lifeOf(with.Ready, with.Stop)
	for _, x := range with.Sidecars {
		if x.Per != scenarios.PerRun {
			o.Sidecars = append(o.Sidecars, SidecarOptions(x))
		}
	}
	return o, nil
}

// webOf returns the root of the service's URL, where it may tell its allocations; "" if it is not asked in HTTP.
func webOf(o *httptarget.Options) string {
	if o == nil || o.UnixSocket != "" {
		return ""
	}
	scheme, rest, _ := strings.Cut(o.URL, "://")
	host, _, _ := strings.Cut(rest, "/")
	return scheme + "://" + host
}

// SidecarOptions returns how to start a sidecar.
func SidecarOptions(x scenarios.Sidecar) *service.Options {
	o := &service.Options{Name: x.Name, Sidecar: true, Command: x.Command, Args: x.Args, Env: x.Env, Dir: x.Dir}
	o.Ready, o.Stop = lifeOf(x.Ready, x.Stop)
	return o
}

// signals are the names of the signals that stop a service.
var signals = map[string]syscall.Signal{"TERM": syscall.SIGTERM, "INT": syscall.SIGINT, "QUIT": syscall.SIGQUIT,
	"HUP": syscall.SIGHUP, "KILL": syscall.SIGKILL}

// lifeOf returns when a process is ready, and how it is stopped.
func lifeOf(r scenarios.Ready, s scenarios.Stop) (service.Ready, service.Stop) {
	ready := service.Ready{HTTP: r.HTTPGet, TCP: r.TCP, GRPC: r.GRPC}
	if r.Timeout != nil {
		ready.Timeout = *r.Timeout
	}
	if r.LogLine != "" {
		ready.LogLine = regexp.MustCompile(r.LogLine) // a scenario has a valid one
	}
	stop := service.Stop{Signal: signals[s.Signal]}
	if s.Grace != nil {
		stop.Grace = *s.Grace
	}
	return ready, stop
}

// processors sets the processors of a service, and returns those of this process; nil for all.
func processors(c scenarios.CPUs, o *service.Options) (generator service.CPUSet, err error) {
	switch {
	case c.Choice == "auto":
		if o.CPUs, generator = service.CPUSet(nil).Split(); generator == nil {
			return nil, errors.New("service.cpus: auto needs two processors that are known: want none")
		}
	case c.Service != "":
		err = o.CPUs.UnmarshalText([]byte(c.Service))
	}
	if c.Generator != "" {
		err = errors.Join(err, generator.UnmarshalText([]byte(c.Generator)))
	}
	return generator, err
}

// addressed returns the options of a client of the service that was started.
func (up *started) addressed(c scenarios.Called) (scenarios.Called, error) {
	address, err := up.Expand(c.Address())
	if err != nil {
		return c, err
	}
	return c.At(address, fmt.Sprint(up.Port())), nil
}

// begin is called before the load, and end after it.
func (up *started) begin(ctx context.Context) { up.err = errors.Join(up.err, up.Begin(ctx)) }
func (up *started) end(ctx context.Context)   { up.err = errors.Join(up.err, up.End(ctx)) }

// spent returns the CPU time of the service and its sidecars under load, as far as it is known.
func (up *started) spent() (sum time.Duration) {
	for _, x := range append(up.Sidecars(), up.Service) {
		if cpu := x.Cost().CPU; cpu != nil {
			sum += *cpu
		}
	}
	return sum
}

// stop stops the service, and returns what it has cost. Calls are the calls that it was sent.
func (up *started) stop(ctx context.Context, calls uint64) (cost *results.Service, doubts []record.Reason, err error) {
	exit, err := up.Stop(ctx)
	cost = &results.Service{ServiceCost: up.Cost(), Exit: exit.Status, Calls: calls, CPUs: cmp.Or(up.cpus,
		runtime.NumCPU())}
	for _, x := range up.Sidecars() {
		cost.Sidecars = append(cost.Sidecars, results.Sidecar{Name: x.Name(), ServiceCost: x.Cost()})
	}
	if exit.Killed && ctx.Err() == nil {
		doubts = append(doubts, record.Reason{Name: results.NotStopped, Detail: fmt.Sprintf(
			"the service %s did not end when it was asked to, and was killed: let it end on the signal of "+
				"service.stop, or raise service.stop.grace", up.Name())})
	}
	if exit.Left > 0 {
		cost.Notes = append(cost.Notes, fmt.Sprintf("%d processes that the service had started were left, and were "+
			"killed", exit.Left))
	}
	if up.sink != nil {
		err = errors.Join(err, up.closeSink(ctx))
		exports := up.sink.Counts()
		cost.Exports = &exports
		if rejected := up.sink.Err(); rejected != nil {
			cost.Notes = append(cost.Notes, fmt.Sprintf("%d exports could not be read: %v", exports.Rejected,
				rejected))
		}
	}
	return cost, append(doubts, up.unexpected(cost.Exports)...), err
}

// closeSink closes the sink, when the service has ended. An interrupt leaves it a moment.
func (up *started) closeSink(ctx context.Context) error {
	if up.sink == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	return up.sink.Close(ctx)
}

// unexpected returns a reason if what arrived is not what the arm says.
func (up *started) unexpected(e *results.Exports) []record.Reason {
	arrived := e != nil && e.Items() > 0
	what := ""
	switch {
	case up.arm.OTLP == scenarios.ExportsNone && arrived:
		what = fmt.Sprintf("the arm %s has otlp set to none, and its service exported %d spans, %d points and %d "+
			"records: correct its environment", up.arm.Name, e.Traces.Items, e.Metrics.Items, e.Logs.Items)
	case up.arm.OTLP == scenarios.ExportsSome && e == nil:
		what = fmt.Sprintf("the arm %s has otlp set to some, and its service is not told where to: set "+
			"OTEL_EXPORTER_OTLP_ENDPOINT to {{otlp}}", up.arm.Name)
	case up.arm.OTLP == scenarios.ExportsSome && !arrived:
		what = fmt.Sprintf("the arm %s has otlp set to some, and nothing arrived at {{otlp}}: correct its "+
			"environment, or find out in its log why it exports nothing", up.arm.Name)
	default:
		return nil
	}
	return []record.Reason{{Name: results.UnexpectedExports, Detail: what}}
}

// servicePrograms returns the paths of the programs that the arms of a scenario start, without those that were built.
func servicePrograms(s *scenarios.Scenario) (paths []string) {
	if s.Service == nil {
		return nil
	}
	for _, c := range s.Cells() {
		with := s.ServiceOf(s.ArmOf(c))
		if with.Build != "" {
			continue
		}
		path := with.Command[0]
		if filepath.Base(path) != path && !filepath.IsAbs(path) {
			path = filepath.Join(with.Dir, path)
			if !filepath.IsAbs(path) { // Join makes shop of ./shop, which would be looked up in PATH
				path = "." + string(filepath.Separator) + path
			}
		}
		if !slices.Contains(paths, path) {
			paths = append(paths, path)
		}
	}
	return paths
}
