// Package service starts a service under test, tells when it is ready, accounts for what it costs, and stops it.
//
// A service lives for one visit. [Start] starts it with the [Options] of its arm and returns when it answers.
// [Service.Begin] and [Service.End] enclose the load, [Service.Stop] stops it, and [Service.Cost] tells what all of
// that cost:
//
//	s, err := service.Start(ctx, &service.Options{
//		Command: []string{"./shop", "--listen=127.0.0.1:{{port}}"},
//		Ready:   service.Ready{HTTP: "/healthz"},
//	})
//	...
//	err = s.Begin(ctx)
//	// send the load, and stop early if s.Gone() is closed
//	err = s.End(ctx)
//	exit, err := s.Stop(ctx)
//	cost := s.Cost()
//
// Nothing of a service is left when its visit ends, however that ends. The service has a session of its own. Stop
// kills a service that ignores its signal, and descendants that left the session or lost their parents, which this
// process adopts (PR_SET_CHILD_SUBREAPER). If this process itself is killed, the kernel kills the service
// (PR_SET_PDEATHSIG), and a guard, which is this program started once more, kills its descendants. It knows them by a
// variable in their environment.
//
// The CPU time of a service is read from the clock of its process, which counts all of its threads to the nanosecond,
// and from the clocks of its descendants. The CPU time of loadgen is not part of it.
//
// Sidecars, such as a database, are started before a service and stopped after it. A sidecar for more than one
// visit is a Service by itself: what its Ports returns goes into the Options of the others.
//
// All of this is known on Linux. On macOS, services are started, watched and stopped, and of their cost the start-up
// time and the allocations are known; processes that leave their group are not found, the owner of a port is not
// checked, and a set of processors becomes GOMAXPROCS. On other systems Start returns an error.
package service

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/machine"
	"github.com/loadgen-go/loadgen/results"
)

// A Service is a running service. Its methods are for one goroutine, except Gone and Err.
type Service struct {
	options  *Options
	names    *names
	process  *process
	sidecars []*Service
	cost     results.ServiceCost
	window   window
	stop     func(context.Context) (Exit, error)

	stopping atomic.Bool
	lost     sync.Once
	gone     chan struct{}
	err      error // set before gone is closed
}

// addressInUse matches how a program says that another one listens on its port: in Go, C and Java, and in Node.js.
var addressInUse = regexp.MustCompile(`(?i)address (already )?in use|EADDRINUSE`)

// portTries is how many ports a service is started with if other programs take them first.
const portTries = 3

// Start starts the sidecars and then the service, and returns when all are ready. After an error, and when ctx ends
// before that, nothing is left of them.
func Start(ctx context.Context, o *Options) (*Service, error) {
	if err := machine.Measures(runtime.GOOS); err != nil {
		return nil, err
	}
	if err := o.Check(); err != nil {
		return nil, err
	}
	s := &Service{options: o, names: o.names(), gone: make(chan struct{})}
	s.stop = once(s.end)
	for _, sidecar := range o.Sidecars {
		started, err := Start(ctx, sidecar.with(o.Values, s.names.ports))
		if err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", o.title(), err), s.abandon(ctx))
		}
		s.sidecars = append(s.sidecars, started)
		maps.Copy(s.names.ports, started.names.ports)
	}
	if err := s.start(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", o.title(), err), s.abandon(ctx))
	}
	for _, x := range s.all() {
		go s.watch(x)
	}
	return s, nil
}

// all returns the sidecars and then the service.
func (s *Service) all() []*Service { return append(s.Sidecars(), s) }

// abandon stops what has been started of a service that did not get ready.
func (s *Service) abandon(ctx context.Context) error {
	_, err := s.Stop(ctx)
	return err
}

// start starts the process with new ports, and again if another program has taken one of them meanwhile.
func (s *Service) start(ctx context.Context) error {
	for try := 1; ; try++ {
		given := &names{ports: merged(s.names.ports, nil), values: s.names.values}
		if err := s.options.assign(given); err != nil {
			return err
		}
		err := s.launch(ctx, given)
		if err == nil {
			s.names = given
			return nil
		}
		if s.process == nil || !s.process.hasEnded() || !s.process.log.contains(addressInUse) || try == portTries {
			return err
		}
		if _, err := s.process.family.kill(s.process.exited); err != nil {
			return err
		}
		guards.forget(s.process.family.main)
		if err := s.process.log.close(); err != nil {
			return err
		}
		s.process = nil
	}
}

