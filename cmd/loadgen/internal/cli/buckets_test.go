package cli

import (
	"fmt"
	"go/parser"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/golden"
)

// latenciesIn changes to a directory with a file of 20,000 latencies in ns, latencies.txt, and with what two services
// have counted of them: old.txt, in the default buckets; new.txt; and other.txt, of other calls.
func latenciesIn(t *testing.T) {
	t.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	var numbers strings.Builder
	var values []float64
	for range 20_000 {
		v := time.Duration(math.Exp(math.Log(4e6) + 0.8*r.NormFloat64()))
		values = append(values, v.Seconds())
		fmt.Fprintln(&numbers, int64(v))
	}
	chosen := []float64{.0026, .004, .0064, .009, .012, .015, .018, .021, .026, .032, .04, .052}
	t.Chdir(files(t, map[string]string{
		"latencies.txt": numbers.String(),
		"old.txt":       exposition([]float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}, values, 1),
		"new.txt":       exposition(chosen, values, 1),
		"other.txt":     exposition(chosen, values, 1.5),
		"few.txt":       "1ms\n2ms\n",
	}))
}

// exposition returns the text that a service exposes.
func exposition(bounds, values []float64, scale float64) string {
	var b strings.Builder
	b.WriteString("# TYPE rpc_seconds histogram\n")
	for _, bound := range append(slices.Clone(bounds), math.Inf(1)) {
		n := 0
		for _, v := range values {
			if v*scale <= bound {
				n++
			}
		}
		fmt.Fprintf(&b, "rpc_seconds_bucket{handler=\"a\",le=\"%v\"} %d\n", bound, n)
	}
	fmt.Fprintf(&b, "rpc_seconds_sum{handler=\"a\"} 1\nrpc_seconds_count{handler=\"a\"} %d\n", len(values))
	return b.String()
}

// bucketAnswers are answers with golden files, and their exit codes.
var bucketAnswers = []struct {
	file, args string
	code       int
}{
	{"help-buckets.txt", "buckets --help", 0},
	{"help-buckets-canary.txt", "buckets canary --help", 0},
	{"buckets.txt", "buckets latencies.txt", 0},
	{"buckets-all.txt", "buckets latencies.txt --all --slo p99<250ms,p90<10ms --buckets 8 --bounds otel-http " +
		"--bounds 1ms,10ms,0.1 --drift 1.5", 0},
	{"buckets.json", "buckets latencies.txt --slo p99<50ms --format json", 0},
	{"buckets.tsv", "buckets latencies.txt --format tsv", 0},
	{"buckets-go.txt", "buckets latencies.txt --as go --metric rpc_seconds", 0},
	{"buckets-otel.txt", "buckets latencies.txt --as otel --metric http_server_request_duration_seconds", 0},
	{"buckets-collector.txt", "buckets latencies.txt --as collector", 0},
	{"buckets-canary.txt", "buckets canary latencies.txt --old old.txt --new new.txt --metric rpc_seconds", 0},
	{"buckets-canary.json", "buckets canary latencies.txt --old old.txt --new other.txt --metric rpc_seconds " +
		"--format json", exitNotValid},
	{"buckets-canary.tsv", "buckets canary latencies.txt --old new.txt --new old.txt --metric rpc_seconds " +
		"--format tsv", exitWorse},
}

func TestAnswersOfBuckets(t *testing.T) {
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range bucketAnswers {
		t.Run(c.file, func(t *testing.T) {
			latenciesIn(t)
			code, stdout, stderr := quickly(t, strings.Fields(c.args)...)
			if code != c.code {
				t.Errorf("exit %d, want %d\n%s", code, c.code, stderr)
			}
			t.Chdir(here)
			golden.Check(t, c.file, stdout)
			switch {
			case strings.HasSuffix(c.file, ".json"):
				missing := map[string]bool{}
				undescribed(readPage(t, "cmd/loadgen/BUCKETS.md").text, one(t, stdout), 10, missing)
				for key := range missing {
					t.Errorf("BUCKETS.md does not describe `%s`", key)
				}
			case strings.HasSuffix(c.file, ".tsv"):
				rectangle(t, stdout)
			}
		})
	}
}

// What is printed to be pasted is in the language that it is said to be in.
func TestBucketsArePrintedAsCode(t *testing.T) {
	latenciesIn(t)
	_, list, _ := quickly(t, "buckets", "latencies.txt", "--as", "list")
	bounds := strings.Split(strings.TrimSpace(list), ",")
	if len(bounds) != 12 {
		t.Fatalf("bounds %q", bounds)
	}
	for _, language := range []string{"go", "otel"} {
		_, code, _ := quickly(t, "buckets", "latencies.txt", "--as", language)
		if _, err := parser.ParseExpr(code); err != nil || !strings.Contains(code, strings.Join(bounds, ", ")) {
			t.Errorf("%v in\n%s", err, code)
		}
	}
	_, text, _ := quickly(t, "buckets", "latencies.txt", "--as", "collector")
	var config struct {
		Connectors map[string]struct {
			Histogram struct{ Explicit struct{ Buckets []string } }
		}
	}
	if err := yaml.Unmarshal([]byte(text), &config); err != nil {
		t.Fatal(err)
	}
	for i, b := range config.Connectors["span_metrics"].Histogram.Explicit.Buckets {
		if d, err := time.ParseDuration(b); err != nil || fmt.Sprint(float64(d)/1e9) != bounds[i] {
			t.Errorf("%s and %s", b, bounds[i])
		}
	}
}

