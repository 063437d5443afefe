package cli

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/loadgen-go/loadgen/scenarios"
)

// settingFlags returns the keys of the scenario fields that have a flag.
func settingFlags() (keys []string) {
	for _, f := range scenarios.Fields() {
		if !fileOnly(f.Key) {
			keys = append(keys, f.Key)
		}
	}
	return keys
}

// fileOnly reports whether a scenario field has no flag, and can be set only in a file.
func fileOnly(key string) bool {
	return key == "name" || key == "about" || key == "live" || strings.HasPrefix(key, "handlers.")
}

// addSettings adds to cmd a flag for each scenario field that has one, except the keys in leftOut. The values of the
// flags are checked together with the values of the file, so that all errors are reported together.
func addSettings(cmd *cobra.Command, leftOut ...string) {
	for _, f := range scenarios.Fields() {
		if fileOnly(f.Key) || slices.Contains(leftOut, f.Key) {
			continue
		}
		// If a flag is given several times, a list grows; for any other flag, the last value counts.
		isBool := f.Want == "true or false"
		flag := cmd.Flags().VarPF(&setting{list: f.List, isBool: isBool}, f.Key, "",
			f.About+" Takes "+strings.Replace(f.Want, "a list", "a comma-separated `list`", 1)+".")
		if isBool {
			flag.NoOptDefVal = "true" // --closed means --closed=true
		}
		complete := cobra.FixedCompletions(f.Values(), cobra.ShellCompDirectiveNoFileComp)
		if f.Key == "compare" && cmd.Name() == "run" {
			complete = completeRevisions
		}
		if f.Key == "target" {
			continue // targets.complete registers its completion
		}
		if err := cmd.RegisterFlagCompletionFunc(f.Key, complete); err != nil {
			panic(err) // the flag was added above
		}
	}
}

// A setting is a pflag.Value that holds the text of a scenario field.
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

// Set sets the text, or appends to it if the flag takes a list and was set before.
func (s *setting) Set(text string) error {
	if s.list && s.set {
		text = s.text + "," + text
	}
	s.text, s.set = text, true
	return nil
}

// settingsOf returns the settings that the flags of cmd give. It ignores a flag that has the name of a scenario field
// but was not added by addSettings.
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

// completeScenarios completes the only argument of a command with the names of scenarios and with files.
func completeScenarios(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return scenarios.Names(), cobra.ShellCompDirectiveDefault
}
