package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/loadgen-go/loadgen/scenarios"
)

// settingFlags are the fields of a scenario that have a flag.
var settingFlags = []string{"qps", "spans", "quantile", "compare", "arrivals", "duration", "warmup", "rounds", "workers", "queue", "seed"}

// addSettings gives cmd a flag for each. Their values are checked with those of
// the file, so that everything wrong is reported together.
func addSettings(cmd *cobra.Command) {
	for _, f := range scenarios.Fields {
		for _, name := range settingFlags {
			if f.Key == name {
				cmd.Flags().String(name, "", f.About+" Takes "+strings.Replace(f.Want, "a list", "a comma-separated `list`", 1)+".")
			}
		}
	}
}

// loadScenario loads what a command's arguments and flags name.
func loadScenario(cmd *cobra.Command, args []string) (*scenarios.Scenario, error) {
	name := "span-reuse"
	if len(args) > 0 {
		name = args[0]
	}
	var settings []scenarios.Setting
	for _, key := range settingFlags {
		if f := cmd.Flags().Lookup(key); f.Changed {
			settings = append(settings, scenarios.Setting{Key: key, Value: f.Value.String(), Where: "--" + key})
		}
	}
	s, err := scenarios.Load(name, settings...)
	if err != nil {
		return nil, unusable(err)
	}
	return s, nil
}

// completeScenarios offers the names of scenarios, and files.
func completeScenarios(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return scenarios.Names(), cobra.ShellCompDirectiveDefault
}