func TestBucketsOfABadCommandLine(t *testing.T) {
	latenciesIn(t)
	const canary = "buckets canary latencies.txt --metric rpc_seconds "
	for _, c := range []struct {
		args string
		want []string
	}{
		{"buckets", []string{"there are no latencies: want a run, a file of them, - for standard input, "}},
		{"buckets latencies.txt --metric-unit ms", []string{"--metric-unit: it is of no server: want --prometheus"}},
		{"buckets latencies.txt --metric-unit day --as go", []string{`--metric-unit: "day" is unknown`}},
		{"buckets none.txt --buckets 0 --drift 0.5 --quantiles p50,fast --as goo --slo errors<1%", []string{
			"--buckets: 0 bounds: want 1 to 100", "--drift: a factor of 0.5: want 1,",
			`"fast" is no quantile`, `--as: "goo" is unknown (did you mean go?)`,
			"--slo: errors < 1% has no threshold of latency", "none.txt: no such file"}},
		{"buckets canry", []string{"Did you mean this?\n\tloadgen buckets canary\n"}},
		{"buckets few.txt", []string{"p50 needs 6 values, few.txt has 2", "p99 needs 368 values"}},
		{"buckets latencies.txt --quantiles p101", []string{"is no quantile: want a number above 0 and below 1"}},
		{"buckets latencies.txt --slo p99<5ms,p99<6ms --buckets 1", []string{"--slo: 2 thresholds, and 1 bound"}},
		{"buckets latencies.txt --bounds 5ms,4ms", []string{`--bounds: "4ms" follows 5ms: want ascending bounds`}},
		{"buckets latencies.txt --as go --format tsv", []string{"--as prints code, and --format tsv a document"}},
		{"buckets latencies.txt --label a=b", []string{"--label: it is of no server: want --prometheus"}},
		{"buckets latencies.txt --prometheus http://x", []string{"both name latencies: want one of them"}},
		{"buckets --prometheus http://x", []string{"--metric is missing: want the name of a histogram"}},
		{"buckets --prometheus localhost --metric a_seconds", []string{`"localhost" is no URL`}},
		{"buckets --prometheus http://x --metric a_seconds --unit ms", []string{"--unit: it is of no file"}},
		{"buckets --prometheus http://x --metric a --metric-unit day", []string{`--metric-unit: "day" is unknown`}},
		{"buckets --prometheus http://x --metric a --label b", []string{`--label: "b" is no label`,
			"the name a does not say in which unit its values are: want --metric-unit"}},
		{canary, []string{"--old is missing", "--new is missing"}},
		{canary + "--old none --new old.txt --max-error much", []string{`--max-error: "much" is no share`}},
		{canary + "--old none --new calls.txt", []string{"open none: no such file", "open calls.txt: no such file"}},
		{canary + "--old old.txt --new new.txt --new-metric rcp_seconds", []string{
			"new.txt: no metric rcp_seconds (did you mean rpc_seconds?): want one of rpc_seconds"}},
		{canary + "--old - --new -", []string{"-: standard input is given twice"}},
	} {
		t.Run(c.args, func(t *testing.T) {
			code, stdout, stderr := quickly(t, strings.Fields(c.args)...)
			for _, want := range c.want {
				if code != exitUnusable || stdout != "" || !strings.Contains(stderr, want) {
					t.Errorf("exit %d, want %q in\n%s", code, want, stderr)
				}
			}
		})
	}
}

