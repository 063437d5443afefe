package report

import "testing"

// The reason why a visit is lost says what happened, and not that a process failed or that a quotation follows.
func TestWhyAVisitIsLost(t *testing.T) {
	for name, row := range map[string]struct{ text, want string }{
		"a crash": {"the process of the visit failed: exit status 2\nfatal error: all asleep\n\ngoroutine 1",
			"the process of the visit failed: exit status 2"},
		"its own error": {"the process of the visit failed: exit status 2\nloadgen: service a: it ended by itself: " +
			"exit status 7; the end of its output (more is in logs/a.log):\n\tno database",
			"service a: it ended by itself: exit status 7"},
		"its last words": {"the process of the visit failed: exit status 2\nloadgen: a: the target's Open has not " +
			"returned for 10s\nloadgen: opening it failed", "opening it failed"},
		"a service that is gone": {"service-gone: sidecar db: it ended by itself: exit status 7; the end of its " +
			"output:\n\tgiving up\nIt was sent 9 calls before",
			"service-gone: sidecar db: it ended by itself: exit status 7"},
		"no quotation": {"service-gone: service a: it printed nothing", "service-gone: service a: it printed nothing"},
		"a colon":      {"what follows:\n\tlines", "what follows"},
		"nothing":      {"", ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := whyLost(row.text); got != row.want {
				t.Errorf("%q, want %q", got, row.want)
			}
		})
	}
}
