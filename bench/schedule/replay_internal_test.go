package schedule

import (
	"strconv"
	"strings"
	"testing"
)

func TestARecordingHasABoundOnItsLines(t *testing.T) {
	for text, want := range map[string]string{"1\n": "",
		"1\n\n": "schedule: x:100000001: more than 100000000 lines: want fewer"} {
		t.Run(strconv.Quote(text), func(t *testing.T) {
			l := lines{spec: ReplaySpec{Path: "x"}, number: maxLines - 1, keys: map[string]uint32{}}
			if err := l.read(strings.NewReader(text)); (err != nil) != (want != "") || err != nil &&
				!strings.Contains(err.Error(), want) {
				t.Errorf("%q after 99,999,999 lines: %v, want %q", text, err, want)
			}
		})
	}
}
