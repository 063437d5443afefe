package spelling

import (
	"strings"
	"testing"
)

func TestAWordIsTakenForTheNamesThatItIsSpeltLike(t *testing.T) {
	names := []string{"none", "sdk", "pooled", "pooled-value", "span-reuse", "duration", "Q"}
	for word, want := range map[string]string{
		"poold": " (did you mean pooled?)", "pooledd": " (did you mean pooled?)",
		"pooled": " (did you mean pooled?)", "POOLED": " (did you mean pooled or pooled-value?)",
		"pool": " (did you mean pooled or pooled-value?)", "skd": " (did you mean sdk?)",
		"durtaion":  " (did you mean duration?)",
		"spanreuse": " (did you mean span-reuse?)", "q": "", "qs": " (did you mean Q?)",
		"own": "", "": "", "n": "", "entirely": "", "p": "", "sdk!?": "",
	} {
		t.Run(word, func(t *testing.T) {
			if got := Meant(word, names); got != want {
				t.Errorf("%q, want %q", got, want)
			}
		})
	}
}

func TestDistancesAreKnown(t *testing.T) {
	for pair, want := range map[string]int{"a b": 1, "ab ba": 1, "abc ca": 3, "kitten sitting": 3, "same same": 0,
		"x xyz": 2} {
		a, b, _ := strings.Cut(pair, " ")
		if got, back := distance([]rune(a), []rune(b), 9), distance([]rune(b), []rune(a), 9); got != want ||
			back != want {
			t.Errorf("%s: %d, and %d the other way, want %d", pair, got, back, want)
		}
	}
}
