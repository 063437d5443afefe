package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/loadgen-go/loadgen/internal/spelling"
	"github.com/loadgen-go/loadgen/scenarios"
)

// shells lists the shells that have a completion script.
var shells = []string{"bash", "zsh", "fish", "powershell"}

// newCompletion returns the command that prints the completion scripts of a program.
func newCompletion(program string) *cobra.Command {
	return &cobra.Command{
		Use:   "completion SHELL",
		Short: "Print the script that completes commands in a shell",
		Example: strings.ReplaceAll(`  source <(loadgen completion bash)
  loadgen completion zsh > "${fpath[1]}/_loadgen"
  loadgen completion fish > ~/.config/fish/completions/loadgen.fish
  loadgen completion powershell | Out-String | Invoke-Expression`, loadgen, program),
		Long: `Completes commands, flags and their values, scenarios, runs, and the functions
of a program of your own. SHELL is ` + strings.Join(shells, ", ") + `. To have it in
each new session, put the first example into ~/.bashrc. bash needs the package
bash-completion.

Exit codes: 0 fine; 2 bad input.`,
		ValidArgs: shells,
		Args:      cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			root, w := cmd.Root(), cmd.OutOrStdout()
			switch args[0] {
			case "bash":
				return unusable(root.GenBashCompletionV2(w, true))
			case "zsh":
				return unusable(root.GenZshCompletion(w))
			case "fish":
				return unusable(root.GenFishCompletion(w, true))
			case "powershell":
				return unusable(root.GenPowerShellCompletionWithDesc(w))
			}
			return unusable(fmt.Errorf("no completion for the shell %q%s: want one of %s", args[0],
				spelling.Meant(args[0], shells), strings.Join(shells, ", ")))
		},
	}
}

// completeScenarios completes the only argument of a command with the names of scenarios and with files.
func completeScenarios(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return scenarios.Names(), cobra.ShellCompDirectiveDefault
}
