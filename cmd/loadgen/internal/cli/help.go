package cli

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/internal/spelling"
)

// The groups of flags.
const (
	groupLoad    = "Load"      // what is called, at which rate, and for how long
	groupService = "Service"   // how a service is called
	groupArms    = "Arms"      // which variants are measured
	groupInput   = "Input"     // what is read
	groupCompare = "Comparing" // what is compared with what, and how
	groupOutput  = "Output"    // what is printed or written
	groupCI      = "CI"        // what sets the exit code
	groupOther   = "Other"
)

// flagGroups are the groups of flags in the order of help texts.
var flagGroups = []string{groupLoad, groupService, groupArms, groupInput, groupCompare, groupOutput, groupCI,
	groupOther}

// groupOf is the key of the annotation that holds the group of a flag.
const groupOf = "group"

// group puts flags of a command into a group. It panics if the command does not have them.
func group(cmd *cobra.Command, title string, names ...string) {
	for _, name := range names {
		f := cmd.Flag(name)
		if f == nil {
			panic(cmd.Name() + " has no flag " + name) // a flag is added before it is put into a group
		}
		if f.Annotations == nil {
			f.Annotations = map[string][]string{}
		}
		f.Annotations[groupOf] = []string{title}
	}
}

// The groups of commands.
var commandGroups = []*cobra.Group{
	{ID: "measure", Title: "Measure"},
	{ID: "plan", Title: "Plan"},
	{ID: "read", Title: "Read"},
	{ID: "compare", Title: "Compare"},
	{ID: "help", Title: "Help"},
}

// addGroup adds commands to root, in the group of commands with this ID.
func addGroup(root *cobra.Command, id string, commands ...*cobra.Command) {
	for _, c := range commands {
		c.GroupID = id
		root.AddCommand(c)
	}
}

// setHelp makes root and all commands below it print help texts of this package.
func setHelp(root *cobra.Command) {
	root.SetHelpCommandGroupID("help")
	root.InitDefaultHelpCmd()
	if help, _, err := root.Find([]string{"help"}); err == nil {
		help.Short = "Print the help of a command"
		help.Use = "help [COMMAND]"
		help.Long = "Prints what COMMAND --help prints. Without COMMAND, it lists all commands."
		help.Example = "  loadgen help run\n  loadgen help capacity plan"
		help.Args = knownTopic
	}
	for _, c := range withCommandsBelow(root) {
		c.InitDefaultHelpFlag()
		c.InitDefaultVersionFlag()
		for name, usage := range map[string]string{"help": "Print this text.", "version": "Print the version."} {
			if f := c.Flags().Lookup(name); f != nil && f.Annotations[groupOf] == nil {
				f.Usage = usage
				group(c, groupOther, name)
			}
		}
	}
	root.SetHelpFunc(func(cmd *cobra.Command, _ []string) { fmt.Fprint(cmd.OutOrStdout(), helpText(cmd)) })
}

// withCommandsBelow returns cmd and all commands below it.
func withCommandsBelow(cmd *cobra.Command) []*cobra.Command {
	all := []*cobra.Command{cmd}
	for _, c := range cmd.Commands() {
		all = append(all, withCommandsBelow(c)...)
	}
	return all
}

// knownTopic returns an error if the arguments of the command help name no command. Cobra itself would report this but
// exit with 0.
func knownTopic(help *cobra.Command, args []string) error {
	cmd, rest, err := help.Root().Find(args)
	if err != nil {
		return err
	}
	if cmd == nil || len(rest) > 0 {
		word := rest[0]
		return fmt.Errorf("no command %q%s: want one that loadgen --help lists", strings.Join(args, " "),
			spelling.Meant(word, commandNames(cmd)))
	}
	return nil
}

// commandNames returns the names of the commands below cmd that are not hidden.
func commandNames(cmd *cobra.Command) (names []string) {
	for _, c := range cmd.Commands() {
		if !c.Hidden {
			names = append(names, c.Name())
		}
	}
	return names
}

// Columns of help texts.
const (
	helpWidth = 80 // columns of the narrowest terminal in use
	flagTexts = 28 // column in which the texts of flags begin
	listTexts = 14 // column in which the texts of commands and targets begin, if their names leave room
)

// helpText returns the help text of a command: a summary, examples, the form of its arguments, the prose, and the
// commands below it and the flags, both in groups.
func helpText(cmd *cobra.Command) string {
	var b strings.Builder
	root := cmd.Root()
	b.WriteString(wrapped(root, cmd.Short+"."))
	if cmd.Example != "" {
		b.WriteString("\nExamples:\n")
		for line := range strings.SplitSeq(calledBy(root, cmd.Example), "\n") {
			b.WriteString(folded(line) + "\n")
		}
	}
	b.WriteString("\nUsage:\n" + format.Wrap("  "+usage(cmd), helpWidth, "      "))
	for paragraph := range strings.SplitSeq(cmd.Long, "\n\n") {
		if paragraph != "" {
			b.WriteString("\n" + wrapped(root, paragraph))
		}
	}
	b.WriteString(commandsHelp(cmd))
	cmd.InheritedFlags() // adds them to the flags of cmd
	for _, title := range flagGroups {
		b.WriteString(flagsHelp(cmd.Flags(), title))
	}
	return b.String()
}

