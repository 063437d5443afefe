package cli

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/spf13/cobra"
)

// pageChecks are what every page is checked for. Each returns the problems of a page.
var pageChecks = []struct {
	name     string
	problems func(docPage) []string
}{
	{"size", docPage.wrongSize},
	{"links", docPage.wrongLinks},
	{"commands", docPage.wrongCommands},
	{"flags", docPage.wrongFlags},
	{"paths", docPage.wrongPaths},
	{"examples", docPage.wrongExamples},
	{"fences", docPage.wrongFences},
}

// wrongSize reports a page that is too long to read in one go.
func (p docPage) wrongSize() []string {
	limit := 20_000
	if p.path == "README.md" {
		limit = 10_000
	}
	if len(p.text) < limit {
		return nil
	}
	return []string{fmt.Sprintf("it has %d bytes: want less than %d", len(p.text), limit)}
}

var (
	inlineCode = regexp.MustCompile("`([^`\n]+)`")
	linkOfPage = regexp.MustCompile(`\[[^\]\n]*\]\(([^)\s]+)\)`)
)

// wrongLinks reports links to files and headings that do not exist. Links to other sites are not followed.
func (p docPage) wrongLinks() (problems []string) {
	for _, m := range linkOfPage.FindAllStringSubmatch(inlineCode.ReplaceAllString(p.prose, ""), -1) {
		if strings.Contains(m[1], "://") {
			continue
		}
		file, anchor, hasAnchor := strings.Cut(m[1], "#")
		target := p
		if file != "" {
			name := path.Join(path.Dir(p.path), file)
			data, err := os.ReadFile(filepath.Join(topDir, name))
			if err != nil {
				problems = append(problems, fmt.Sprintf("the link to %s leads to no file", m[1]))
				continue
			}
			target = newPage(name, string(data))
		}
		if hasAnchor && !slices.Contains(target.anchors(), anchor) {
			problems = append(problems, fmt.Sprintf("the link to %s leads to no heading of %s", m[1], target.path))
		}
	}
	return problems
}

// anchors returns the anchors that GitHub gives the headings of a page: lower case, without punctuation, with "-" for
// each blank, and a number if the heading repeats.
func (p docPage) anchors() (anchors []string) {
	seen := map[string]int{}
	for line := range strings.Lines(p.prose) {
		heading := strings.TrimLeft(line, "#")
		if heading == line || !strings.HasPrefix(heading, " ") {
			continue
		}
		anchor := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
				return unicode.ToLower(r)
			}
			return -1
		}, strings.TrimSpace(heading))
		if n := seen[anchor]; n > 0 {
			anchors = append(anchors, fmt.Sprintf("%s-%d", anchor, n))
		} else {
			anchors = append(anchors, anchor)
		}
		seen[anchor]++
	}
	return anchors
}

// commandOf returns the command of loadgen that a line is, without the name of the program, and whether it is one.
func commandOf(line string) (command string, ok bool) {
	line = strings.TrimPrefix(strings.TrimSpace(line), "$ ")
	if command, ok = strings.CutPrefix(line, "loadgen "); !ok {
		if command, ok = strings.CutPrefix(line, "go run ./cmd/loadgen "); !ok {
			return "", false
		}
	}
	for _, end := range []string{"|", "#", ">"} {
		if i := indexUnquoted(command, end); i >= 0 {
			command = command[:i]
		}
	}
	return strings.TrimSpace(command), true
}

// indexUnquoted returns the index of the first end in a line of shell that is not in quotes, or -1.
func indexUnquoted(line, end string) int {
	quote := rune(0)
	for i, r := range line {
		switch {
		case quote != 0:
			if r == quote {
				quote = 0
			}
		case r == '"' || r == '\'':
			quote = r
		case strings.HasPrefix(line[i:], end):
			return i
		}
	}
	return -1
}

// commandLines returns the commands of loadgen in the blocks of a page, without the name of the program.
func (p docPage) commandLines() (commands []string) {
	for _, b := range p.blocks {
		if b.language != "sh" && b.language != "console" && b.language != "yaml" {
			continue
		}
		joined := strings.ReplaceAll(b.text, "\\\n", " ") // a command may go on in the next line
		for line := range strings.Lines(joined) {
			if command, ok := commandOf(line); ok {
				commands = append(commands, command)
			}
		}
	}
	return commands
}

