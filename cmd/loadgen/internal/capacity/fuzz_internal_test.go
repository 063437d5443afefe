package capacity

import (
	"encoding/json"
	"testing"
)

func FuzzReadFile(f *testing.F) {
	for _, text := range []string{`{"schema":1,"scenario":{},"search":{}}`,
		`{"schema":1,"scenario":{"qps":["1k"]},"search":{"options":{},"arms":[null]}}`, `{}`, ``} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if file, err := parse("capacity.json", data); (file == nil) == (err == nil) {
			t.Errorf("%v, %v: want a file or an error", file, err)
		}
	})
}

// FuzzSearch decodes the search alone, since a fuzzer cannot guess the digest of a whole file.
func FuzzSearch(f *testing.F) {
	for _, text := range []string{`{}`, `{"options":{},"arms":[{}]}`, `{"arms":[null]}`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var s Search
		if s.UnmarshalJSON(data) == nil {
			_ = s.Options()
		}
	})
}

// The answer of a probe's process, if it is read, can be kept.
func FuzzProbe(f *testing.F) {
	for _, text := range []string{`{"evidence":{"arm":"a","rate":100,"met":true,"took":1},"scheduled_ns":5}`,
		`{"evidence":{"rate":-1}}`, `{}`, `null`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var p Probe
		if json.Unmarshal(data, &p) != nil {
			return
		}
		if _, err := json.Marshal(&p); err != nil {
			t.Error(err)
		}
	})
}
