package cli

import (
	"bytes"
	"context"
	"os"
	"strings"
	"testing"
)

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
