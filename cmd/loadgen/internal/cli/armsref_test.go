package cli

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/loadgen-go/loadgen/bench/schedule"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/results/comparison"
	"github.com/loadgen-go/loadgen/scenarios"
)

// What --compare REF says of a service is an exit code, too.
func TestAServiceIsComparedWithARevision(t *testing.T) {
	have := func(text string) *scenarios.Scenario {
		s, err := scenarios.Decode("x.yaml",
			[]byte("target: http\nhttp: {url: 'http://127.0.0.1:{{port}}/'}\nqps: 100\n"+
				"duration: 1s\n"+text+"\n"))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	for name, c := range map[string]struct {
		text     string
		compares string // or the error
		cells    string
	}{
		"no arms": {"service: {build: ./shop}", "[head vs base]", "[arm=base/qps=100 arm=head/qps=100]"},
		"arms": {"service: {build: ./shop}\narms: [{name: off}, {name: on}]\ncompare: on vs off",
			"[off vs off.base on vs on.base]",
			"[arm=off.base/qps=100 arm=off/qps=100 arm=on.base/qps=100 arm=on/qps=100]"},
		"a command": {"service: {command: ./shop}", "the service is started by a command, which has no revisions", ""},
		"a revision already": {"service: {build: ./shop}\narms: [{name: a, revision: v1}]",
			"the arm a is of revision v1 already", ""},
		"a name that is taken": {"service: {build: ./shop}\narms: [{name: a.base}, {name: a}]",
			"the arm a at that revision would be a.base, which is the name of another arm", ""},
		"one that runs already": {"", "needs a service that loadgen builds and starts", ""},
	} {
		t.Run(name, func(t *testing.T) {
			text := c.text
			if text == "" {
				text = "service: {build: ./shop}"
			}
			s := have(text)
			if c.text == "" {
				s.Service = nil
			}
			got, err := againstRevision(s, "main")
			if err != nil {
				if !strings.Contains(err.Error(), c.compares) {
					t.Errorf("%v: want %q", err, c.compares)
				}
				return
			}
			if compares, cells := fmt.Sprint(got.Compare), fmt.Sprint(got.Cells()); compares != c.compares ||
				cells != c.cells {
				t.Errorf("compares %s of %s: want %s of %s", compares, cells, c.compares, c.cells)
			}
			if got.ServiceArms[0].Revision != "main" || got.ServiceArms[1].Revision != "" ||
				len(s.Compare) != len(have(text).Compare) {
				t.Errorf("arms %+v", got.ServiceArms)
			}
		})
	}
}

func TestARevisionThatIsWorseEndsTheRunWith1(t *testing.T) {
	contests := func(verdicts ...comparison.Verdict) []*comparison.Contest {
		c := &comparison.Contest{}
		c.Pair = scenarios.Pair{A: "head", B: "base"}
		c.CellA.Level.QPS = schedule.PerSecond(500)
		for i, v := range verdicts {
			c.Figures = append(c.Figures, &comparison.Figure{Unit: []string{"B/op", "cpu-ns/op"}[i],
				Result: comparison.Result{Verdict: v}})
		}
		return []*comparison.Contest{c}
	}
	for _, c := range []struct {
		name     string
		verdicts []comparison.Verdict
		strict   bool
		want     int
		says     string
	}{
		{"better", []comparison.Verdict{comparison.Improved, comparison.Equivalent}, true, exitOK, "<nil>"},
		{"worse", []comparison.Verdict{comparison.Improved, comparison.Regressed}, false, exitWorse,
			"1 figure regressed: cpu-ns/op of head vs base at 500/s"},
		{"not shown", []comparison.Verdict{comparison.Inconclusive}, false, exitOK, "<nil>"},
		{"not shown, strict", []comparison.Verdict{comparison.Inconclusive}, true, exitNotValid,
			"1 figure inconclusive (--strict): B/op of head vs base at 500/s"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := worse(contests(c.verdicts...), c.strict)
			got := exitCode(err)
			says := strings.TrimPrefix(fmt.Sprint(err), fmt.Sprintf("exit %d: ", got))
			if got != c.want || says != c.says {
				t.Errorf("exit %d, %v: want %d, %s", got, err, c.want, c.says)
			}
		})
	}
}

