package jsonfile

import (
	"encoding/json"
	"errors"
	"testing"
)

func TestAnErrorOfJSONHasALine(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"no JSON":            {"{\n\"n\": x}", "f:2"},
		"another type":       {"{\n\n\"n\": \"x\"}", "f:3"},
		"cut off":            {"{\n\"n\": 1,\n", "f:3"},
		"nothing":            {"", "f:1"},
		"an error elsewhere": {"", "f"},
	} {
		t.Run(name, func(t *testing.T) {
			err := json.Unmarshal([]byte(c.text), &struct{ N int }{})
			if name == "an error elsewhere" {
				err = errors.New("no place")
			}
			if got := Place("f", []byte(c.text), err); got != c.want {
				t.Errorf("%v: %q, want %q", err, got, c.want)
			}
		})
	}
}