// usage returns the form of a command line.
func usage(cmd *cobra.Command) string {
	if !cmd.HasParent() {
		return cmd.Name() + " COMMAND [FLAGS]"
	}
	form := cmd.CommandPath() + strings.TrimPrefix(cmd.Use, cmd.Name())
	if strings.Contains(form, "[FLAGS]") {
		return form
	}
	return form + " [FLAGS]"
}

// folded returns an example in lines of at most helpWidth columns, which end where a flag begins if it is too long.
func folded(example string) string {
	if format.Width(example) <= helpWidth {
		return example
	}
	at := strings.LastIndex(format.Cut(example, helpWidth-len(` \`)), " --")
	if at <= 0 {
		return example
	}
	return example[:at] + " \\\n" + folded("     "+example[at:])
}

// wrapped returns a paragraph in lines of at most helpWidth columns. It keeps a paragraph that is indented, such as a
// list or an example of a file. Elsewhere it calls the program by the name of root.
func wrapped(root *cobra.Command, paragraph string) string {
	if strings.HasPrefix(paragraph, " ") {
		return strings.TrimRight(paragraph, "\n") + "\n"
	}
	return format.Wrap(calledBy(root, strings.Join(strings.Fields(paragraph), " ")), helpWidth, "")
}

// commandsHelp lists the commands below cmd, in groups.
func commandsHelp(cmd *cobra.Command) string {
	groups := cmd.Groups()
	if len(groups) == 0 {
		groups = []*cobra.Group{{Title: "Commands"}}
	}
	var b strings.Builder
	for _, g := range groups {
		var list strings.Builder
		for _, c := range cmd.Commands() {
			if c.GroupID == g.ID && !c.Hidden {
				list.WriteString(entry("  "+c.Name(), c.Short+".", listTexts))
			}
		}
		if list.Len() > 0 {
			fmt.Fprintf(&b, "\n%s:\n%s", g.Title, &list)
		}
	}
	return b.String()
}

// flagsHelp lists the flags of a group in the order in which they were added, or returns "" if there are none.
func flagsHelp(flags *pflag.FlagSet, title string) string {
	flags.SortFlags = false
	var b strings.Builder
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden || !slices.Equal(f.Annotations[groupOf], []string{title}) {
			return
		}
		name := "      --" + f.Name
		if f.Shorthand != "" {
			name = "  -" + f.Shorthand + ", --" + f.Name
		}
		value, text := pflag.UnquoteUsage(f)
		b.WriteString(entry(strings.TrimRight(name+" "+valueName(value), " "), withDefault(f, text), flagTexts))
	})
	if b.Len() == 0 {
		return ""
	}
	return "\n" + title + ":\n" + b.String()
}

// entry returns a name, and from a column on its text, which begins in a line of its own if the name leaves no room.
func entry(name, text string, column int) string {
	blank := strings.Repeat(" ", column)
	text = format.Wrap(blank+text, helpWidth, blank)
	if format.Width(name) > column-2 {
		return name + "\n" + text
	}
	return name + text[format.Width(name):]
}

// valueName returns what the help text calls the value of a flag that pflag calls name.
func valueName(name string) string {
	switch name {
	case "int", "uint":
		return "N"
	case "strings", "stringArray":
		return "LIST"
	case "string":
		return "VALUE"
	case "directory":
		return "DIR"
	}
	return strings.ToUpper(name)
}

// withDefault returns the text of a flag with its default, unless it has none or the text already names it.
func withDefault(f *pflag.Flag, text string) string {
	def := strings.Trim(f.DefValue, "[]")
	if slices.Contains([]string{"", "0", "0s", "false"}, def) || strings.Contains(text, "(default ") {
		return text
	}
	return strings.TrimSuffix(text, ".") + fmt.Sprintf(" (default %s).", def)
}

// calledBy returns a text with the name of root for every loadgen before the name of a command.
func calledBy(root *cobra.Command, text string) string {
	if root.Name() == loadgen {
		return text
	}
	command := regexp.MustCompile(`\b` + loadgen + ` (` + strings.Join(commandNames(root), "|") + `)\b`)
	return command.ReplaceAllString(text, strings.ReplaceAll(root.Name(), "$", "$$")+" $1")
}
