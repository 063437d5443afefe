// Command loadgen drives an instrumented map of functions at set rates and tells
// what its instrumentation costs.
//
//	loadgen run [SCENARIO]        run a scenario and compare its arms
//	loadgen plan [SCENARIO]       tell what would run, without running it
//	loadgen scenarios             list the scenarios there are
//	loadgen show RUN              print the tables of a run again
//	loadgen report RUN            draw a run as one HTML file
//	loadgen compare BASE HEAD     compare benchmark results, and fail if they regressed
//	loadgen history [FILE]        draw what benchmarks measured over commits
//	loadgen capacity [SCENARIO]   find the highest rate at which objectives hold
//	loadgen selftest              test the generator on this machine
//	loadgen quantiles [FILE...]   compare latency estimators, and recommend one
//
// It exits with 0 if all is well; 1 is for what was worse than asked, 2 for bad
// input and for what could not be measured, 3 for what is not valid under
// --strict, and 130 for an interrupt.
package main

import "github.com/loadgen-go/loadgen/cmd/loadgen/command"

func main() { command.Main() }
