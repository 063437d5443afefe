package visit

import (
	"encoding/json"
	"errors"
	"testing"
)

// A request that is accepted has all that a visit opens first, and is written as what reads the same.
func FuzzRequest(f *testing.F) {
	for _, text := range []string{`{"scenario":{"name":"a","qps":["1k"],"duration":"1s"},"cell":{"spans":"none",` +
		`"qps":"1000"},"seed":1,"turns":0.5}`,
		`{"scenario":{"closed":true,"duration":"1s"},"cell":{"spans":"sdk"},"profile":{"kinds":["cpu"]}}`,
		`{"scenario":null}`, `{}`, `null`,
		`{"scenario":{"qps":["1"],"duration":"1s"},"cell":{"spans":"none","qps":"1"},"turns":-1}`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var r, again Request
		if err := errors.Join(json.Unmarshal(data, &r), r.Check()); err != nil {
			return
		}
		if _, err := attributesOf(&r.Cell); err != nil {
			t.Error(err)
		}
		text, err := json.Marshal(&r)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, &again); err != nil || again.Cell != r.Cell {
			t.Errorf("%s is read as %v, %v", text, again.Cell, err)
		}
	})
}
