package scenarios_test

import (
	"os"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/loadgen-go/loadgen/internal/property"
	"github.com/loadgen-go/loadgen/scenarios"
)

// Decoding any file returns a scenario or an error.
func FuzzDecode(f *testing.F) {
	for _, name := range scenarios.Names() {
		data, err := os.ReadFile(name + ".yaml")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte("qps: &a [1]\nspans: *a\n<<: {}\n? x\n: y"))
	f.Add([]byte(strings.Replace(shop, "USERS", "none.csv", 1)))
	f.Add([]byte("target: http\nhttp: {url: http://a/, headers: {<<: {}}, requests: {body: {? x\n: y}, expect: " +
		"{json: {.: [~, .nan, {a: &b 1}, *b]}}}}\nqps: 1\nduration: 1s\n"))
	f.Add([]byte(strings.NewReplacer("USERS", "none.csv", "PROTO", "none.proto", "DIR", ".").Replace(orders)))
	f.Add([]byte("target: grpc\ngrpc: {address: 'a:1', method: a.B/C, schema: reflection, message: ['{}', " +
		"'{{uuid}}'], connections: {max: 3}, stream: {receive: all}}\nqps: 1\nduration: 1s\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := scenarios.Decode("fuzz.yaml", data)
		if (s == nil) == (err == nil) {
			t.Errorf("scenario %v, error %v", s, err)
		}
		if s != nil && (len(s.Cells()) == 0 || s.Visits() == 0) {
			t.Errorf("a scenario that runs nothing: %+v", s)
		}
	})
}

// What is read is printed as what reads the same, and some visits meet it.
func FuzzParseQuorum(f *testing.F) {
	for _, text := range []string{"most", "all", "80%", "0%", "+5%", "101%", "%", ""} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		q, err := scenarios.ParseQuorum(text)
		if err != nil {
			return
		}
		if again, err := scenarios.ParseQuorum(q.String()); err != nil || again != q {
			t.Errorf("%q is %v, which is read as %v, %v", text, q, again, err)
		}
		if q.Met(0, 1) || !q.Met(1, 1) {
			t.Errorf("%v: met by no visit, or not by all", q)
		}
	})
}

// Whatever flags give a scenario, it decodes or its problem names the flag.
func FuzzSetting(f *testing.F) {
	for _, field := range scenarios.Fields() {
		f.Add(field.Key, "1")
		f.Add(field.Key, "a(b,c),~")
	}
	f.Fuzz(func(t *testing.T, key, value string) {
		s, err := scenarios.Decode("fuzz.yaml", []byte("qps: 1k\nduration: 1s\n"),
			scenarios.Setting{Key: key, Value: value, Where: "--flag"})
		if (s == nil) == (err == nil) {
			t.Errorf("scenario %v, error %v", s, err)
		}
	})
}

func TestAnyCombinationOfFieldsDecodesOrIsReported(t *testing.T) {
	property.Check(t, func(t *rapid.T) {
		var b strings.Builder
		for _, f := range scenarios.Fields() {
			if strings.Contains(f.Key, ".") || !rapid.Bool().Draw(t, f.Key) {
				continue
			}
			b.WriteString(f.Key + ": " + rapid.SampledFrom([]string{"1", "1s", "[1k, 2k]", "sdk", "[none]", "true",
				"a vs b", "~", "{}", "\"\""}).Draw(t, "value") + "\n")
		}
		if s, err := scenarios.Decode("x.yaml", []byte(b.String())); (s == nil) == (err == nil) {
			t.Fatalf("scenario %v, error %v", s, err)
		}
	})
}
