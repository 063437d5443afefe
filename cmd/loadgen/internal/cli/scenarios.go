package cli

import (
	"cmp"
	"fmt"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/scenarios"
)

func newScenarios(own targets) *cobra.Command {
	var fields bool
	var as string
	cmd := &cobra.Command{
		Use:   "scenarios",
		Short: "List the scenarios that are part of the program",
		Long: `Lists the scenarios that are part of the program, each with the question it
answers, and the targets of the program's own. With --fields, lists what the file of a scenario may say.`,
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
			text, err := list(own)
			if err == nil {
				_, err = fmt.Fprintln(cmd.OutOrStdout(), text)
			}
			return unusable(err)
		},
	}
	cmd.Flags().BoolVar(&fields, "fields", false, "list what the file of a scenario may say")
	addFormat(cmd, &as, tableFormats)
	return cmd
}

// fieldsText returns a table of the fields of a scenario file.
func fieldsText(targets) (string, error) {
	t := format.Table(4, "field", "takes", "default", "meaning")
	for _, f := range scenarios.Fields() {
		t.AppendRow(table.Row{f.Key, f.Want, f.Default, f.About})
	}
	return t.Render(), nil
}

// listText returns a table of the program's own targets and of the scenarios.
func listText(own targets) (string, error) {
	t := format.Table(0)
	for _, target := range own {
		t.AppendRow(table.Row{"--target " + target.Name, "", target.about()})
	}
	for _, name := range scenarios.Names() {
		s, err := scenarios.Load(name)
		if err != nil {
			return "", err
		}
		t.AppendRow(table.Row{name, "about " + format.About(s.Wall()), s.About})
	}
	return t.Render(), nil
}

// about returns the description of t, or a default one.
func (t *Target) about() string { return cmp.Or(t.About, "A function of this program.") }
