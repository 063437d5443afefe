package quantiles

import (
	"bytes"
	"regexp"
	"strings"
)

// byteOrderMark is how some editors begin UTF-8. It is skipped.
const byteOrderMark = "\ufeff"

// decompressed is advice about compressed files.
const decompressed = ": want it decompressed, such as by %s FILE | loadgen quantiles -"

// kinds describe files by their first bytes, with advice.
var kinds = []struct{ begins, what string }{
	{"\x1f\x8b", "compressed by gzip" + strings.ReplaceAll(decompressed, "%s", "gunzip -c")},
	{"BZh", "compressed by bzip2" + strings.ReplaceAll(decompressed, "%s", "bunzip2 -c")},
	{"\xfd7zXZ\x00", "compressed by xz" + strings.ReplaceAll(decompressed, "%s", "xz -dc")},
	{"\x28\xb5\x2f\xfd", "compressed by zstd" + strings.ReplaceAll(decompressed, "%s", "zstd -dc")},
	{"PK\x03\x04", "a zip archive: want the file in it"},
	{"\xff\xfe", "text in UTF-16" + utf8},
	{"\xfe\xff", "text in UTF-16" + utf8},
	{"{", "JSON: want numbers, one a line, or the path of a run.json"},
	{"[", "JSON: want numbers, one a line, or the path of a run.json"},
	{"<", "HTML or XML: want numbers, one a line"},
}

// utf8 is advice about UTF-16.
const utf8 = ": want UTF-8, such as by iconv -f UTF-16 -t UTF-8 FILE | loadgen quantiles -"

// benchmarkLine matches a line of Go benchmark text: a result, a unit, or a configuration.
var benchmarkLine = regexp.MustCompile(`^(Benchmark\S*\s|Unit \S+ \S+=|[a-z][^\s:]*:\s)`)

// percentilesHead matches the first line of HdrHistogram's text of percentiles.
var percentilesHead = regexp.MustCompile(`^"?Value"?[\s,]+"?Percentile`)

// anotherKind returns what a file that begins with head is, and what is wanted instead. It returns ""
// if the file may be a log or numbers. Tables with columns are reported at their first line.
func anotherKind(head []byte) string {
	for _, k := range kinds {
		if bytes.HasPrefix(head, []byte(k.begins)) {
			return k.what
		}
	}
	for line := range bytes.Lines(head) {
		s := strings.TrimSpace(string(line))
		switch {
		case s == "" || s[0] == '#':
			continue
		case benchmarkLine.MatchString(s):
			return "Go benchmark text: want the directory of the run, or its run.json, or numbers, one a line"
		case percentilesHead.MatchString(s):
			return "HdrHistogram's text of percentiles: want the log that it was made from, or numbers, one a line"
		}
		break
	}
	return ""
}