// wrongCommands reports commands of loadgen, in blocks and in the text, that the program does not accept.
func (p docPage) wrongCommands() (problems []string) {
	for _, line := range p.commandLines() {
		if err := misunderstood(line, false); err != nil {
			problems = append(problems, err.Error())
		}
	}
	for _, m := range inlineCode.FindAllStringSubmatch(p.prose, -1) {
		if command, ok := commandOf(m[1]); ok {
			if err := misunderstood(command, true); err != nil {
				problems = append(problems, err.Error())
			}
		}
	}
	return problems
}

// misunderstood returns why the program does not accept a command line, or nil. In the text of a page a command may be
// named without its arguments.
func misunderstood(line string, inText bool) error {
	cmd, args, err := newRoot(nil).Find(words(line))
	if err == nil && !cmd.HasParent() {
		err = cmp.Or(cmd.ValidateArgs(args), errors.New("it is no command"))
	}
	if err == nil {
		err = cmd.ParseFlags(args)
	}
	if err == nil && (len(args) > 0 || !inText) {
		err = cmd.ValidateArgs(cmd.Flags().Args())
	}
	if err != nil {
		return fmt.Errorf("loadgen %s: %w", line, err)
	}
	return nil
}

// wrongFlags reports flags in the text that no command has.
func (p docPage) wrongFlags() (problems []string) {
	for _, m := range inlineCode.FindAllStringSubmatch(p.prose, -1) {
		name, ok := strings.CutPrefix(m[1], "--")
		if !ok {
			continue
		}
		if i := strings.IndexAny(name, " ="); i >= 0 {
			name = name[:i]
		}
		if !hasFlag(newRoot(nil), name) {
			problems = append(problems, fmt.Sprintf("no command has the flag --%s", name))
		}
	}
	return problems
}

// hasFlag reports whether a command or one of those below it has a flag.
func hasFlag(cmd *cobra.Command, name string) bool {
	return cmd.Flags().Lookup(name) != nil || name == "help" ||
		slices.ContainsFunc(cmd.Commands(), func(c *cobra.Command) bool { return hasFlag(c, name) })
}

// wrongPaths reports packages and scripts in blocks of shell that do not exist.
func (p docPage) wrongPaths() (problems []string) {
	for _, b := range p.blocks {
		if b.language != "sh" {
			continue
		}
		for line := range strings.Lines(b.text) {
			if i := indexUnquoted(line, "#"); i >= 0 {
				line = line[:i]
			}
			for i, word := range words(line) {
				isPackage := strings.HasPrefix(word, "./") && strings.HasPrefix(line, "go ")
				isScript := i == 0 && strings.HasPrefix(word, "scripts/")
				if !isPackage && !isScript {
					continue
				}
				if _, err := os.Stat(filepath.Join(topDir, strings.TrimSuffix(word, "..."))); err != nil {
					problems = append(problems, fmt.Sprintf("%s: %s does not exist", strings.TrimSpace(line), word))
				}
			}
		}
	}
	return problems
}

// wrongExamples reports examples that differ from their files, and Go code that is part of no example.
func (p docPage) wrongExamples() (problems []string) {
	for _, b := range p.blocks {
		file, ok := strings.CutPrefix(b.marker, "example: ")
		switch {
		case !ok && b.language == "go":
			problems = append(problems, fmt.Sprintf("no line <!-- example: FILE --> stands before\n%s", b.text))
		case ok:
			example, err := os.ReadFile(filepath.Join(topDir, file))
			if err != nil {
				problems = append(problems, err.Error())
			} else if !isExample(string(example), b) {
				problems = append(problems, fmt.Sprintf("%s does not contain\n%s", file, b.text))
			}
		}
	}
	return problems
}

// isExample reports whether a file contains a block. The body of a Go function is shown without its indentation, and
// its output without the comment signs. Other files are shown whole.
func isExample(file string, b docBlock) bool {
	if b.language != "go" && b.language != "text" {
		return strings.TrimSpace(file) == strings.TrimSpace(b.text)
	}
	for _, indent := range []string{"", "\t", "\t// "} {
		if indent == "\t// " && b.language == "go" {
			continue
		}
		if strings.Contains(strings.ReplaceAll(file, "\n"+indent, "\n"), "\n"+b.text+"\n") {
			return true
		}
	}
	return false
}

// wrongFences reports blocks without a language, and a block that does not end.
func (p docPage) wrongFences() (problems []string) {
	for _, b := range p.blocks {
		if b.language == "" {
			problems = append(problems, fmt.Sprintf("a block names no language:\n%s", b.text))
		}
	}
	if strings.Count("\n"+p.text, "\n```")%2 != 0 {
		problems = append(problems, "a block does not end")
	}
	return problems
}

