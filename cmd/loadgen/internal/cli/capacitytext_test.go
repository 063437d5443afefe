package cli

import (
	"strings"
	"testing"

	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/capacity"
)

func TestTheLimitThatEndedASearchIsNamed(t *testing.T) {
	busy := capacity.Remark{Probes: 4, Last: "noisy-machine: 90% of the CPU time was used by other processes"}
	late := capacity.Remark{Probes: 4, Last: "generator-limited: calls began 2ms late"}
	for _, c := range []struct {
		name                string
		arm                 capacity.Arm
		sentence, exit, not string
	}{
		{"the machine", capacity.Arm{Verdict: capacity.GeneratorLimited, Silent: busy},
			"was not measured further: no rate was confirmed, and at more the machine was busy", "close other " +
				"programs", "generator"},
		{"the machine, above a rate", capacity.Arm{Verdict: capacity.GeneratorLimited, Silent: busy, Told: 100,
			Visits: 6},
			"was not measured further: it holds at 100/s (6 of 6 visits), and at more the machine", "close other " +
				"programs", "generator"},
		{"the generator", capacity.Arm{Verdict: capacity.GeneratorLimited, Silent: late},
			"is generator-limited: no rate was confirmed", "the generator ran out", "busy"},
		{"the machine, before anything was told", capacity.Arm{Verdict: capacity.Undecided, Silent: busy},
			"is undecided", "close other programs", "--budget"},
		{"the budget", capacity.Arm{Verdict: capacity.Undecided}, "is undecided", "raise --budget", "busy"},
		{"the target", capacity.Arm{Verdict: capacity.FailsThroughout, Fails: 3.9},
			"fails throughout: down to 3.9/s no rate held", "misses the objective down to 3.9/s", "--budget"},
	} {
		t.Run(c.name, func(t *testing.T) {
			sentence, exit := capacitySentence(&c.arm), unanswered(&c.arm)
			if !strings.Contains(sentence, c.sentence) || !strings.Contains(exit, c.exit) ||
				strings.Contains(exit, c.not) {
				t.Errorf("%q and %q, want %q and %q without %q", sentence, exit, c.sentence, c.exit, c.not)
			}
		})
	}
}

func TestAProbeThatIsEndedSpeaksOfWhatEndedIt(t *testing.T) {
	p := capacity.Probe{Objectives: []record.SLOResult{{SLO: "p99 < 5ms", Judged: true, Detail: "p99 is infinite"},
		{SLO: "errors < 1%", Detail: "cannot be judged: the run was ended after 47ms"}}, Stopped: true}
	s, err := capacity.New(capacity.Options{Arms: []string{"a"}, Start: 1000, Least: 1, Most: 1e6, Precision: 0.05,
		Probe: 1e9, Calls: 1000, Budget: 6e10})
	if err != nil {
		t.Fatal(err)
	}
	if line := probeLine(1, &p, s); !strings.Contains(line, "; p99 is infinite (") ||
		strings.Contains(line, "judged") {
		t.Error(line)
	}
}
