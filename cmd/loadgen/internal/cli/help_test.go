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
					if width := format.Width(strings.TrimSuffix(line, "\n")); width > 80 {
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
	return append(titles, "Load", "Service", "Arms", "Input", "Comparing", "Output", "CI", "Other")
}

func TestEveryFlagIsInAGroupOfItsHelp(t *testing.T) {
	flags := 0
	for _, p := range programs {
		for _, cmd := range withCommandsBelow(newRoot(p.own)) {
			cmd.InheritedFlags() // adds them to the flags
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
		{"a single hyphen", "run -qps 1k", "Did you mean this?\n\t--qps\n"},
		{"a single hyphen, and two letters swapped", "run -pqs=1k", "Did you mean this?\n\t--qps\n"},
		{"a letter with its value", "run -c50", "Did you mean this?\n\t--connections\n"},
		{"a format as a flag", "compare --json a b", "Did you mean this?\n\t--format json\n"},
		{"like none", "run --xyzzy", "unknown flag: --xyzzy\nRun 'loadgen run --help'"},
		{"a command", "rnu", "Did you mean this?\n\trun\n"},
		{"a scenario", "run quantil-live", `is called "quantil-live" (did you mean quantile-live?): want one of`},
		{"a target", "run --target mapp", `target "mapp" is unknown (did you mean map?): want one of map`},
		{"an arm", "run --spans none,poold", `--spans: "poold" is unknown (did you mean pooled?): want`},
		{"an arm of a comparison", "run --compare none~vs~sdkk",
			`"sdkk" is not an arm of this scenario's spans (did you mean sdk?): want`},
		{"an estimator", "quantiles --estimators hdrr", `"hdrr" is unknown (did you mean hdr?)`},
		{"an argument that is missing", "compare",
			"requires at least 1 arg(s), only received 0\nUsage: loadgen compare "},
		{"a scenario as a command", "span-reuse", "Did you mean this?\n\trun span-reuse\n\nRun"},
		{"a command below a command", "capacity paln", "Did you mean this?\n\tloadgen capacity plan\n"},
		{"a flag of a command below", "capacity --peak 1k", "Did you mean this?\n\tloadgen capacity plan --peak\n"},
		{"a command below history", "history recrod", "Did you mean this?\n\tloadgen history record\n"},
		{"a topic", "help rnu", `no command "rnu" (did you mean run?): want one that loadgen --help lists`},
		{"a shell", "completion zhs", `the shell "zhs" (did you mean zsh?): want one of bash, zsh,`},
		{"a format", "plan --format jsno", `--format: "jsno" is unknown (did you mean json?): want one of text, json`},
		{"a profile", "run --profile cpu,haep", `--profile: "haep" is unknown (did you mean heap?): want a list of`},
		{"arrivals", "plan --arrivals gama(cv=3)", `"gama" is unknown (did you mean gamma?): want one of constant,`},
		{"a load", "plan --load rmap:1k..2k@1m", `"rmap" is unknown (did you mean ramp?): want one of const:`},
		{"a policy of overload", "plan --overload drp", `"drp" is not valid (did you mean drop?): want one of queue`},
		{"a policy with an option", "plan --overload catchup(k=2)", `is not valid (did you mean catch-up?): want one`},
		{"an option of a policy", "plan --overload catch-up(k=x)", `"catch-up(k=x)" is not valid: want one of queue`},
		{"a pace", "plan --pace slep", `--pace: "slep" is not valid (did you mean sleep?): want one of auto`},
		{"a quorum", "plan --slo-visits mots", `"mots" is not a share of visits (did you mean most?): want most`},
		{"failed calls", "plan --failed infinte", `"infinte" is unknown (did you mean infinite?): want infinite or`},
		{"an objective", "plan --slo errrs<1%", `is not p99 or another percentile, max, mean, errors, drops or ` +
			`achieved (did you mean errors?): want`},
		{"an objective of capacity", "capacity --slo maxx<1s", "(did you mean max?)"},
		{"a shape of data", "quantiles --data pareot", `"pareot" is unknown (did you mean pareto?): want some of`},
		{"a unit of data", "quantiles x --unit mss", `--unit: "mss" is unknown (did you mean ms?): want one of`},
		{"a group of checks", "selftest --only pacin", `"pacin" is unknown (did you mean pacing?): want some of`},
		{"a direction", "compare --better hits=hihger a b", `"hits=hihger" (did you mean higher?): want UNIT=lower`},
		{"a field of a scenario", "plan testdata/misspelt.yaml",
			`unknown field "duratoin" (did you mean duration?): want one of name`},
		{"a field of fields", "plan testdata/misspelt.yaml", `"handlers.spn" (did you mean handlers.spin?): want`},
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

func TestAUnitThatWasNotMeasuredIsGuessed(t *testing.T) {
	bench := written(t, "a.txt", strings.Repeat("BenchmarkA 1 5 ns/op 64 B/op 2 allocs/op\n", 6))
	for _, c := range []struct {
		name, rules string
		args        []string
		code        int
		want        string
	}{
		{"--units", "", []string{"--units", "alocs/op"}, exitUnusable,
			"nothing was measured in alocs/op (did you mean allocs/op?): want some of B/op, allocs/op, sec/op"},
		{"--margin", "", []string{"--margin", "B/o=1%"}, exitUnusable, "in B/o (did you mean B/op?): want some of"},
		{"--better", "", []string{"--better", "sec/opp=lower"}, exitUnusable,
			"in sec/opp (did you mean sec/op?): want"},
		{"--exact", "", []string{"--exact", "alloc/op"}, exitUnusable, "in alloc/op (did you mean allocs/op?): want"},
		{"a unit of the gate file", "exact: [allocs/opp]\n", nil, exitOK,
			`no results in unit "allocs/opp", which it names (did you mean allocs/op?): check the spelling`},
		{"a field of the gate file", "margns: {B/op: 1%}\n", nil, exitUnusable,
			`gate.yaml:1:1: unknown field "margns" (did you mean margins?): want one of margins, exact, only,`},
		{"a field of an entry", "expected:\n  - {cel: x}\n", nil, exitUnusable,
			`gate.yaml:2:6: unknown field "cel" (did you mean cell?): want one of cell, unit, reason, until`},
	} {
		t.Run(c.name, func(t *testing.T) {
			args := append([]string{"compare", bench, bench}, c.args...)
			if c.rules != "" {
				args = append(args, "--gate", written(t, "gate.yaml", c.rules))
			}
			code, stdout, stderr := quickly(t, args...)
			text := spaced(stdout + stderr)
			if code != c.code || !strings.Contains(text, c.want) {
				t.Errorf("exit %d, want %d and %q in\n%s%s", code, c.code, c.want, stdout, stderr)
			}
		})
	}
}

// A program with its own targets takes them as arguments, and tells them from scenarios.
func TestAnOwnTargetIsAnArgument(t *testing.T) {
	for _, c := range []struct {
		name, args string
		code       int
		want       string // in both outputs
	}{
		{"planned", "plan spanned", exitOK, "spanned: Makes spans by itself."},
		{"with other flags", "plan spanned --qps 20k --rounds 3", exitOK, "3 visits of 5s in 3 rounds"},
		{"a scenario is still one", "plan span-reuse --qps 1k", exitOK, "pooled-off at 1,000/s"},
		{"and --target", "plan spanned --target look-up", exitUnusable,
			"spanned and --target look-up both name what to measure: want one of them"},
		{"misspelt", "plan spaned", exitUnusable,
			"no function of this program either (did you mean spanned?): these are look-up, spanned"},
		{"misspelt, in a run", "run look-upp", exitUnusable, "(did you mean look-up?)"},
		{"a file that is not there", "plan ./spaned", exitUnusable, "open ./spaned: no such file or directory: want"},
		{"as a command", "spanned", exitUnusable, "Did you mean this?\n\trun spanned\n"},
		{"compared without --target", "run --compare spanned~vs~look-up", exitUnusable,
			"spanned and look-up are functions of this program: add --target look-up,spanned to measure both"},
		{"compared with one that is measured", "plan look-up --compare spanned~vs~look-up", exitUnusable,
			`compare: "spanned" is not an arm of this scenario's target: want look-up; to measure both, add ` +
				"--target look-up,spanned"},
		{"compared", "plan --target look-up,spanned --compare spanned~vs~look-up", exitOK, "spanned vs look-up"},
		{"arms that are not measured", "plan span-reuse --spans none --compare pooled~vs~sdk", exitUnusable,
			`"pooled" is not an arm of this scenario's spans: want none; to measure both, add --spans sdk,pooled`},
		{"capacity", "capacity spaned --slo p99<1s", exitUnusable, "(did you mean spanned?)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			args := strings.Fields(c.args)
			for i := range args {
				args[i] = strings.ReplaceAll(args[i], "~", " ")
			}
			var stdout, stderr bytes.Buffer
			code := dispatch(t.Context(), testTargets, args, nil, &stdout, &stderr)
			if text := stdout.String() + stderr.String(); code != c.code || !strings.Contains(text, c.want) {
				t.Errorf("exit %d, want %d and %q in\n%s", code, c.code, c.want, text)
			}
		})
	}
	t.Run("in a program without", func(t *testing.T) {
		code, _, stderr := quickly(t, "run", "look-up")
		if want := "measured by a program that gives it to command.Main"; code != exitUnusable ||
			!strings.Contains(stderr, want) {
			t.Errorf("exit %d, want %q in\n%s", code, want, stderr)
		}
	})
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
