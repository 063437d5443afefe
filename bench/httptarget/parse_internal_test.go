package httptarget

import (
	"context"
	"io"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/bench/record"
)

func TestAPlaceholderThatIsWrongIsFound(t *testing.T) {
	one := map[string]*table{"users": {file: "users.csv", columns: []string{"id", "name"},
		rows: [][]string{{"1", "a\nb"}}}}
	two := map[string]*table{"users": one["users"], "items": one["users"]}
	for _, c := range []struct {
		name, text, want string
		tables           map[string]*table
		q                quoting
	}{
		{name: "no end", text: "ab\ncd{{n", want: "x:2:3: {{ has no }}"},
		{name: "empty", text: "{{}}", want: "x:1:1: {{}} is empty: want one of n, key"},
		{name: "unknown", text: "é{{foo}}", want: `x:1:2: "foo" is not known: want one of n, key`},
		{name: "arguments", text: "{{n 1}}", want: "n takes no arguments"},
		{name: "a range of one", text: "{{int 1}}", want: "int takes two whole numbers"},
		{name: "a range of words", text: "{{int a b}}", want: `"a" is not one`},
		{name: "a range that ends in a word", text: "{{int 1 b}}", want: `"b" is not one`},
		{name: "a range upside down", text: "{{int 2 1}}", want: "want the smaller number first"},
		{name: "env without quotes", text: "{{env HOME}}", want: "env takes one name in quotes"},
		{name: "a file that is missing", text: `{{file "/nosuch"}}`, want: "open /nosuch"},
		{name: "a quote without an end", text: `{{env "x}}`, want: "x:1:7: a quoted text has no end"},
		{name: "no data", text: "{{row.id}}", want: "row.id needs data"},
		{name: "no column", text: "{{row}}", want: "row needs a column", tables: one},
		{name: "another column", text: "{{row.age}}", want: `no column "age": want one of id, name`, tables: one},
		{name: "other data", text: "{{row.orders.id}}", want: `no data "orders": want one of users`, tables: one},
		{name: "one of several", text: "{{row.id}}", want: "want row.DATA.COLUMN, with one of items, users",
			tables: two},
		{name: "a line break in a header", text: "{{row.name}}", want: "row 2 has a control character", tables: one,
			q: inHeader},
		{name: "a line break within", text: "{{int 1\n2}}", want: "want }} at the end"},
		{name: "one brace", text: "{{n} }", want: "want }} at the end"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := &parser{tables: c.tables}
			if _, err := p.parse("x", c.text, c.q); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v: want %q", err, c.want)
			}
		})
	}
}

func TestWholeNumbersReachBothEnds(t *testing.T) {
	for text, want := range map[string]string{
		"{{int 0 1}}": "0 1", "{{int -1 1}}": "-1 0 1", "{{int 5 5}}": "5",
	} {
		t.Run(text, func(t *testing.T) {
			cut, err := (&parser{seed: 1}).parse("x", text, verbatim)
			if err != nil {
				t.Fatal(err)
			}
			seen := map[string]bool{}
			for n := range uint64(100) {
				seen[string(cut.append(nil, &callValues{n: n}))] = true
			}
			for _, number := range strings.Fields(want) {
				if !seen[number] {
					t.Errorf("%s did not come up: %v", number, seen)
				}
				delete(seen, number)
			}
			if len(seen) > 0 {
				t.Errorf("%v came up: want only %s", seen, want)
			}
		})
	}
	whole, err := (&parser{}).parse("x", "{{int -9223372036854775808 9223372036854775807}}", verbatim)
	if err != nil || len(whole.append(nil, &callValues{})) == 0 {
		t.Errorf("the whole range: %v", err)
	}
}

func FuzzTemplate(f *testing.F) {
	for _, text := range []string{"", "a{{n}}b", "{{", "}}", `{{"{{"}}`, "{{int 1 2}}{{uuid}}", "{{row.id}}",
		"{{ key }}", "{{n}", "{{\"", "{{row.users.id}}"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		tables := map[string]*table{"users": {columns: []string{"id"}, rows: [][]string{{"1"}}}}
		for _, q := range []quoting{verbatim, inPath, inHeader} {
			cut, err := (&parser{tables: tables}).parse("x", text, q)
			if err != nil {
				continue
			}
			first, again := cut.append(nil, &callValues{n: 3, key: "k"}), cut.append(nil, &callValues{n: 3, key: "k"})
			if string(first) != string(again) {
				t.Errorf("%q and then %q", first, again)
			}
			if !strings.Contains(text, "{{") && string(first) != text {
				t.Errorf("a text without placeholders became %q", first)
			}
		}
	})
}