// launch starts the process and waits until it is ready.
func (s *Service) launch(ctx context.Context, n *names) error {
	o := s.options
	program, env, dir, err := o.expanded(n)
	if err != nil {
		return err
	}
	log, err := openLog(o.LogFile, o.Ready.LogLine)
	if err != nil {
		return err
	}
	if s.process, err = startProcess(program, env, dir, o.CPUs, log); err != nil {
		return errors.Join(err, log.close())
	}
	if err := s.awaitReady(ctx, n); err != nil {
		return err
	}
	s.cost.Startup = time.Since(s.process.begun)
	return nil
}

// expanded returns the program with its arguments, the environment and the directory, without placeholders.
func (o *Options) expanded(n *names) (program, env []string, dir string, err error) {
	for _, arg := range slices.Concat(o.Command, o.Args) {
		if arg, err = n.expand(arg); err != nil {
			return nil, nil, "", err
		}
		program = append(program, arg)
	}
	if env, err = o.environment(n); err != nil {
		return nil, nil, "", err
	}
	if dir, err = n.expand(o.Dir); err != nil || dir == "" {
		return program, env, dir, err
	}
	// The kernel would say the same about a program that does not exist.
	if _, err := os.Stat(dir); err != nil {
		return nil, nil, "", fmt.Errorf("its working directory: %w: want one that exists", err)
	}
	return program, env, dir, nil
}

// environment returns the environment of this process with the changes in o.
func (o *Options) environment(n *names) ([]string, error) {
	set := map[string]string{"PORT": strconv.Itoa(n.port)}
	if limit := o.CPUs.goProcs(); limit != "" {
		set["GOMAXPROCS"] = limit
	}
	for name, value := range o.Env {
		delete(set, name)
		if value == nil {
			continue
		}
		expanded, err := n.expand(*value)
		if err != nil {
			return nil, err
		}
		set[name] = expanded
	}
	var env []string
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		_, changed := set[name]
		if _, unset := o.Env[name]; !changed && !unset {
			env = append(env, variable)
		}
	}
	for _, name := range sortedKeys(set) {
		env = append(env, name+"="+set[name])
	}
	return env, nil
}

// Expand returns a text with the placeholders that the options of the service may have, such as a URL with {{port}}.
func (s *Service) Expand(text string) (string, error) { return s.names.expand(text) }

// Name returns the name of the service.
func (s *Service) Name() string { return s.options.name() }

// Port returns the port that the service was given as {{port}} and PORT.
func (s *Service) Port() int { return s.names.port }

// Ports returns the ports that have names, also those of the sidecars, for the Options of another service.
func (s *Service) Ports() map[string]int { return merged(s.names.ports, nil) }

// Sidecars returns the sidecars, each with a Cost of its own. Begin, End, Idle and Stop of the service do the same for
// its sidecars. After Stop, the Stop of a sidecar returns how that ended.
func (s *Service) Sidecars() []*Service { return slices.Clone(s.sidecars) }

// Gone returns a channel that is closed if the service or a sidecar ends by itself. Err then tells how.
func (s *Service) Gone() <-chan struct{} { return s.gone }

// Err returns how the service or a sidecar ended by itself, with the end of its output, or nil if none has.
func (s *Service) Err() error {
	select {
	case <-s.gone:
		return s.err
	default:
		return nil
	}
}

// watch waits for the end of x, which is s or one of its sidecars.
func (s *Service) watch(x *Service) {
	<-x.process.exited
	s.lose(x)
}

// lose records that x has ended by itself, unless s is being stopped.
func (s *Service) lose(x *Service) {
	if s.stopping.Load() {
		return
	}
	s.lost.Do(func() {
		s.err = fmt.Errorf("%s: %w", x.options.title(), x.process.endedByItself())
		close(s.gone)
	})
}

// endedByItself returns an error that tells how a process ended that nobody stopped, when its output has been read.
func (p *process) endedByItself() error {
	<-p.ended
	hint := ""
	switch {
	case killed(p.cmd.ProcessState):
		hint = " (the kernel does this when memory runs out: see dmesg)"
	case p.cmd.ProcessState.Success():
		hint = " (a service must stay in the foreground)"
	}
	return fmt.Errorf("it ended by itself: %s%s; %s", p.status(), hint, p.log.quote())
}
