package cli

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/golden"
)

// programs are the programs whose help is tested.
var programs = []struct {
	name string
	own  targets
}{
	{"loadgen", nil},
	{"one function", testTargets[:1]},
	{"several functions", testTargets},
	{"a long name", []Target{Func("encode-documents-into-columns", nil), Func("decode-documents-of-columns", nil)}},
}

// The tests of pages hold that the prose of a page is right; these hold the form of help texts.
func TestEveryHelpFitsATerminalAndBeginsWithExamples(t *testing.T) {
	for _, p := range programs {
		for _, cmd := range withCommandsBelow(newRoot(p.own)) {
			t.Run(p.name+"/"+cmd.CommandPath(), func(t *testing.T) {
				text := helpText(cmd)
				for line := range strings.Lines(text) {
					if width := format.Width(strings.TrimSuffix(line, "\n")); width > helpWidth {
						t.Errorf("%d columns: %s", width, line)
					}
				}
				titles := regexp.MustCompile(`(?m)^([A-Z][A-Za-z]*):$`).FindAllStringSubmatch(text, -1)
				var last int
				for i, title := range titles {
					if i == 0 && !cmd.Hidden && title[1] != "Examples" {
						t.Errorf("it begins with %s", title[1])
					}
					at := slices.Index(helpTitles(), title[1])
					if at < last {
						t.Errorf("the section %s is unknown, or at a wrong place", title[1])
					}
					last = at
				}
				if examples := strings.Count(cmd.Example, "\n") + 1; !cmd.Hidden && (examples < 1 || examples > 5) {
					t.Errorf("%d examples, want at most 5", examples)
				}
				if cmd.Short == "" || strings.HasSuffix(cmd.Short, ".") {
					t.Errorf("the summary is %q", cmd.Short)
				}
			})
		}
	}
}

// helpTitles are the titles of the sections of help texts in their order.
func helpTitles() []string {
	titles := []string{"Examples", "Usage", "Commands"}
	for _, g := range commandGroups {
		titles = append(titles, g.Title)
	}
	return append(titles, flagGroups...)
}

func TestEveryFlagIsInAGroupOfItsHelp(t *testing.T) {
	flags := 0
	for _, p := range programs {
		for _, cmd := range withCommandsBelow(newRoot(p.own)) {
			cmd.Flags().VisitAll(func(f *pflag.Flag) {
				flags++
				groups := f.Annotations[groupOf]
				if len(groups) != 1 || !slices.Contains(flagGroups, groups[0]) {
					t.Errorf("%s --%s is in the groups %q, want one of %q", cmd.CommandPath(), f.Name, groups,
						flagGroups)
				}
				if !strings.Contains(helpText(cmd), "--"+f.Name) {
					t.Errorf("the help of %s has no --%s", cmd.CommandPath(), f.Name)
				}
				if first := f.Usage[:1]; first != strings.ToUpper(first) || !strings.HasSuffix(f.Usage, ".") {
					t.Errorf("%s --%s: %q is no sentence", cmd.CommandPath(), f.Name, f.Usage)
				}
			})
		}
	}
	if flags < 300 {
		t.Errorf("%d flags found", flags)
	}
}

// Examples are commands that the program accepts.
func TestExamplesOfHelpAreAccepted(t *testing.T) {
	n := 0
	for _, p := range programs {
		for _, cmd := range withCommandsBelow(newRoot(p.own)) {
			for line := range strings.Lines(cmd.Example) {
				_, command, ok := strings.Cut(line, loadgen+" ")
				if !ok || cmd.Name() == "completion" {
					continue
				}
				n++
				t.Run(p.name+"/"+command, func(t *testing.T) {
					command, _ := commandOf(loadgen + " " + command)
					if err := misunderstood(command, false); err != nil {
						t.Error(err)
					}
				})
			}
		}
	}
	if n < 50 {
		t.Errorf("%d examples found", n)
	}
}

func TestHelpOfTheProgram(t *testing.T) {
	for _, c := range []struct {
		name, golden string
		own          targets
		args         []string
	}{
		{"loadgen", "help.txt", nil, []string{}},
		{"own functions", "help-own.txt", testTargets[:3], []string{"--help"}},
		{"a run of own functions", "help-own-run.txt", testTargets[:3], []string{"run", "--help"}},
		{"plan", "help-plan.txt", nil, []string{"plan", "--help"}},
		{"scenarios", "help-scenarios.txt", nil, []string{"help", "scenarios"}},
		{"completion", "help-completion.txt", nil, []string{"completion", "-h"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			code := dispatch(t.Context(), c.own, c.args, nil, &stdout, &stderr)
			if code != exitOK || stderr.Len() > 0 {
				t.Fatalf("exit %d\n%s", code, &stderr)
			}
			golden.Check(t, c.golden, strings.ReplaceAll(stdout.String(), filepath.Base(os.Args[0]), "cli.test"))
		})
	}
}

func TestHelpOfACommandThatThereIsNotIsAnError(t *testing.T) {
	for _, c := range []struct {
		args string
		code int
	}{
		{"help", exitOK}, {"help run", exitOK}, {"help capacity plan", exitOK},
		{"help rnu", exitUnusable}, {"help run nothing", exitUnusable},
	} {
		t.Run(c.args, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			if code := dispatch(context.Background(), nil, strings.Fields(c.args), nil, &stdout,
				&stderr); code != c.code {
				t.Errorf("exit %d, want %d\n%s\n%s", code, c.code, &stdout, &stderr)
			}
		})
	}
}

func TestANameThatThereIsNotIsGuessed(t *testing.T) {
	for _, c := range []struct{ name, args, want string }{
		{"two letters swapped", "run --durtaion 3s",
			"loadgen: unknown flag: --durtaion\n\nDid you mean this?\n\t--duration\n\nRun 'loadgen run --help'"},
		{"begun", "capacity --prec 3%", "Did you mean this?\n\t--precision\n"},
		{"like none", "run --xyzzy", "unknown flag: --xyzzy\nRun 'loadgen run --help'"},
		{"a command", "rnu", "Did you mean this?\n\trun\n"},
		{"a scenario", "run quantil-live", `is called "quantil-live" (did you mean quantile-live?): want one of`},
		{"a target", "run --target mapp", `target "mapp" is unknown (did you mean map?): want one of map`},
		{"an arm", "run --spans none,poold", `--spans: "poold" is unknown (did you mean pooled?): want`},
		{"an arm of a comparison", "run --compare none~vs~sdkk",
			`"sdkk" is not an arm of this scenario's spans (did you mean sdk?): want`},
		{"an estimator", "quantiles --estimators hdrr", `"hdrr" is unknown (did you mean hdr?)`},
	} {
		t.Run(c.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			args := strings.Fields(c.args)
			for i := range args {
				args[i] = strings.ReplaceAll(args[i], "~", " ")
			}
			code := dispatch(context.Background(), nil, args, nil, &stdout, &stderr)
			if code != exitUnusable || !strings.Contains(stderr.String(), c.want) {
				t.Errorf("exit %d\n%s\nwant %q", code, &stderr, c.want)
			}
		})
	}
}

func TestTheCommentOfTheProgramListsItsCommands(t *testing.T) {
	text, err := os.ReadFile("../../main.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range newRoot(nil).Commands() {
		if c.Hidden || c.Name() == "help" || c.Name() == "completion" {
			continue
		}
		if !strings.Contains(string(text), "loadgen "+c.Name()+" ") {
			t.Errorf("%s is missing", c.Name())
		}
	}
}
