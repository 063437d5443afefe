package history

import "testing"

func FuzzParse(f *testing.F) {
	for _, text := range []string{
		`{"schema":1,"commit":"abc","time":"2026-01-02T03:04:05Z","cells":[{"name":"A","unit":"B/op","n":1,` +
			`"median":2}]}`,
		`{"schema":1,"cells":[null]}`, `{"schema":9}`, `null`, ``,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		if r, err := parse(line); err == nil && (r.Commit == "" || len(r.Cells) == 0) {
			t.Errorf("%q is a record of nothing", line)
		}
	})
}
