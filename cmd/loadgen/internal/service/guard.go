package service

import (
	"bufio"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"syscall"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/child"
)

// guardVariable makes a program that imports this package a guard instead of what it usually is.
const guardVariable = "LOADGEN_SERVICE_GUARD"

// markPrefix begins the name of the variable that marks the processes of a service. Descendants inherit it, also those
// that leave the group and the session.
const markPrefix = "LOADGEN_SERVICE_MARK_"

// A guard is this program, started once more. When the first one ends, however it ends, the guard kills what is left
// of its services. It must be in every program that starts services, so it cannot be left to main.
func init() {
	if owner := os.Getenv(guardVariable); owner != "" {
		signal.Ignore(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
		keepGuard(owner, os.Stdin)
		os.Exit(0)
	}
}

// keepGuard reads the groups to kill: N adds one, -N removes it. When there is no more to read, it kills the groups
// that are left, and all processes with a mark of owner.
func keepGuard(owner string, orders io.Reader) {
	groups := map[int]bool{}
	for s := bufio.NewScanner(orders); s.Scan(); {
		if n, err := strconv.Atoi(s.Text()); err == nil && n > 0 {
			groups[n] = true
		} else if err == nil {
			delete(groups, -n)
		}
	}
	for group := range groups {
		killGroup(group)
	}
	killMarked(markPrefix + owner + "_")
}

// guards starts the guard of this process, and tells it which groups to kill.
var guards guardian

// A guardian has the guard of this process.
type guardian struct {
	mu     sync.Mutex
	owner  string   // names this process in marks
	orders *os.File // nil: no guard has been started
	ended  chan struct{}
	groups map[int]bool // what the guard is to kill
	marks  int          // the number of marks so far
}

// mark returns a mark for a new service, and starts a guard if there is none.
func (g *guardian) mark() (string, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.start(); err != nil {
		return "", fmt.Errorf("starting the process that ends services when loadgen is killed: %w", err)
	}
	g.marks++
	return fmt.Sprintf("%s%s_%d=", markPrefix, g.owner, g.marks), nil
}

// start starts a guard, unless one runs.
func (g *guardian) start() error {
	if g.orders != nil {
		select {
		case <-g.ended: // somebody killed it
			g.orders.Close()
		default:
			return nil
		}
	}
	if g.owner == "" {
		g.owner = rand.Text()
	}
	self, err := executable()
	if err != nil {
		return err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer r.Close()
	cmd := child.Command(context.Background(), self)
	cmd.Env = append(os.Environ(), guardVariable+"="+g.owner)
	cmd.Stdin = r
	setGuardAttributes(cmd)
	if err := cmd.Start(); err != nil {
		w.Close()
		return err
	}
	g.orders, g.ended = w, make(chan struct{})
	for group := range g.groups { // of a guard that was killed
		if err := g.order(group); err != nil {
			return err
		}
	}
	go func(ended chan struct{}) {
		_ = cmd.Cmd.Wait() // how it ended says nothing: the next service starts another
		close(ended)
	}(g.ended)
	return nil
}

// watch tells the guard to kill a group when this process ends.
func (g *guardian) watch(group int) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.groups == nil {
		g.groups = map[int]bool{}
	}
	g.groups[group] = true
	return g.order(group)
}

// forget tells the guard that a group has ended.
func (g *guardian) forget(group int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.groups, group)
	// If the guard has been killed, there is nothing for it to forget.
	_ = g.order(-group)
}

// order writes a number to the guard. The caller holds the lock.
func (g *guardian) order(n int) error {
	if _, err := fmt.Fprintln(g.orders, n); err != nil {
		return fmt.Errorf("writing to the process that ends services when loadgen is killed: %w", err)
	}
	return nil
}
