package gate

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// readText reads a text, and returns the number, the name and the values of each line.
func readText(t testing.TB, text string, keys ...string) (lines, warnings []string, err error) {
	t.Helper()
	read, warnings, err := Lines([]string{write(t, "f", text)}, nil, keys)
	for _, l := range read {
		lines = append(lines, fmt.Sprint(l.Number, " ", l.Of.Name, " ", l.Values))
	}
	return lines, warnings, err
}

func TestAResultIsFoundWhateverIsPrintedAroundIt(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"alone":                  {"BenchmarkA-8 100 980 B/op\n", "1 A-8 [980]"},
		"without an end of line": {"BenchmarkA-8 100 980 B/op", "1 A-8 [980]"},
		"after dots":             {".BenchmarkA-8  \t  100\t980 B/op\n", "1 A-8 [980]"},
		"after a sentence": {"loading model... BenchmarkA-8  \t  100\t980 B/op\t 5 hits\n",
			"1 A-8 [980 5]"},
		"after a key":                  {"x=1 BenchmarkA-8 100 980 B/op\n", "1 A-8 [980]"},
		"after what looks like config": {"retries: 3 BenchmarkA-8 100 980 B/op\n", "1 A-8 [980]"},
		"indented":                     {"    BenchmarkA-8 100 980 B/op\n", "1 A-8 [980]"},
		"after a colour":               {"\x1b[1mBenchmarkA-8 100 980 B/op\n", "1 A-8 [980]"},
		"after a byte order mark":      {"\ufeffBenchmarkA-8 100 980 B/op\n", "1 A-8 [980]"},
		"after a carriage return":      {"50%\r100%\rBenchmarkA-8 100 980 B/op\r\n", "1 A-8 [980]"},
		"after another name":           {"loading BenchmarkData: BenchmarkA-8 100 980 B/op\n", "1 A-8 [980]"},
		"a name in a name":             {".BenchmarkA/BenchmarkB-8 100 980 B/op\n", "1 A/BenchmarkB-8 [980]"},
		"dots within":                  {"BenchmarkA-8   \t...     100\t 7e9 ns/op\n", "1 A-8 [7]"},
		"dots beside the count":        {"BenchmarkA-8   \t...1000000000\t 7e9 ns/op\n", "1 A-8 [7]"},
		"dots before and within":       {".BenchmarkA-8   \t..     100\t 7e9 ns/op\t 5 B/op\n", "1 A-8 [7 5]"},
		"a line within":                {"BenchmarkA-8   \tretries: 3\n     100\t 7e9 ns/op\n", "2 A-8 [7]"},
		"lines within": {"x\nBenchmarkA-8   \tretries: 3\nmore: 4\n..   100\t 7e9 ns/op\n",
			"4 A-8 [7]"},
		"go test -v": {"=== RUN BenchmarkA\nBenchmarkA\nBenchmarkA-8   \t     100\t 7e9 " +
			"ns/op\n--- BENCH: BenchmarkA-8\n  a.go:3: BenchmarkA says hello\n", "3 A-8 [7]"},
	} {
		t.Run(name, func(t *testing.T) {
			lines, warnings, err := readText(t, c.text)
			if err != nil || strings.Join(lines, "; ") != c.want || len(warnings) > 0 {
				t.Errorf("%q, %v, %v; want %s", lines, warnings, err, c.want)
			}
		})
	}
}

