package cli

import (
	"net/http"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/otlpsink"
)

// The shop that is part of the command serves, and at TERM exports the spans that it has left and exits with 0.
func TestTheSampleShopServesUntilItIsStopped(t *testing.T) {
	sink, err := otlpsink.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer sink.Close(t.Context())
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", sink.URL())
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "3600000") // nothing is exported before the end
	for way, spans := range map[string]uint64{"none": 0, "sdk": 3, "pooled": 3} {
		t.Run(way, func(t *testing.T) {
			before := sink.Counts()
			t.Setenv("SPANS", way)
			p := start(t, "", "sample", "shop", "--listen", "127.0.0.1:0")
			listening := regexp.MustCompile(`^shop: SPANS=` + way + `, listening on (\S+)\n$`)
			p.await(t, "it listens", func() bool { return listening.MatchString(p.stderr.String()) })
			response, err := http.Get("http://" + listening.FindStringSubmatch(p.stderr.String())[1] + "/items")
			if err != nil {
				t.Fatal(err)
			}
			response.Body.Close()
			if err := kill(p.cmd.Process.Pid, syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			<-p.ended
			if code := p.cmd.ProcessState.ExitCode(); code != 0 || response.StatusCode != http.StatusOK {
				t.Errorf("exit %d, status %d\n%s", code, response.StatusCode, &p.stderr)
			}
			if got := sink.Counts().Since(before); got.Traces.Items != spans || got.Rejected != 0 {
				t.Errorf("%+v exported, want %d spans", got, spans)
			}
		})
	}
}

func TestASampleThatCannotServeIsAnErrorOfTheCommand(t *testing.T) {
	t.Setenv("SPANS", "many")
	for _, row := range []struct {
		name, want string
		args       []string
	}{
		{"wrong environment", `SPANS is "many": want one of none, sdk, pooled`, []string{"sample", "shop"}},
		{"unknown service", `sample: "shoe" is no service: want one of shop (did you mean shop?)`,
			[]string{"sample", "shoe"}},
		{"no service", "sample: the name of a service is missing: want one of shop", []string{"sample"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			code, stdout, stderr := execute(t, row.args...)
			if code != exitUnusable || stdout != "" || !strings.Contains(stderr, row.want) {
				t.Errorf("exit %d\n%s%s\nwant %s", code, stdout, stderr, row.want)
			}
		})
	}
	code, stdout, stderr := execute(t, "sample", "shop", "--help")
	if code != 0 || stderr != "" || !strings.HasPrefix(stdout, "Usage: shop [--listen HOST:PORT]\n") {
		t.Errorf("--help: exit %d\n%s%s", code, stdout, stderr)
	}
}
