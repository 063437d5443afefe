package cli

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/loadgen-go/loadgen/scenarios"
)

// settingFlags returns the fields of a scenario that have a flag.
func settingFlags() (keys []string) {
	for _, f := range scenarios.Fields() {
		if !fileOnly(f.Key) {
			keys = append(keys, f.Key)
		}
	}
	return keys
}

// fileOnly reports whether a field of a scenario has no flag.
func fileOnly(key string) bool {
	return key == "name" || key == "about" || key == "live" || strings.HasPrefix(key, "handlers.")
}

// addSettings gives cmd a flag for each, but those left out. Their values are checked
// with those of the file, so that everything wrong is reported together.
func addSettings(cmd *cobra.Command, leftOut ...string) {
	for _, f := range scenarios.Fields() {
		if fileOnly(f.Key) || slices.Contains(leftOut, f.Key) {
			continue
		}
		// Given several times, a list goes on; of another value the last one counts.
		isBool := f.Want == "true or false"
		flag := cmd.Flags().VarPF(&setting{list: f.List, isBool: isBool}, f.Key, "",
			f.About+" Takes "+strings.Replace(f.Want, "a list", "a comma-separated `list`", 1)+".")
		if isBool {
			flag.NoOptDefVal = "true" // --closed is enough
		}
		complete := cobra.FixedCompletions(f.Values(), cobra.ShellCompDirectiveNoFileComp)
		if f.Key == "compare" && cmd.Name() == "run" {
			complete = completeRevisions
		}
		if f.Key == "target" {
			continue // see targets.complete
		}
		if err := cmd.RegisterFlagCompletionFunc(f.Key, complete); err != nil {
			panic(err) // the flag was added above
		}
	}
}

// A setting is the value of a flag, as text.
type setting struct {
	text      string
	list, set bool
	isBool    bool
}

func (s *setting) String() string { return s.text }
func (s *setting) Type() string {
	if s.isBool {
		return "bool"
	}
	return "string"
}

func (s *setting) Set(text string) error {
	if s.list && s.set {
		text = s.text + "," + text
	}
	s.text, s.set = text, true
	return nil
}

// settingsOf are the settings that a command's flags give. A flag of its own that has
// the name of one is none.
func settingsOf(cmd *cobra.Command) (settings []scenarios.Setting) {
	for _, key := range settingFlags() {
		f := cmd.Flags().Lookup(key)
		if f == nil || !f.Changed {
			continue
		}
		if _, ok := f.Value.(*setting); ok {
			settings = append(settings, scenarios.Setting{Key: key, Value: f.Value.String(), Where: "--" + key})
		}
	}
	return settings
}

// completeScenarios offers the names of scenarios, and files, for one argument.
func completeScenarios(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return scenarios.Names(), cobra.ShellCompDirectiveDefault
}
