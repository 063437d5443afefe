package cli

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/terminal"
	"github.com/loadgen-go/loadgen/scenarios"
)

func newScenarios(own targets) *cobra.Command {
	var fields bool
	var as string
	cmd := &cobra.Command{
		Use:   "scenarios",
		Short: "List the built-in scenarios, or the fields of a scenario file",
		Example: `  loadgen scenarios
  loadgen scenarios --fields
  loadgen scenarios --format json`,
		Long: `Lists the built-in scenarios, each with how long it takes and the question it
answers, and the functions of a program of your own. With --fields, lists what a
scenario file may say.

Exit codes: 0 fine; 2 bad input.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkFormat(as, tableFormats); err != nil {
				return unusable(err)
			}
			if as != formatText {
				return unusable(printScenarios(cmd.OutOrStdout(), as, own, fields))
			}
			list := listText
			if fields {
				list = fieldsText
			}
			w := cmd.OutOrStdout()
			screen := screenOf(cmd, w)
			text, err := list(own, screen)
			return unusable(cmp.Or(err, screen.Print(w, text)))
		},
	}
	cmd.Flags().BoolVar(&fields, "fields", false, "List what a scenario file may say.")
	addFormat(cmd, &as, tableFormats)
	group(cmd, groupOutput, "fields")
	return cmd
}

// fieldsText returns the fields of a scenario file, each with what it takes and what it means.
func fieldsText(_ targets, screen *terminal.Screen) (string, error) {
	const indent = "    "
	var b strings.Builder
	for _, f := range scenarios.Fields() {
		takes := "Takes " + f.Want
		if f.Default != "" {
			takes += " (default " + f.Default + ")"
		}
		b.WriteString(screen.Bold(f.Key) + "\n" + screen.Wrap(indent+f.About, indent) +
			screen.Wrap(indent+takes+".", indent))
	}
	return b.String(), nil
}

// listText returns the program's own targets and the scenarios, each with how long it takes and what it is about.
func listText(own targets, screen *terminal.Screen) (string, error) {
	var rows [][3]string
	for _, target := range own {
		rows = append(rows, [3]string{"--target " + target.Name, "", target.about()})
	}
	for _, name := range scenarios.Names() {
		s, err := scenarios.Load(name)
		if err != nil {
			return "", err
		}
		rows = append(rows, [3]string{name, "about " + format.About(s.Wall()), s.About})
	}
	var widths [2]int
	for _, row := range rows {
		for i := range widths {
			widths[i] = max(widths[i], format.Width(row[i]))
		}
	}
	var b strings.Builder
	for _, row := range rows {
		begin := fmt.Sprintf("%-*s  %-*s  ", widths[0], row[0], widths[1], row[1])
		indent := strings.Repeat(" ", len(begin))
		b.WriteString(begin + strings.TrimLeft(screen.Wrap(indent+row[2], indent), " "))
	}
	return b.String(), nil
}

// about returns the description of t, or a default one.
func (t *Target) about() string { return cmp.Or(t.About, "A function of this program.") }

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
	return slices.Contains([]string{"name", "about", "live"}, key) || scenarios.Structured(key) ||
		strings.HasPrefix(key, "handlers.")
}

// addSettings adds to cmd a flag for each scenario field that has one, except the keys in leftOut. The values of the
// flags are checked together with the values of the file, so that all errors are reported together.
func addSettings(cmd *cobra.Command, leftOut ...string) {
	for _, f := range scenarios.Fields() {
		if fileOnly(f.Key) || slices.Contains(leftOut, f.Key) {
			continue
		}
		// If a flag is given several times, a list grows; for any other flag, the last value counts.
		value := &setting{list: f.List, takes: kindOf(f.Want)}
		flag := cmd.Flags().VarPF(value, f.Key, "", settingUsage(&f))
		if value.takes == "bool" {
			flag.NoOptDefVal = "true" // --closed means --closed=true
		}
		group(cmd, groupOfSetting(f.Key), f.Key)
		switch {
		case f.Key == scenarios.Target || f.Key == "compare": // targets.complete registers their completion
		case f.List:
			complete(cmd, f.Key, listOf(f.Values()...))
		default:
			complete(cmd, f.Key, oneOf(f.Values()...))
		}
	}
}

// addFull adds the flag that runs the full form of a scenario.
func addFull(cmd *cobra.Command) {
	cmd.Flags().Bool(scenarios.FullKey, false, "Run the full form of a scenario that has one, such as otel-spec: "+
		"more or longer visits, for a result to publish.")
	group(cmd, groupLoad, scenarios.FullKey)
}

// settingUsage returns the help text of the flag of a field.
func settingUsage(f *scenarios.Field) string {
	about := strings.TrimPrefix(f.About, "Arms: ") // which the title of the group says
	about = strings.ToUpper(about[:1]) + about[1:]
	if kindOf(f.Want) == "bool" {
		return about
	}
	return about + " Takes " + strings.Replace(f.Want, "a list", "a comma-separated list", 1) + "."
}

// kindOf returns the kind of the values that a field accepts, as help texts name it.
func kindOf(want string) string {
	for _, kind := range []struct{ prefix, name string }{
		{"true or false", "bool"}, {"a list", "list"}, {"a duration", "duration"}, {"one of", "name"}, {"1 to", "n"},
		{"a whole number", "n"},
	} {
		if strings.HasPrefix(want, kind.prefix) {
			return kind.name
		}
	}
	return "value"
}

// groupOfSetting returns the group of the flag of a scenario field. Every dimension is in the group of arms.
func groupOfSetting(key string) string {
	switch key {
	case "compare":
		return groupCompare
	case "slo", "slo-visits", "abort", "failed":
		return groupCI
	}
	if key == scenarios.Target || scenarios.KnownArms(key) != nil {
		return groupArms
	}
	return groupLoad
}

// A setting is a pflag.Value that holds the text of a scenario field.
type setting struct {
	text      string
	list, set bool
	takes     string // kind of the values
}

func (s *setting) String() string { return s.text }
func (s *setting) Type() string   { return s.takes }

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
	for _, key := range append(settingFlags(), scenarios.FullKey) {
		f := cmd.Flags().Lookup(key)
		if f == nil || !f.Changed {
			continue
		}
		if _, ok := f.Value.(*setting); ok || key == scenarios.FullKey {
			settings = append(settings, scenarios.Setting{Key: key, Value: f.Value.String(), Where: "--" + key})
		}
	}
	return settings
}
