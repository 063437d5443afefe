package main

import (
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

func TestEachSideHasAProcessorOfItsOwnIfThereAreTwo(t *testing.T) {
	set := func(cpus ...int) (s unix.CPUSet) {
		for _, cpu := range cpus {
			s.Set(cpu)
		}
		return s
	}
	for _, c := range []struct {
		name           string
		all            []int
		server, client int
		ok             bool
	}{
		{"one", []int{3}, 0, 0, false},
		{"two", []int{0, 1}, 0, 1, true},
		{"not the first ones", []int{5, 9, 12}, 5, 9, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			all := set(c.all...)
			server, serverOK := processor(&all, serverSide)
			client, clientOK := processor(&all, clientSide)
			if serverOK != c.ok || clientOK != c.ok || c.ok && (server != set(c.server) || client != set(c.client)) {
				t.Errorf("processors are %v, %t and %v, %t: want %d and %d, %t", server, serverOK, client, clientOK,
					c.server, c.client, c.ok)
			}
		})
	}
}

func TestAChildRunsOnOneProcessorAndThisProcessOnAsManyAsBefore(t *testing.T) {
	var before, after unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		t.Fatal(err)
	}
	if before.Count() < 2 {
		t.Skip("there is one processor")
	}
	for _, side := range []int{serverSide, clientSide} {
		p, err := startChild(t.Context(), side, job{Task: serveTask})
		if err != nil {
			t.Fatal(err)
		}
		defer p.kill()
		var child unix.CPUSet
		if err := unix.SchedGetaffinity(p.command.Process.Pid, &child); err != nil {
			t.Fatal(err)
		}
		if want, _ := processor(&before, side); child != want {
			t.Errorf("the child may run on %v: want %v", child, want)
		}
		if !slices.Contains(p.command.Env, "GOMAXPROCS=1") {
			t.Errorf("the environment is %q: want GOMAXPROCS=1 in it", p.command.Env)
		}
	}
	if err := unix.SchedGetaffinity(0, &after); err != nil || after != before {
		t.Errorf("this process may run on %v, %v: want %v as before", after, err, before)
	}
}