func TestWhatMayBeAResultAndCannotBeUsedIsAnErrorWithItsLine(t *testing.T) {
	const good = "BenchmarkGood-8 100 5 B/op\n"
	for name, c := range map[string]struct{ text, want string }{
		"text after it":          {"x BenchmarkA-8 100 980 ns/op garbage\n", "f:2: BenchmarkA-8 has no result"},
		"no value":               {"x BenchmarkA-8 100\n", "f:2: BenchmarkA-8 has no result"},
		"no result":              {"BenchmarkA-8   \t", "f:2: BenchmarkA-8 has no result"},
		"no result, after dots":  {".BenchmarkA-8   \t", "f:2: BenchmarkA-8 has no result"},
		"it failed":              {"BenchmarkA-8   \t--- FAIL: BenchmarkA-8\n", "f:2: BenchmarkA-8 has no result"},
		"another follows":        {"BenchmarkA-8   \tx\n" + good, "f:2: BenchmarkA-8 has no result"},
		"no name":                {"    100\t 980 ns/op\n", "f:2: a result without the name"},
		"a comment":              {"# BenchmarkA-8 100 980 ns/op\n", "f:2: a result in a comment"},
		"two names":              {"BenchmarkA-8 \tBenchmarkB-8 100 980 ns/op\n", "f:2: two names and one result"},
		"text within, not ns/op": {"BenchmarkA-8\tx 100 980 B/op\n", "f:2: text between"},
		"count is none":          {"BenchmarkA-8 fast 980 ns/op\n", "f:2: parsing iteration count"},
		"no unit":                {"BenchmarkA-8 100 980\n", "f:2: missing units"},
		"a direction that is none": {"Unit hits better=high\n",
			"f:2: unit hits has better=high: want lower or higher"},
		"unknown metadata": {"Unit hits bettr=higher\n",
			"f:2: unit hits has bettr=higher: want better= or assume="},
		"UTF-16":        {"", "UTF-16 text, as PowerShell writes it: want UTF-8: iconv"},
		"go test -json": {"", `output of go test -json: want the output of go test without it: jq -j`},
	} {
		t.Run(name, func(t *testing.T) {
			text := good + c.text
			switch name {
			case "UTF-16":
				text = "\xff\xfe" + strings.Join(strings.Split(good, ""), "\x00")
			case "go test -json":
				text = `{"Time":"2026-01-02T03:04:05Z","Action":"output","Package":"m","Output":"BenchmarkA-8 \t"}` +
					"\n"
			}
			if lines, _, err := readText(t, text); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, %q; want %q", err, lines, c.want)
			}
		})
	}
}

func TestOutputOfAProgramIsNoConfiguration(t *testing.T) {
	const head, line = "goos: linux\ngoarch: amd64\npkg: m\ncpu: Z80 at 3 MHz\n", "BenchmarkA-8 100 5 B/op\n"
	for name, c := range map[string]struct{ text, want, warning string }{
		"that of go test": {head + line, "goos goarch pkg cpu", ""},
		"a log":           {head + line + "raft: elected leader\n" + line, "goos goarch pkg cpu", ""},
		"numbers": {"seed: 1\n" + line + "seed: 2\n" + line, "",
			"f:1: lines such as 'seed: 1', with 2 different values, are treated as output"},
		"named": {"gogc: 1\n" + line, "gogc", ""},
		"a share of the CPU": {head + line + "cpu: 50%\n" + line + "cpu: 51%\n", "goos goarch pkg cpu",
			"lines such as 'cpu: 50%'"},
		"another package": {head + line + "pkg: n\n" + line, "goos goarch pkg cpu", ""},
		"of a run":        {"# loadgen 2  seed=1\nloop: open\n" + line, "loop", ""},
		"not of a run":    {line + "# loadgen 2  seed=1\nloop: open\n" + line, "", ""},
		"of run --bench": {"# loadgen run --bench\n# round 1\ncpu: 1\nloop: x\n" + head + line +
			"pkg: x\ngoos: x\n", "goos goarch pkg cpu", ""},
		"text, not metadata": {"Unit tests are done\n" + line, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			lines, warnings, err := Lines([]string{write(t, "f", c.text)}, nil, []string{"gogc"})
			if err != nil {
				t.Fatal(err)
			}
			var keys []string
			for _, l := range lines {
				for _, k := range l.Of.Config {
					if k.File && !slices.Contains(keys, k.Key) {
						keys = append(keys, k.Key)
					}
				}
			}
			if got := strings.Join(keys, " "); got != c.want ||
				!strings.Contains(strings.Join(warnings, "\n"), c.warning) ||
				(c.warning == "") != (len(warnings) == 0) {
				t.Errorf("keys %s, want %s; warnings %q, want %q", got, c.want, warnings, c.warning)
			}
		})
	}
}

// Whatever precedes a result, the result is read or an error names its line.
func FuzzNoResultVanishes(f *testing.F) {
	for _, s := range []string{"", ".", "loading ", "retries: 3\n", "x=1 ", "#", "BenchmarkB-8 \t", "\x00",
		"Unit a b=c ", "100 5 ns/op "} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, before string) {
		const want = "BenchmarkLast-8 \t 100\t 7e9 ns/op"
		c := &cleaner{path: "f", declared: func(string) bool { return false }, seen: map[string]*undeclared{}}
		text := string(c.clean([]byte(before + want + "\n")))
		if strings.Count(text, "\n") != strings.Count(before, "\n")+1 {
			t.Errorf("%q has other lines: %q", before, text)
		}
		last := text[strings.LastIndex(strings.TrimSuffix(text, "\n"), "\n")+1:]
		if !strings.Contains(last, "100") && len(c.errs) == 0 {
			t.Errorf("%q: it is %q", before, text)
		}
	})
}
