package quantiles

import (
	"bytes"
	"regexp"
	"strings"
)

// byteOrderMark begins UTF-8 as some editors write it. It says nothing, and is skipped.
const byteOrderMark = "\ufeff"

const decompressed = ": want it decompressed, such as by %s FILE | loadgen quantiles -"

// kinds are what a file is that begins so, and what to do about it.
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

const utf8 = ": want UTF-8, such as by iconv -f UTF-16 -t UTF-8 FILE | loadgen quantiles -"

// benchmarkLine is a line of Go benchmark text: a result, a unit, or a configuration.
var benchmarkLine = regexp.MustCompile(`^(Benchmark\S*\s|Unit \S+ \S+=|[a-z][^\s:]*:\s)`)

// percentilesHead is the first line of HdrHistogram's text of percentiles.
var percentilesHead = regexp.MustCompile(`^"?Value"?[\s,]+"?Percentile`)

// anotherKind returns what a file is that begins with head, and what is wanted instead; ""
// if it may be a log or numbers. Columns of a table are left to its first line.
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
