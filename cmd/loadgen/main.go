// Command loadgen drives an instrumented map of functions at set rates and tells
// what its instrumentation costs.
//
//	loadgen run [SCENARIO]        run a scenario, compare its arms, and leave results
//	loadgen plan [SCENARIO]       show what a scenario would run, without running it
//	loadgen buckets [RUN|FILE]    choose the buckets of a Prometheus histogram
//	loadgen instrument go build   build a program with probes in its tables of handlers
//	loadgen scenarios             list the built-in scenarios
//	loadgen show RUN              print the tables and comparisons of a run again
//	loadgen report RUN            draw a run as one HTML page
//	loadgen compare BASE HEAD     compare benchmark results, and fail if they regressed
//	loadgen history [FILE]        draw what benchmarks measured over commits
//	loadgen capacity [SCENARIO]   find the highest rate at which objectives hold
//	loadgen selftest              test the generator on this machine
//	loadgen quantiles [FILE...]   compare latency estimators, and recommend one
//
// loadgen COMMAND --help has examples and flags, and loadgen completion SHELL prints
// a script that completes them.
//
// Exit codes: 0 fine; 1 regressed, or an objective was missed; 2 bad input, or
// nothing could be measured; 3 inconclusive or not valid under --strict; 130
// interrupted.
package main

import "github.com/loadgen-go/loadgen/cmd/loadgen/command"

func main() { command.Main() }
