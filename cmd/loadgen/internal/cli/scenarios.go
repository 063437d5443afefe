package cli

import (
	"cmp"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/loadgen-go/loadgen/scenarios"
)

func newScenarios(own targets) *cobra.Command {
	var fields bool
	var format string
	cmd := &cobra.Command{
		Use:   "scenarios",
		Short: "List the scenarios that are part of the program",
		Long: `Lists the scenarios that are part of the program, each with the question it
answers, and the targets of the program's own. With --fields, lists what the file of a scenario may say.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkFormat(format, tableFormats); err != nil {
				return unusable(err)
			}
			if format != formatText {
				return unusable(printScenarios(cmd.OutOrStdout(), format, own, fields))
			}
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			if fields {
				fmt.Fprintln(w, "FIELD\tTAKES\tDEFAULT\tMEANING")
				for _, f := range scenarios.Fields() {
					fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", f.Key, f.Want, f.Default, f.About)
				}
				return unusable(w.Flush())
			}
			for _, t := range own {
				fmt.Fprintf(w, "--target %s\t\t%s\n", t.Name, t.about())
			}
			for _, name := range scenarios.Names() {
				s, err := scenarios.Load(name)
				if err != nil {
					return unusable(err)
				}
				fmt.Fprintf(w, "%s\tabout %s\t%s\n", name, about(s.Wall()), s.About)
			}
			return unusable(w.Flush())
		},
	}
	cmd.Flags().BoolVar(&fields, "fields", false, "list what the file of a scenario may say")
	addFormat(cmd, &format, tableFormats)
	return cmd
}

// about says what a target is.
func (t *Target) about() string { return cmp.Or(t.About, "A function of this program.") }

// about is a duration as one says it.
func about(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%.0f s", max(d.Seconds(), 1))
	case d < 90*time.Minute:
		return fmt.Sprintf("%.0f min", d.Minutes())
	}
	return fmt.Sprintf("%.1f h", d.Hours())
}
