package report

import (
	"fmt"
	"slices"

	"gonum.org/v1/gonum/stat"

	"github.com/loadgen-go/loadgen/bench/schedule"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/terminal"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/scenarios"
)

// started reports whether visits of the cell started a service.
func (v *view) started() bool {
	return slices.ContainsFunc(v.visits, func(visit *results.Visit) bool { return visit.Service != nil })
}

// serviceTable returns a table of what the services that visits started cost besides their load, and what is known of
// them; "" if they started none.
func serviceTable(s *scenarios.Scenario, cells []*view, screen *terminal.Screen) string {
	t := terminal.NewTable(terminal.Column{Title: "service"}, terminal.Column{Title: "startup ms"},
		terminal.Column{Title: "idle mcores"}, terminal.Column{Top: "CPU after", Title: "us/op"},
		terminal.Column{Top: "exported", Title: "spans/op"}, terminal.Column{Top: "exported", Title: "B/op"})
	started := false
	for _, v := range cells {
		if !v.started() {
			continue
		}
		started = true
		number := func(unit string, per float64) string { return format.Number(v.median(unit) / per) }
		t.Row(s.NameOf(v.cell)+" "+at(v.cell.Level), number("startup-ms", 1), number("idle-mcores", 1),
			number("late-cpu-ns/op", 1e3), number("otlp-spans/op", 1), number("otlp-B/op", 1))
	}
	if !started {
		return ""
	}
	text := "\n" + screen.Wrap("Services, besides their load; medians over rounds", "") + "\n" + screen.Blocks(t)
	for _, line := range slices.Concat(fits(s, cells), notesOf(cells)) {
		text += screen.Wrap("- "+line, "  ")
	}
	return text
}

// fits returns what the CPU time of each arm is made of, if it was visited at several steady rates: what it takes
// without load, and what each call adds. It is the line that is closest to the CPU time of all visits.
func fits(s *scenarios.Scenario, cells []*view) (lines []string) {
	rates, cores := map[string][]float64{}, map[string][]float64{}
	var names []string
	for _, v := range cells {
		name := s.NameOf(v.cell)
		if v.cell.Level.QPS == (schedule.Rate{}) {
			continue
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
		for _, visit := range v.visits {
			if visit.Service == nil || visit.Service.CPU == nil || visit.Record.Elapsed <= 0 {
				continue
			}
			rates[name] = append(rates[name], visit.Record.Achieved())
			cores[name] = append(cores[name], visit.Service.CPU.Seconds()/visit.Record.Elapsed.Seconds())
		}
	}
	for _, name := range names {
		if x := rates[name]; len(s.Levels()) > 1 && len(x) > 2 && slices.Max(x) > 1.5*slices.Min(x) {
			idle, each := stat.LinearRegression(x, cores[name], nil, false)
			lines = append(lines, fmt.Sprintf("CPU of %s: %s mcores and %s us a call, by a line through all visits",
				name,
				format.Digits(1e3*idle, 3), format.Micros(1e9*each)))
		}
	}
	return lines
}

// notesOf returns why something is not known about services, each once.
func notesOf(cells []*view) (notes []string) {
	children := false
	for _, v := range cells {
		for _, visit := range v.visits {
			if visit.Service == nil {
				continue
			}
			children = children || visit.Service.HasChildren
			for _, note := range visit.Service.Notes {
				if !slices.Contains(notes, note) {
					notes = append(notes, note)
				}
			}
		}
	}
	if children {
		notes = append(notes, "service-has-children: the service started other processes, whose costs are in its own")
	}
	const most = 8
	if more := len(notes) - most; more > 0 {
		notes = append(notes[:most], fmt.Sprintf("%d more in %s", more, results.JSONFile))
	}
	return notes
}
