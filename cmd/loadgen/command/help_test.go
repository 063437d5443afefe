package command

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
			if code := dispatch(context.Background(), nil, strings.Fields(c.args), nil, &stdout, &stderr); code != c.code {
				t.Errorf("exit %d, want %d\n%s\n%s", code, c.code, &stdout, &stderr)
			}
		})
	}
}

func TestTheCommentOfTheProgramListsItsCommands(t *testing.T) {
	text, err := os.ReadFile("../main.go")
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
