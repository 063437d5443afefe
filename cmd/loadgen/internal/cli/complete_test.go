package cli

import (
	"bytes"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// completed returns what completion offers for the last argument, in a program with its own targets, and the directive
// for the shell.
func completed(t *testing.T, own targets, args ...string) (offered []string, directive string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	args = append([]string{"__complete"}, args...)
	if code := dispatch(t.Context(), own, args, nil, &stdout, &stderr); code != exitOK {
		t.Fatalf("exit %d\n%s", code, &stderr)
	}
	lines := strings.Split(strings.TrimSpace(stdout.String()), "\n")
	for _, line := range lines[:len(lines)-1] {
		name, _, _ := strings.Cut(line, "\t")
		offered = append(offered, name)
	}
	return offered, lines[len(lines)-1]
}

// The directives of cobra that the tests expect.
const (
	noFiles = ":4" // the shell offers no files
	noSpace = ":6" // nor does it add a blank
)

func TestCompletionOffersScenariosRunsAndFiles(t *testing.T) {
	t.Chdir(files(t, map[string]string{
		"mine.yaml": "", "old.txt": "", ".hidden.yaml": "", "more/inner.yml": "", "h.jsonl": "", "x.json": "",
		"results/a-1/run.json": "", "results/b-2/run.json": "", "results/capacity-c/capacity.json": "",
		"results/empty/x": "", "run.json": "", "out/run.json": "",
	}))
	runs := []string{"results/a-1", "results/b-2"}
	for _, c := range []struct {
		name, args string // the word to complete is what follows the last blank
		own        targets
		want       []string
		not        []string
		directive  string
	}{
		{"scenarios", "run ", nil, []string{"span-reuse", "mine.yaml", "more/"}, []string{"old.txt", ".hidden.yaml"},
			noFiles},
		{"own targets", "run ", testTargets, []string{"look-up", "spanned", "span-reuse"}, nil, noFiles},
		{"own targets of a plan", "plan sp", testTargets, []string{"spanned", "span-cost"}, []string{"look-up"},
			noFiles},
		{"own targets of a search", "capacity look", testTargets, []string{"look-up"}, []string{"spanned"}, noFiles},
		{"commands too", "capacity p", nil, []string{"plan"}, []string{"span-reuse"}, noFiles},
		{"hidden files if asked for", "run .h", nil, []string{".hidden.yaml"}, nil, noFiles},
		{"a directory", "run mor", nil, []string{"more/"}, []string{"mine.yaml"}, noSpace},
		{"a file in a directory", "run more/", nil, []string{"more/inner.yml"}, nil, noFiles},
		{"no second scenario", "run span-reuse ", nil, nil, []string{"span-reuse", "mine.yaml"}, noFiles},
		{"a run to show", "show ", nil, append(runs, "run.json"), []string{"old.txt", "results/empty", "mine.yaml"},
			noFiles},
		{"a run to report", "report results/", nil, runs, []string{"run.json"}, noFiles},
		{"a run elsewhere", "show o", nil, []string{"out"}, []string{"out/", "old.txt"}, noFiles},
		{"a file of a run", "show out/", nil, []string{"out/run.json"}, nil, noFiles},
		{"no second run", "report run.json ", nil, nil, runs, noFiles},
		{"inputs to compare", "compare ", nil, append(runs, "old.txt"), []string{"results/capacity-c"}, noFiles},
		{"a second input", "compare old.txt res", nil, runs, []string{"old.txt"}, noFiles},
		{"latencies for buckets", "buckets ", nil, append(runs, "old.txt", "canary"), nil, noFiles},
		{"a run for a canary", "buckets canary res", nil, runs, []string{"old.txt"}, noFiles},
		{"a scrape", "buckets canary --old o", nil, []string{"old.txt", "out/"}, runs, noFiles},
		{"names of bounds", "buckets --bounds default,", nil, []string{"default,otel-http"},
			[]string{"default,default"}, noFiles},
		{"a language", "buckets --as ", nil, []string{"go", "collector"}, []string{"old.txt"}, noFiles},
		{"what to record", "history record ", nil, append(runs, "old.txt"), nil, noFiles},
		{"a history", "history ", nil, []string{"record", "h.jsonl"}, []string{"old.txt"}, noFiles},
		{"a capacity", "capacity plan ", nil, []string{"results/capacity-c", "x.json"}, runs, noFiles},
		{"a search to resume", "capacity --resume res", nil, []string{"results/capacity-c"}, []string{"x.json"},
			noFiles},
		{"a gate file", "compare --gate m", nil, []string{"mine.yaml", "more/"}, nil, noFiles},
		{"a shell", "completion ", nil, shells, []string{"old.txt"}, noFiles},
		{"nothing that cannot be read", "run none/", nil, nil, []string{"mine.yaml"}, noFiles},
	} {
		t.Run(c.name, func(t *testing.T) {
			offered, directive := completed(t, c.own, strings.Split(c.args, " ")...)
			for _, want := range c.want {
				if !slices.Contains(offered, want) {
					t.Errorf("%s is missing in %q", want, offered)
				}
			}
			for _, not := range c.not {
				if slices.Contains(offered, not) {
					t.Errorf("%s is among %q", not, offered)
				}
			}
			if directive != c.directive {
				t.Errorf("the directive is %s, want %s", directive, c.directive)
			}
		})
	}
}

func TestCompletionOffersTheNextItemOfAList(t *testing.T) {
	for _, c := range []struct {
		name string
		args []string
		want []string // the first of what is offered
		not  string
	}{
		{"the first", []string{"run", "--spans", ""}, []string{"none", "noop", "pooled-value"}, "pooled-value,"},
		{"the next", []string{"run", "--spans", "none,sdk,"}, []string{"none,sdk,noop", "none,sdk,pooled-value"},
			"none,sdk,sdk"},
		{"a target", []string{"plan", "--target", "look-up,"}, []string{"look-up,spanned", "look-up,changing"},
			"look-up,look-up"},
		{"a profile", []string{"run", "--profile", "cpu,"}, []string{"cpu,heap", "cpu,trace"}, "cpu,cpu"},
		{"an estimator", []string{"quantiles", "--estimators", "exact,"}, []string{"exact,hdr"}, "exact,exact"},
		{"a unit", []string{"compare", "--units", "B/op,"}, []string{"B/op,p50-latency-ns"}, "B/op,B/op"},
		{"one of several", []string{"run", "--pace", ""}, []string{"auto", "sleep"}, "auto,"},
	} {
		t.Run(c.name, func(t *testing.T) {
			offered, directive := completed(t, testTargets, c.args...)
			if len(offered) < len(c.want) || !slices.Equal(offered[:len(c.want)], c.want) ||
				slices.Contains(offered, c.not) || directive != noFiles {
				t.Errorf("%q and %s, want %q first, and no %s", offered, directive, c.want, c.not)
			}
		})
	}
}

// A revision comes from git, which may be missing, or be asked outside a repository.
func TestCompletionOfCompareOffersRevisionsAndComparisons(t *testing.T) {
	dir := t.TempDir()
	for _, args := range []string{"init -q -b trunk", "commit -q --allow-empty -m one", "tag v1", "branch other"} {
		cmd := exec.Command("git", append([]string{"-c", "user.name=test", "-c", "user.email=test@example.com", "-c",
			"commit.gpgsign=false"}, strings.Fields(args)...)...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	revisions := []string{"HEAD", "other", "trunk", "v1"}
	for _, c := range []struct {
		name, dir, path string
		args            []string
		want            []string
	}{
		{"of a run", dir, os.Getenv("PATH"), []string{"run", "span-reuse", "--spans", "none,sdk", "--compare", ""},
			append(slices.Clone(revisions), "sdk vs none")},
		{"of a plan", dir, os.Getenv("PATH"), []string{"plan", "--spans", "none,sdk", "span-reuse", "--compare", ""},
			append(slices.Clone(revisions), "sdk vs none")},
		{"of own targets", dir, os.Getenv("PATH"), []string{"plan", "--target", "look-up,spanned", "--compare", ""},
			append(slices.Clone(revisions), "spanned vs look-up")},
		{"the next of a list", dir, os.Getenv("PATH"), []string{"run", "span-reuse", "--spans", "none,sdk,noop",
			"--compare", "sdk vs none,"}, []string{"sdk vs none,noop vs none"}},
		{"of a scenario that is not there", dir, os.Getenv("PATH"), []string{"run", "x.yaml", "--compare", ""},
			revisions},
		{"outside a repository", "/", os.Getenv("PATH"), []string{"run", "span-reuse", "--spans", "none,sdk",
			"--compare", ""}, []string{"sdk vs none"}},
		{"without git", dir, "", []string{"run", "span-reuse", "--spans", "none,sdk", "--compare", ""},
			[]string{"sdk vs none"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Chdir(c.dir)
			t.Setenv("PATH", c.path)
			offered, directive := completed(t, testTargets, c.args...)
			if !slices.Equal(offered, c.want) || directive != noFiles {
				t.Errorf("%q and %s, want %q", offered, directive, c.want)
			}
		})
	}
}

// The script of each shell asks the program by its name.
func TestCompletionScripts(t *testing.T) {
	for _, shell := range shells {
		t.Run(shell, func(t *testing.T) {
			code, stdout, stderr := quickly(t, "completion", shell)
			if code != exitOK || stderr != "" || !strings.Contains(stdout, "__complete") ||
				!strings.Contains(stdout, loadgen) {
				t.Errorf("exit %d\n%s", code, stderr)
			}
		})
	}
}
