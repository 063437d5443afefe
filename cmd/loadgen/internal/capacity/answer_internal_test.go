package capacity

import "testing"

func TestTheReasonOfMostProbesIsReported(t *testing.T) {
	for _, c := range []struct {
		name  string
		texts []string
		want  string
	}{
		{"none", nil, ""},
		{"the last of the most frequent", []string{"noisy: 1", "late: 2", "noisy: 3", "late: 4", "noisy: 5",
			"late: 6", "noisy: 7", "off: 8"}, "noisy: 7"},
		{"the first of equals", []string{"late: 1", "noisy: 2", "noisy: 3", "late: 4"}, "noisy: 3"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := mostNamed(c.texts); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}
