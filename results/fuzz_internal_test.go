package results

import "testing"

func FuzzRead(f *testing.F) {
	for _, text := range []string{
		`{"schema":2,"scenario":{"name":"a","qps":["1k"],"duration":"1s"},"visits":[],"status":"complete"}`,
		`{"schema":2,"scenario":{"qps":["1k"],"duration":"1s"},"visits":[` +
			`{"cell":{"spans":"none","qps":1000},"round":1,"error":"x"}],"status":"partial"}`,
		`{"schema":2,"scenario":null}`, `{"schema":"2"}`, `[]`, ``,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if run, err := parse("run.json", data); (run == nil) == (err == nil) {
			t.Errorf("%v, %v: want a run or an error", run, err)
		}
	})
}