// The revisions of a service are arms like any others.
func TestRevisionsOfAServiceAreArms(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds two programs")
	}
	serve := func(body string) map[string]string {
		return map[string]string{"shop/main.go": `package main

import (
	"fmt"
	"net/http"
	"os"
)

func main() {
	http.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "` + body + `") })
	fmt.Println(http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), nil))
}
`}
	}
	dir := repository(t, serve("old"), serve("newer"))
	cmd, stdout, stderr := command(t, "run", "http://127.0.0.1:{{port}}/", "--build", "./shop", "--arm", "base@before",
		"--arm", "head:", "--qps", "100", "--duration", "100ms", "--warmup", "0", "--rounds", "1", "-o", "out",
		"--format",
		"json")
	cmd.Dir = dir
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s\n%s", err, stdout, stderr)
	}
	run, err := results.Read(filepath.Join(dir, "out"))
	if err != nil || len(run.Visits) != 2 || !run.Visits[0].Usable() || !run.Visits[1].Usable() {
		t.Fatalf("%v, %+v", err, run)
	}
	digests := map[string]bool{}
	for _, in := range run.Inputs {
		if in.Kind == results.Started {
			digests[in.SHA256] = true
		}
	}
	if len(digests) != 2 {
		t.Errorf("%d programs of the service, want 2: %+v", len(digests), run.Inputs)
	}
	// The plan of a comparison with a revision starts both.
	code, plan, errs := in(t, dir, "plan", "http://127.0.0.1:{{port}}/", "--build", "./shop", "--compare", "before",
		"--qps", "100")
	for _, want := range []string{"base at 100/s", "head at 100/s", "compares    head vs base", "base: GET",
		"head: GET"} {
		if code != exitOK || !strings.Contains(plan, want) {
			t.Errorf("exit %d, and want %q\n%s\n%s", code, want, plan, errs)
		}
	}
}

// serviceThatAllocates is a service that says of each call that it allocated so many bytes.
func serviceThatAllocates(bytes int) map[string]string {
	return map[string]string{"shop/main.go": fmt.Sprintf(`package main

import (
	"fmt"
	"net/http"
	"os"
	"sync/atomic"
)

func main() {
	var calls atomic.Int64
	http.HandleFunc("/x", func(http.ResponseWriter, *http.Request) { calls.Add(1) })
	http.HandleFunc("/vars", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, "{\"memstats\": {\"TotalAlloc\": %%d, \"Mallocs\": %%d, \"NumGC\": 1, \"PauseTotalNs\": 1}}",
			%d*calls.Load(), calls.Load())
	})
	fmt.Println(http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), nil))
}
`, bytes)}
}

// A service that is worse than at a revision fails the build, as with two programs.
func TestAServiceThatIsWorseThanARevisionIsExitCodeOne(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds two programs")
	}
	for name, c := range map[string]struct {
		base, head int
		want       int
		says       string
	}{
		"worse":  {1000, 5000, exitWorse, "1 figure regressed"},
		"better": {5000, 1000, exitOK, ""},
	} {
		t.Run(name, func(t *testing.T) {
			head := serviceThatAllocates(c.head)
			head["shop.yaml"] = "target: http\nhttp: {url: 'http://127.0.0.1:{{port}}/x'}\n" +
				"service: {build: ./shop, idle: 0s, inspect: 'http://127.0.0.1:{{port}}/vars'}\n" +
				"qps: 200\nduration: 100ms\nwarmup: 0s\nseed: 1\n"
			dir := repository(t, serviceThatAllocates(c.base), head)
			cmd, stdout, stderr := command(t, "run", "shop.yaml", "--compare", "before", "--rounds", "6", "-o", "out")
			cmd.Dir = dir
			err := cmd.Run()
			if code := cmd.ProcessState.ExitCode(); code != c.want || !strings.Contains(stderr.String(), c.says) {
				t.Errorf("exit %d, %v\n%s\n%s\nwant %d and %q", code, err, stdout, stderr, c.want, c.says)
			}
		})
	}
}
