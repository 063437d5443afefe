package expect

import (
	"testing"
	"time"

	"github.com/loadgen-go/loadgen/bench/record"
)

// Numbers are compared by value, and with numbers in text only if asked to.
func TestValuesAreCompared(t *testing.T) {
	const text = `{"id": "9007199254740993", "n": 1.0, "list": [{"a": "1"}], "s": "x"}`
	for _, c := range []struct {
		name, path string
		want       any
		text       bool
		kind       string
	}{
		{"a number", ".n", 1, false, ""},
		{"another number", ".n", 2, false, "check json .n"},
		{"a number in text", ".id", 9007199254740993, true, ""},
		{"a number in text that is text", ".id", 9007199254740993, false, "check json .id"},
		{"text in text", ".id", "9007199254740993", true, ""},
		{"within a list", ".list", []any{map[string]any{"a": 1}}, true, ""},
		{"text that is no number", ".s", 1, true, "check json .s"},
		{"nothing there", ".x", 1, true, "check json .x"},
	} {
		t.Run(c.name, func(t *testing.T) {
			j, err := NewJSON("json", map[string]any{c.path: c.want})
			if err != nil {
				t.Fatal(err)
			}
			if c.text {
				j = j.NumbersAsText()
			}
			if err := j.Check("body", []byte(text)); c.kind == "" && err != nil ||
				c.kind != "" && (err == nil || record.KindOf(err) != c.kind) {
				t.Errorf("%v: want the kind %q", err, c.kind)
			}
		})
	}
}

func TestALatencyAtItsLimitIsGood(t *testing.T) {
	if err := Latency(time.Second, time.Second); err != nil {
		t.Error(err)
	}
	if err := Latency(time.Second+1, time.Second); err == nil || record.KindOf(err) != "check latency" {
		t.Error(err)
	}
}

func FuzzJSONPath(f *testing.F) {
	for _, path := range []string{".", ".a", ".a[0].b", "[0]", "a", ".[", ".a[", "[-1]", "[99999999999]", ".."} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		steps, err := parsePath(path)
		if err != nil {
			return
		}
		for _, root := range []string{`{"a":[{"b":1}]}`, `[[1]]`, `1`} {
			v, err := decode([]byte(root))
			if err != nil {
				t.Fatal(err)
			}
			descend(v, steps) // must not panic
		}
	})
}
