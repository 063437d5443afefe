package selftest

import "testing"

func FuzzReadNoise(f *testing.F) {
	for _, text := range []string{
		`{"schema":1}`, `{"schema":1,"units":[{"unit":"B/op"}]}`, `{"schema":2}`, `{"x":1}`, `null`, ``,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := parseNoise("noise.json", data)
		if (r == nil) == (err == nil) {
			t.Fatalf("%v, %v: want a report or an error", r, err)
		}
		r.Noise(func(string) bool { return true })
	})
}
