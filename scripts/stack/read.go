package main

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// A reading is what was read back of the traces of two arms.
type reading struct {
	traces, spans int // of both arms
	properties    int // that were compared
	problems      []string
	dropped       int // problems that are not kept
	slowest       map[string]*tree
	calls         map[string]*call                    // of the slowest
	self          map[string]map[string]time.Duration // by arm and span
}

// Limits of what is read and kept.
const (
	mostTraces   = 5000 // of an arm
	mostProblems = 20
	readers      = 4
)

// read reads the traces of two arms back, checks each against its request, and compares the arms with each other, call
// by call. If there are more than mostTraces of an arm, it reads a sample, which the seed fixes.
func (r *rig) read(ctx context.Context, a, b *passage) (*reading, error) {
	res := &reading{slowest: map[string]*tree{}, calls: map[string]*call{},
		self: map[string]map[string]time.Duration{a.arm: {}, b.arm: {}}}
	every := (len(a.load.calls) + mostTraces - 1) / mostTraces
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var wait sync.WaitGroup
	var mu sync.Mutex // of res
	next := make(chan int)
	for range readers {
		wait.Go(func() {
			for n := range next {
				if err := r.readCall(ctx, n, a, b, res, &mu); err != nil {
					stop(err)
				}
			}
		})
	}
	for n := int(r.seed % uint64(max(every, 1))); n < len(a.load.calls) && ctx.Err() == nil; n += every {
		next <- n
	}
	close(next)
	wait.Wait()
	return res, context.Cause(ctx)
}

// readCall reads the traces of one call in both arms.
func (r *rig) readCall(ctx context.Context, n int, a, b *passage, res *reading, mu *sync.Mutex) error {
	trees := [2]*tree{}
	for i, p := range []*passage{a, b} {
		c := &p.load.calls[n]
		if c.status == 0 {
			continue // audit reports it
		}
		spans, err := r.store.find(ctx, c.trace)
		if err != nil {
			return err
		}
		t, problems := newTree(spans, c.span)
		if len(problems) == 0 {
			problems = c.check(t)
			trees[i] = t
		}
		mu.Lock()
		res.traces++
		res.spans += len(spans)
		for _, problem := range problems {
			res.complain(fmt.Sprintf("%s, trace %s (%s): %s", p.arm, c.trace, kinds[c.kind].name, problem))
		}
		if trees[i] != nil {
			res.keep(p.arm, t, c)
		}
		mu.Unlock()
	}
	if trees[0] == nil || trees[1] == nil {
		return nil
	}
	list, compared := differences(trees[0], trees[1])
	mu.Lock()
	defer mu.Unlock()
	res.properties += compared
	for _, d := range list {
		name := kinds[a.load.calls[n].kind].name
		res.complain(fmt.Sprintf("call %d (%s), %s against %s: %s", n, name, a.arm, b.arm, d))
	}
	return nil
}

// misled returns a problem if the traces do not show that most time goes to the slow step. A short load may have no
// request with that step.
func (r *reading) misled() (problems []string) {
	for arm, self := range r.self {
		if all := shares(self); self[slowStep] > 0 && all[0].name != slowStep {
			problems = append(problems, fmt.Sprintf("%s: most time goes to %q (%.0f %%): want %q, which waits for %v",
				arm, all[0].name, 100*all[0].share, slowStep, slowBy))
		}
	}
	return problems
}

// complain keeps a problem, or counts it if there are many.
func (r *reading) complain(problem string) {
	if len(r.problems) == mostProblems {
		r.dropped++
		return
	}
	r.problems = append(r.problems, problem)
}

// keep adds the time of a trace, and keeps it if it is the slowest.
func (r *reading) keep(arm string, t *tree, c *call) {
	for _, s := range t.selfTimes() {
		r.self[arm][s.name] += s.took
	}
	if old := r.slowest[arm]; old == nil || t.root.took() > old.root.took() {
		r.slowest[arm], r.calls[arm] = t, c
	}
}