func FuzzTable(f *testing.F) {
	for _, text := range []string{"", "id\n1\n", "\ufeffid,b\n1,2\n", "a,a\n1,2\n", "\"", "a\n\"x\ny\"\n"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		table, err := parseTable("x.csv", text)
		if err != nil {
			return
		}
		for _, name := range table.columns {
			if values, err := table.column(name, verbatim); err != nil || len(values) != len(table.rows) {
				t.Errorf("column %q: %d values of %d rows, %v", name, len(values), len(table.rows), err)
			}
		}
	})
}

func FuzzJSONPath(f *testing.F) {
	for _, path := range []string{".", ".a", ".a[0].b", "[0]", "a", ".[", ".a[", "[-1]", "[99999999999]", ".."} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		steps, err := jsonSteps(path)
		if err != nil {
			return
		}
		for _, root := range []string{`{"a":[{"b":1}]}`, `[[1]]`, `1`} {
			v, err := decodeJSON([]byte(root))
			if err != nil {
				t.Fatal(err)
			}
			descend(v, steps) // must not panic
		}
	})
}

// Whatever a server answers, a call returns, and no answer that is cut off is taken for a whole one.
func FuzzAnswer(f *testing.F) {
	for _, answer := range []string{"", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX: y\r\n\r\n",
		"HTTP/1.1 200 OK\r\n\r\nok",
		"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.0 200 OK\r\n\r\n", "garbage\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n", "HTTP/1.1 -1 x\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok"} {
		f.Add([]byte(answer))
	}
	base, err := url.Parse("http://x")
	if err != nil {
		f.Fatal(err)
	}
	o := (Options{URL: "http://x", MaxBody: 1000, Timeout: Timeout{Total: 5 * time.Second}}).withDefaults()
	r, err := newRequest(&o, base, 0, &parser{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		client, server := net.Pipe()
		go func() {
			_, _ = server.Read(make([]byte, 1<<10))
			_, _ = server.Write(answer) // the client may have seen enough
			_ = server.Close()
		}()
		x := &exchange{ctx: context.Background(), at: &bench.Instants{Begun: time.Now()}, keepBody: true}
		x.set(r, 0, true)
		x.deadline = x.at.Begun.Add(o.Timeout.Total)
		l := newRawLink(client, &o)
		defer l.close()
		err := l.exchange(x)
		if err == nil && x.answer.status < 100 || len(x.answer.body) > 1000 {
			t.Errorf("status %d and %d bytes of body, %v", x.answer.status, len(x.answer.body), err)
		}
		if err != nil && record.KindOf(err) == record.KindDeadline {
			t.Errorf("the call hangs although the server has closed the connection: %v", err)
		}
	})
}

// The headers may be larger than the buffer, whichever way they arrive.
func TestHeadersLargerThanTheBuffer(t *testing.T) {
	for _, size := range []int{1, 100, 4096, 100_000} {
		client, server := net.Pipe()
		answer := "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 20_000) + "\r\nContent-Length: 3\r\n\r\nabc"
		go func() {
			_, _ = server.Read(make([]byte, 1<<10))
			for rest := answer; rest != ""; {
				n := min(size, len(rest))
				_, _ = io.WriteString(server, rest[:n])
				rest = rest[n:]
			}
		}()
		base := &url.URL{Scheme: "http", Host: "x"}
		o := (Options{URL: "http://x"}).withDefaults()
		r, err := newRequest(&o, base, 0, &parser{})
		if err != nil {
			t.Fatal(err)
		}
		x := &exchange{ctx: context.Background(), at: &bench.Instants{Begun: time.Now()}, keepBody: true}
		x.set(r, 0, true)
		l := newRawLink(client, &o)
		if err := l.exchange(x); err != nil || string(x.answer.body) != "abc" || !l.take() {
			t.Errorf("in pieces of %d: %q, %v", size, x.answer.body, err)
		}
		l.close()
		_ = server.Close()
	}
}
