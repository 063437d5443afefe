package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/selftest"
)

// A check that finds out nothing about the machine.
func made(f selftest.Finding, err error) selftest.Check {
	return selftest.Check{Group: selftest.Pacing, Name: "made up",
		Measure: func(context.Context) (selftest.Outcome, error) {
			return selftest.Outcome{Findings: []selftest.Finding{f}}, err
		}}
}

func TestASelfTestExitsWithWhatCameOfIt(t *testing.T) {
	pass, fail := selftest.Finding{What: "calls", Unit: selftest.Calls, Passed: true}, selftest.Finding{What: "calls",
		Unit: selftest.Calls, Most: 1, Got: 2}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	for name, c := range map[string]struct {
		ctx    context.Context
		checks []selftest.Check
		code   int
		out    string // in the report
		err    string
	}{
		"all pass": {t.Context(), []selftest.Check{made(pass, nil), made(pass, nil)}, 0,
			"All 2 checks passed.", ""},
		"one fails": {t.Context(), []selftest.Check{made(pass, nil), made(fail, nil)}, 1,
			"1 of 2 checks failed, ", ""},
		"one cannot be": {t.Context(), []selftest.Check{made(pass, nil), made(pass, errors.New("out of luck"))},
			2, "", "pacing, made up: out of luck"},
		"it is interrupted": {stopped, []selftest.Check{made(pass, nil)}, 130, "Interrupted before a check was made.",
			"interrupted after 0 of 1 check"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, asJSON := range []bool{false, true} {
				var stdout, stderr bytes.Buffer
				st := selfTest{checks: c.checks, json: asJSON, stdout: &stdout, stderr: &stderr, screen: plainScreen()}
				err := st.run(c.ctx)
				code, message := exitOK, ""
				if exit := (*exitError)(nil); errors.As(err, &exit) {
					code = exit.code
					if exit.err != nil {
						message = exit.err.Error()
					}
				}
				if code != c.code || message != c.err {
					t.Errorf("%s: exit %d, %q; want %d, %q", name, code, message, c.code, c.err)
				}
				switch {
				case !asJSON || c.out == "":
					if !strings.Contains(stdout.String(), c.out) {
						t.Errorf("%s: %q is not in\n%s", name, c.out, &stdout)
					}
				default:
					var r selftest.Report
					if err := json.Unmarshal(stdout.Bytes(), &r); err != nil || r.Passed != (c.code == 0) ||
						r.Planned != len(c.checks) {
						t.Errorf("%s: %v\n%s", name, err, &stdout)
					}
				}
			}
		})
	}
}

func TestASelfTestThatCannotBeWrittenIsAnError(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip(err)
	}
	defer full.Close()
	for _, asJSON := range []bool{false, true} {
		st := selfTest{checks: []selftest.Check{made(selftest.Finding{Passed: true}, nil)}, json: asJSON,
			stdout: full, stderr: new(bytes.Buffer), screen: plainScreen()}
		var exit *exitError
		if err := st.run(t.Context()); !errors.As(err, &exit) || exit.code != exitUnusable {
			t.Errorf("%v", err)
		}
	}
}

func TestAnInterruptEndsASelfTestAtOnce(t *testing.T) {
	for _, row := range []struct{ flags, begins, ends string }{
		{"--only oracle", "self-test: 4 checks, about 40 s\n", " of 4 checks\n"},
		{"--service", "self-test: 3 checks, about 32 s\n", " of 3 checks\n"},
	} {
		t.Run(row.flags, func(t *testing.T) {
			p := start(t, "", append([]string{"selftest"}, strings.Fields(row.flags)...)...)
			p.await(t, "it measures", func() bool { return p.stderr.String() == row.begins })
			code := p.interrupt(t)
			if stderr := p.stderr.String(); code != exitInterrupted ||
				!strings.HasPrefix(stderr, row.begins+"loadgen: interrupted after ") ||
				!strings.HasSuffix(stderr, row.ends) ||
				!strings.Contains(p.stdout.String(), "Interrupted ") {
				t.Errorf("exit %d\n%s\n%s", code, &p.stdout, &p.stderr)
			}
		})
	}
}

func TestFlagsOfASelfTestThatExcludeEachOtherAreAnError(t *testing.T) {
	for flags, want := range map[string]string{
		"--service --only pacing": "--service: it makes the checks of service alone: leave out --only",
		"--service --aa 12":       "--aa: it makes none of the checks: leave out --quick, --service and --only",
		"--service --keep x":      "--keep: the checks keep no file",
		"--only server":           `--only: group of checks "server" is unknown: want some of oracle, `,
		"--only servic":           "(did you mean service?)",
	} {
		t.Run(flags, func(t *testing.T) {
			code, stdout, stderr := execute(t, append([]string{"selftest"}, strings.Fields(flags)...)...)
			if code != exitUnusable || stdout != "" || !strings.Contains(stderr, want) {
				t.Errorf("exit %d\n%s%s\nwant %s", code, stdout, stderr, want)
			}
		})
	}
}