// Each check finds what it is for.
func TestEachFaultOfAPageIsFound(t *testing.T) {
	const fence = "\n```\n"
	for _, c := range []struct{ check, name, path, text, want string }{
		{"size", "the README", "README.md", strings.Repeat("x", 10_000), "10000 bytes: want less than 10000"},
		{"size", "another page", "bench/README.md", strings.Repeat("x", 20_000), "want less than 20000"},
		{"links", "no file", "results/README.md", "[a](nothing.md)", "nothing.md leads to no file"},
		{"links", "no file, code as text", "results/README.md", "[`a`](../nothing.md#b)", "leads to no file"},
		{"links", "no heading here", "README.md", "# One\n[a](#two)", "no heading of README.md"},
		{"links", "no heading there", "README.md", "[a](CONTRIBUTING.md#two)", "no heading of CONTRIBUTING.md"},
		{"links", "a heading in a block", "README.md", "```sh\n# two" + fence + "[a](#two)",
			"no heading of README.md"},
		{"commands", "no command", "README.md", "```sh\nloadgen ran" + fence, "loadgen ran: unknown command"},
		{"commands", "no flag", "README.md", "```sh\nloadgen run --qqs 1k" + fence, "unknown flag: --qqs"},
		{"commands", "no argument", "README.md", "```sh\nloadgen compare" + fence, "loadgen compare: "},
		{"commands", "a value that is none", "README.md", "```sh\nloadgen capacity --budget soon" + fence, "--budget"},
		{"commands", "through go run", "README.md", "```sh\ngo run ./cmd/loadgen run --qqs 1k" + fence, "--qqs"},
		{"commands", "in the text", "README.md", "see `loadgen report RUN --formt html`", "unknown flag: --formt"},
		{"commands", "in a workflow", "README.md", "```yaml\n  loadgen history --formt json" + fence, "--formt"},
		{"flags", "no flag in the text", "README.md", "with `--stict`", "no command has the flag --stict"},
		{"flags", "no flag with a value", "README.md", "with `--formt html`", "no command has the flag --formt"},
		{"paths", "no package", "README.md", "```sh\ngo test ./benches -run x" + fence, "./benches does not exist"},
		{"paths", "no script", "README.md", "```sh\nscripts/chek" + fence, "scripts/chek does not exist"},
		{"examples", "other code", "README.md",
			"<!-- example: bench/example_test.go -->\n```go\nbench.Ran()" + fence, "does not contain\nbench.Ran()"},
		{"examples", "other YAML", "README.md",
			"<!-- example: scenarios/span-cost.yaml -->\n```yaml\nname: span-cost" + fence, "does not contain"},
		{"examples", "no file", "README.md", "<!-- example: bench/none_test.go -->\n```go\nx" + fence, "none_test.go"},
		{"examples", "code of no example", "README.md", "```go\nbench.Ran()" + fence, "stands before\nbench.Ran()"},
		{"fences", "no language", "README.md", fence + "x" + fence, "names no language"},
		{"fences", "no end", "README.md", "```go\nx\n", "does not end"},
	} {
		t.Run(c.check+"/"+c.name, func(t *testing.T) {
			i := slices.IndexFunc(pageChecks, func(x struct {
				name     string
				problems func(docPage) []string
			}) bool {
				return x.name == c.check
			})
			got := pageChecks[i].problems(newPage(c.path, c.text))
			if len(got) != 1 || !strings.Contains(got[0], c.want) {
				t.Errorf("problems %q, want one with %q", got, c.want)
			}
		})
	}
}

// What is right is not reported.
func TestAPageWithoutFaultsHasNone(t *testing.T) {
	p := newPage("results/README.md", "# One, and `two`\n\n# One, and `two`\n\n[a](#one-and-two) [b](#one-and-two-1) "+
		"[c](../README.md#six-words) [d](https://example.com/#none) `[e](none)` `loadgen compare` `--strict`\n\n"+
		"```sh\nloadgen compare a.txt b.txt --filter '.unit:(B/op OR allocs/op)' | tee x  # --nothing\n"+
		"loadgen capacity --slo 'p99 > 5ms # 1' > out.txt\ngo test ./...\n```\n")
	for _, check := range pageChecks {
		for _, problem := range check.problems(p) {
			t.Errorf("%s: %s", check.name, problem)
		}
	}
}