// The counts of a server are latencies, and its bounds are compared with if a distribution tells what lies in them.
func TestBucketsOfAServer(t *testing.T) {
	latenciesIn(t)
	text, err := os.ReadFile("old.txt")
	if err != nil {
		t.Fatal(err)
	}
	fitting := ""
	for _, m := range regexp.MustCompile(`le="(.*)"} (\d+)`).FindAllStringSubmatch(string(text), -1) {
		fitting += fmt.Sprintf(`,{"metric":{"le":%q},"value":[1,%q]}`, m[1], m[2])
	}
	answers := map[string]string{
		`sum by (le) (increase(rpc_seconds_bucket{handler="a"}[3600000ms]))`: fitting[1:],
		`sum by (le) (odd_seconds_bucket)`: `{"metric":{"le":"0.1"},"value":[1,"9000"]},` +
			`{"metric":{"le":"0.2"},"value":[1,"9900"]},{"metric":{"le":"+Inf"},"value":[1,"10000"]}`,
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"status":"success","data":{"resultType":"vector","result":[%s]}}`,
			answers[r.URL.Query().Get("query")])
	}))
	defer server.Close()
	of := []string{"buckets", "--prometheus", server.URL, "--metric"}
	for _, c := range []struct {
		args string
		code int
		want []string
	}{
		{"rpc_seconds --label handler=a --since 1h", 0, []string{"now 11 ", "+33.1%",
			"In doubt: where the latencies lie in the buckets of rpc_seconds is not known",
			"like the distribution that fits, lognormal,",
			"loadgen buckets --label handler=a --metric rpc_seconds --prometheus " + server.URL +
				" --since 1h0m0s --as go\n"}},
		{"odd_seconds --quantiles p50,p90", 0, []string{"p90 99.99ms", "spread evenly in their buckets, since no"}},
		{"odd_seconds --quantiles p99.5", exitUnusable, []string{
			"p99.5 is beyond the last bound of odd_seconds, 200ms"}},
		{"none_seconds", exitUnusable, []string{"no histogram none_seconds: want the name of one, without _bucket"}},
	} {
		t.Run(c.args, func(t *testing.T) {
			code, stdout, stderr := quickly(t, append(slices.Clone(of), strings.Fields(c.args)...)...)
			text := spaced(stdout + stderr)
			for _, want := range c.want {
				if code != c.code || !strings.Contains(text, spaced(want)) {
					t.Errorf("exit %d, want %q in\n%s%s", code, want, stdout, stderr)
				}
			}
			if strings.Contains(stdout, "\nnow ") != strings.Contains(c.args, "rpc") {
				t.Errorf("bounds that were spread evenly are compared with themselves:\n%s", stdout)
			}
		})
	}
}

// Latencies of a run, in the order of its file, and of standard input.
func TestBucketsReadWhatQuantilesReads(t *testing.T) {
	code, stdout, stderr := quickly(t, "buckets", sampleRun(t), "--quantiles", "p50,p90", "--as", "list")
	if code != 0 || strings.Count(stdout, ",") != 11 {
		t.Errorf("exit %d\n%s\n%s", code, stdout, stderr)
	}
	_, stdout, _ = quickly(t, "buckets", sampleRun(t), "--quantiles", "p50,p90")
	if !strings.HasPrefix(stdout, "sample, 6 visits of spans=none (of 3 arms), 2,400 values: ") {
		t.Errorf("which arm it is of is not said:\n%s", stdout)
	}
	cmd, out, errs := command(t, "buckets", "-", "--unit", "ms", "--quantiles", "p50", "--format", "tsv")
	cmd.Stdin = strings.NewReader(strings.Repeat("1.5\n", 10))
	if err := cmd.Run(); err != nil || !strings.Contains(out.String(), "chosen\t12\t0\t") {
		t.Errorf("%v\n%s\n%s", err, out, errs)
	}
	cmd, out, errs = command(t, "buckets", "-", "--quantiles", "p50")
	cmd.Stdin = strings.NewReader(strings.Repeat("1500\n", 10))
	if err := cmd.Run(); err != nil || !strings.Contains(out.String(), "loadgen buckets - --quantiles p50 --as go") {
		t.Errorf("%v\n%s\n%s", err, out, errs)
	}
}

// The page of a run draws what the command answers, which says so unless flags ask for something else.
func TestTheReportDrawsTheBucketsOfARun(t *testing.T) {
	dir := keptRun(t, false)
	code, stdout, stderr := quickly(t, "buckets", dir, "--as", "list")
	if code != 0 {
		t.Fatalf("exit %d\n%s", code, stderr)
	}
	var bounds []string
	for text := range strings.SplitSeq(strings.TrimSpace(stdout), ",") {
		d, err := time.ParseDuration(text + "s")
		if err != nil {
			t.Fatal(err)
		}
		bounds = append(bounds, d.String())
	}
	_, page, _ := quickly(t, "report", dir, "-o", "-")
	if want := "Use these 12 bounds: " + strings.Join(bounds, ", ") + "."; !strings.Contains(page, want) {
		t.Errorf("the page has no %q", want)
	}
	for _, row := range []struct {
		args []string
		want bool
	}{{nil, true}, {[]string{"--all"}, true}, {[]string{"--buckets", "8"}, false}} {
		_, stdout, _ := quickly(t, append([]string{"buckets", dir}, row.args...)...)
		if got := strings.Contains(stdout, "loadgen report "+dir); got != row.want {
			t.Errorf("%v: the report is named: %v\n%s", row.args, got, stdout)
		}
	}
	if _, page, _ := quickly(t, "report", keptRun(t, true), "-o", "-"); !strings.Contains(page,
		"run: no call of it was measured") {
		t.Error("the page of a run without latencies does not say why there are no bounds")
	}
}

// The page shows what the command prints.
func TestThePageOfBucketsShowsTheAnswers(t *testing.T) {
	page := readPage(t, "cmd/loadgen/BUCKETS.md")
	for _, name := range []string{"buckets", "buckets-canary"} {
		want, err := os.ReadFile("testdata/" + name + ".txt")
		if err != nil {
			t.Fatal(err)
		}
		marker := strings.TrimPrefix(name, "buckets-")
		if shown := page.block(t, marker, "text"); trimLines(shown) != trimLines(string(want)) {
			t.Errorf("%s shows\n%s\nand the command prints\n%s", page.path, shown, want)
		}
	}
}
