package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
)

// An account is what a service says of its spans when it ends.
type account struct{ Started, Ended, Exported, Failed, Dropped int }

// accountLine is the line in the log of a service with its account.
var accountLine = regexp.MustCompile(
	`(?m)spans: (\d+) started, (\d+) ended, (\d+) exported, (\d+) failed, (\d+) dropped$`)

// parseAccount returns the last account in a log.
func parseAccount(log string) (a account, err error) {
	all := accountLine.FindAllString(log, -1)
	if len(all) == 0 {
		return a, errors.New("the log of the service has no account of its spans")
	}
	_, err = fmt.Sscanf(all[len(all)-1], "spans: %d started, %d ended, %d exported, %d failed, %d dropped", &a.Started,
		&a.Ended, &a.Exported, &a.Failed, &a.Dropped)
	return a, err
}

// A service is the shop with Gin, which runs in one arm.
type service struct {
	arm     string
	address string
	process *process
}

// source is the directory of the service, from that of this module, in which this program runs.
const source = "../../scenarios/services/gin"

// buildService builds the shop with Gin, unless it is up to date, and returns the path of the program.
func buildService(ctx context.Context) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("building %s: %w", source, err)
	}
	program, err := programPath(cache, source)
	if err != nil {
		return "", fmt.Errorf("building %s: %w", source, err)
	}
	out, err := exec.CommandContext(ctx, "go", "-C", source, "build", "-o", program, ".").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("building %s: %w\n%s", source, err, out)
	}
	return program, nil
}

// programPath returns the path of the program of a service in a cache. Each tree has its own: a run starts the service
// several times, and must not find that of another tree then.
func programPath(cache, source string) (string, error) {
	path, err := filepath.Abs(source)
	if err != nil {
		return "", err
	}
	return filepath.Join(cache, "loadgen", "stack", fmt.Sprintf("gin-%.4x", sha256.Sum256([]byte(path)))), nil
}

// serviceName returns the name of the service of an arm.
func serviceName(arm string) string { return "gin-" + arm }

// startService starts the service, which exports to an address of the collector. More is added to its environment.
func startService(ctx context.Context, dir, program, arm, collector string, more ...string) (*service, error) {
	address, err := freeAddresses(1)
	if err != nil {
		return nil, err
	}
	s := &service{arm: arm, address: address[0]}
	env := append([]string{"SPANS=" + arm, "METRICS=prometheus", "OTEL_SERVICE_NAME=" + serviceName(arm),
		"OTEL_EXPORTER_OTLP_ENDPOINT=http://" + collector, "OTEL_BSP_SCHEDULE_DELAY=200"}, more...)
	s.process, err = start(dir, serviceName(arm), env, program, "--listen", s.address)
	if err != nil {
		return nil, err
	}
	if err := s.process.await(ctx, answers("http://"+s.address+"/healthz")); err != nil {
		return nil, errors.Join(err, s.process.stop())
	}
	return s, nil
}

// stop ends the service, which exports what is left, and returns its account.
func (s *service) stop() (account, error) {
	if err := s.process.stop(); err != nil {
		return account{}, err
	}
	log, err := os.ReadFile(s.process.log)
	if err != nil {
		return account{}, fmt.Errorf("reading the account of %s: %w", s.process.name, err)
	}
	a, err := parseAccount(string(log))
	if err != nil {
		return a, fmt.Errorf("%s: %w", s.process.name, err)
	}
	return a, nil
}
