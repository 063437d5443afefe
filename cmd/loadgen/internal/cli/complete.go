package cli

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/revision"
	"github.com/loadgen-go/loadgen/internal/spelling"
	"github.com/loadgen-go/loadgen/results"
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

// complete registers the completion of a flag. It panics if the command does not have the flag.
func complete(cmd *cobra.Command, flag string, f cobra.CompletionFunc) {
	if err := cmd.RegisterFlagCompletionFunc(flag, f); err != nil {
		panic(err) // a flag is added before its completion
	}
}

// oneOf completes one of the values.
func oneOf(values ...string) cobra.CompletionFunc {
	return cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)
}

// listOf completes the last item of a comma-separated list with the values that the list does not have yet.
func listOf(values ...string) cobra.CompletionFunc {
	return func(_ *cobra.Command, _ []string, text string) ([]string, cobra.ShellCompDirective) {
		before := text[:strings.LastIndex(text, ",")+1]
		given := strings.Split(before, ",")
		var items []string
		for _, v := range values {
			name, _, _ := strings.Cut(v, "\t") // its description follows
			if !slices.Contains(given, name) {
				items = append(items, before+v)
			}
		}
		return items, cobra.ShellCompDirectiveNoFileComp
	}
}

// scenario completes the argument of a command that takes a scenario: with the program's own targets, the names of
// scenarios, and YAML files.
func (all targets) scenario(_ *cobra.Command, _ []string, text string) ([]string, cobra.ShellCompDirective) {
	return offer(text, slices.Concat(all.described(), scenarios.Names(), paths(text, isYAML)))
}

// described returns the names of the program's own targets, with their descriptions, for completion.
func (all targets) described() (names []string) {
	for _, t := range all {
		names = append(names, cobra.CompletionWithDesc(t.Name, t.About))
	}
	return names
}

// isYAML reports whether a file may hold a scenario or a gate file.
func isYAML(path string) bool { return slices.Contains([]string{".yaml", ".yml"}, filepath.Ext(path)) }

// isJSON reports whether a file may be the run.json of a run.
func isJSON(path string) bool { return filepath.Ext(path) == ".json" }

// isHistory reports whether a file may hold a history.
func isHistory(path string) bool { return filepath.Ext(path) == ".jsonl" }

// anyFile accepts every file.
func anyFile(string) bool { return true }

// single completes the only argument of a command as f does.
func single(f cobra.CompletionFunc) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, text string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return f(cmd, args, text)
	}
}

// resultsOf completes a path with the directories in results that have a file called name, such as the runs, which
// have run.json; and with the other files that isInput accepts.
func resultsOf(name string, isInput func(path string) bool) cobra.CompletionFunc {
	return func(_ *cobra.Command, _ []string, text string) ([]string, cobra.ShellCompDirective) {
		files, err := filepath.Glob(filepath.Join("results", "*", name))
		if err != nil {
			return nil, cobra.ShellCompDirectiveError // the pattern is constant
		}
		var items []string
		for _, file := range files {
			items = append(items, filepath.Dir(file))
		}
		for _, path := range paths(text, isInput) {
			if _, err := os.Stat(path + name); err == nil {
				path = strings.TrimSuffix(path, "/") // the directory of a result is enough
			}
			if !slices.Contains(items, path) {
				items = append(items, path)
			}
		}
		return offer(text, items)
	}
}

// filesOf completes a path with the files that isInput accepts.
func filesOf(isInput func(path string) bool) cobra.CompletionFunc {
	return func(_ *cobra.Command, _ []string, text string) ([]string, cobra.ShellCompDirective) {
		return offer(text, paths(text, isInput))
	}
}

// paths returns the paths that text begins: the directories, which end in a slash, and the files that isInput accepts.
// It leaves out hidden files, unless text asks for one, and returns nothing for a directory that cannot be read.
func paths(text string, isInput func(path string) bool) (found []string) {
	dir, start := filepath.Split(text)
	entries, err := os.ReadDir(cmp.Or(dir, "."))
	if err != nil {
		return nil
	}
	for _, e := range entries {
		path := dir + e.Name()
		info, err := os.Stat(path) // which follows links
		switch {
		case err != nil || strings.HasPrefix(e.Name(), ".") && !strings.HasPrefix(start, "."):
		case info.IsDir():
			found = append(found, path+"/")
		case isInput(path):
			found = append(found, path)
		}
	}
	return found
}

// offer returns the items that begin with text. The shell adds no blank after a directory, so that its files can be
// completed next.
func offer(text string, items []string) ([]string, cobra.ShellCompDirective) {
	directive := cobra.ShellCompDirectiveNoFileComp
	var fit []string
	for _, item := range items {
		if strings.HasPrefix(item, text) {
			fit = append(fit, item)
		}
	}
	if len(fit) > 0 && !slices.ContainsFunc(fit, func(item string) bool { return !strings.HasSuffix(item, "/") }) {
		directive |= cobra.ShellCompDirectiveNoSpace
	}
	return fit, directive
}

// refTime limits the time that completion waits for git.
const refTime = 2 * time.Second

// comparisons completes --compare: with the comparisons that the arms of the scenario allow, and, for run and plan,
// with the revisions of the current repository. What cannot be read is left out.
func (all targets) comparisons(cmd *cobra.Command, args []string, text string) ([]string, cobra.ShellCompDirective) {
	var items []string
	if slices.Contains([]string{"run", "plan"}, cmd.Name()) && !strings.Contains(text, ",") {
		ctx, stop := context.WithTimeout(cmd.Context(), refTime)
		defer stop()
		items, _ = revision.Names(ctx, ".") // none outside a repository
	}
	parsedOnce(cmd)
	s, err := all.load(cmd, args)
	if err != nil {
		return items, cobra.ShellCompDirectiveNoFileComp
	}
	pairs, directive := listOf(pairsOf(s)...)(cmd, args, text)
	return append(items, pairs...), directive
}

// parsedOnce removes the second half of lists that are repeated: before cobra completes a flag, it parses all others
// twice, and and their lists grow each time.
func parsedOnce(cmd *cobra.Command) {
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if s, ok := f.Value.(*setting); ok && s.list {
			if half := len(s.text) / 2; half > 0 && s.text[:half] == s.text[half+1:] {
				s.text = s.text[:half]
			}
		}
	})
}

// pairsOf returns the comparisons of a scenario: its own, and each arm with the first arm of its dimension.
func pairsOf(s *scenarios.Scenario) (pairs []string) {
	for _, p := range s.Compare {
		pairs = append(pairs, p.String())
	}
	for _, f := range scenarios.Fields() {
		arms := s.Arms(f.Key)
		for i := 1; i < len(arms) && f.Key != scenarios.Quantile; i++ {
			if pair := arms[i] + " vs " + arms[0]; !slices.Contains(pairs, pair) {
				pairs = append(pairs, pair)
			}
		}
	}
	return pairs
}

// unitNamesOf returns the names of the units of a run.
func unitNamesOf() (names []string) {
	for _, u := range results.Units() {
		names = append(names, u.Name)
	}
	return names
}
